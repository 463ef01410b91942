"""Verbs on deployments and their replicas."""

from __future__ import annotations

import time

from dclab.engines.embedded import questions
from dclab.engines.embedded.deployment import Deployment
from dclab.engines.embedded.parts import Parts
from dclab.engines.embedded.room import Running, this_machine
from dclab.engines.embedded.usage import spent
from dclab.errors import DclabError, InvalidInput, TimedOut
from dclab.lab import ReplicaHealth, Replicas, ReplicaUsage, Room, WorkerReport

__all__ = ["DeploymentVerbs", "counts_of", "usage_of"]


class DeploymentVerbs:
    """Answers to `questions.deployments`."""

    parts: Parts

    async def trouble(self, asked: questions.AskTrouble) -> str | None:
        """Why replicas of a deployment are not ready; None while nothing is known against them."""
        self.parts.see()
        return self.parts.why(self.parts.deployment(asked.deployment)) or None

    async def room(self, asked: questions.AskRoom) -> Room:
        """For how many replicas of a deployment this machine has room, beside all that run on it."""
        deployments = self.parts.deployments
        return this_machine().room(
            self.parts.deployment(asked.deployment).workload,
            Running({name: len(one.replicas) for name, one in deployments.items()}),
        )

    async def scale(self, asked: questions.Scale) -> None:
        """Scale, and wait until that many are ready and none is terminating."""
        found = self.parts.deployment(asked.deployment)
        found.scale(asked.replicas)
        await self.parts.wait([found], asked.timeout)
        if found.desired != asked.replicas:
            raise DclabError(
                f"{found.name} was scaled to {found.desired} by something else, while this waited for {asked.replicas}.",
                "Another dclab command or an autoscaler did that.",
                "Remove the autoscaler, or let one command at a time change the lab.",
            )

    async def replicas(self, asked: questions.AskReplicas) -> Replicas:
        """Counts of one deployment."""
        self.parts.see()
        return counts_of(self.parts.deployment(asked.deployment))

    async def configure(self, asked: questions.Configure) -> None:
        """Replace a deployment's replicas by ones with these variables."""
        found = self.parts.deployment(asked.deployment)
        why = await found.configure(asked.env, asked.timeout)
        if why:
            raise TimedOut(
                f"{found.name} with {asked.env} did not get ready; it runs on as it was.",
                why,
                f"See the logs in {self.parts.logs}.",
            )
        await self.parts.wait([found], asked.timeout)

    async def health(self, asked: questions.AskHealth) -> tuple[ReplicaHealth, ...]:
        """Every replica of one deployment."""
        self.parts.see()
        found = self.parts.deployment(asked.deployment)
        return tuple(
            ReplicaHealth(
                name=one.name,
                ready=one.ready and not one.terminating,
                in_service=one.serving and not one.terminating,
                terminating=one.terminating,
                restarts=one.restarts,
                current=found.is_current(one),
                waiting=one.waiting,
            )
            for one in sorted(found.replicas, key=lambda each: each.name)
        )

    async def roll_out(self, asked: questions.RollOut) -> None:
        """Begin a rolling update."""
        found = self.parts.deployment(asked.deployment)
        if asked.change.probe and found.workload.port is None:
            raise InvalidInput(
                f"{found.name} cannot have an HTTP probe.", "It listens at no port.", "Take rng, hasher or webui."
            )
        found.roll_out(asked.change)

    async def roll_back(self, asked: questions.RollBack) -> None:
        """Begin to put back what was there before."""
        self.parts.deployment(asked.deployment).roll_back()

    async def delete_replica(self, asked: questions.DeleteReplica) -> None:
        """Begin to end one replica; the deployment starts another."""
        found = self.parts.deployment(asked.deployment)
        one = next((one for one in found.replicas if one.name == asked.name), None)
        if one is None:
            raise InvalidInput(f"{asked.deployment} has no replica {asked.name!r}.", "It has ended.", "Name another.")
        one.drain()
        self.parts.reconciler.changed()

    async def cpu_request(self, asked: questions.AskCpuRequest) -> float:
        """CPU request of one replica in millicores."""
        return self.parts.deployment(asked.deployment).workload.cpu_request_millicores

    async def usage(self, asked: questions.AskUsage) -> tuple[ReplicaUsage, ...]:
        """Usage of the replicas that have been measured."""
        return usage_of(self.parts, self.parts.deployment(asked.deployment))

    async def spent(self, _: questions.AskSpent) -> dict[str, tuple[questions.ReplicaSpent, ...]]:
        """CPU time and memory of every replica now."""
        unix = time.time() - time.monotonic()
        return {
            name: tuple(
                questions.ReplicaSpent(
                    replica=one.name,
                    pid=one.pid,
                    at=unix + now.at,
                    cpu_seconds=now.cpu_seconds,
                    memory_mb=now.memory_mb,
                )
                for one in deployment.alive
                if one.pid is not None and (now := spent(one.pid))
            )
            for name, deployment in self.parts.deployments.items()
        }

    async def worker_reports(self, asked: questions.AskReports) -> tuple[WorkerReport, ...] | None:
        """Every report since then; None when some of them are not kept any more."""
        return self.parts.reports.since(asked.since)


def usage_of(parts: Parts, deployment: Deployment) -> tuple[ReplicaUsage, ...]:
    """Return the usage of those of its replicas that have been measured."""
    samples, unix = parts.usage.samples, time.time() - time.monotonic()
    return tuple(
        ReplicaUsage(
            replica=one.name,
            cpu_millicores=samples[one.name].cpu_millicores,
            memory_mb=samples[one.name].memory_mb,
            at=unix + samples[one.name].at,
            window_seconds=samples[one.name].window,
        )
        for one in deployment.alive
        if one.name in samples
    )


def counts_of(deployment: Deployment) -> Replicas:
    """Return its counts."""
    return Replicas(
        desired=deployment.desired,
        ready=deployment.ready,
        terminating=deployment.terminating,
        restarts=deployment.restarts,
        names=tuple(sorted(one.name for one in deployment.replicas)),
    )
