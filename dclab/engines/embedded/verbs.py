"""What an embedded lab answers: the supervisor's side of `questions`."""

from __future__ import annotations

import asyncio
import os
import time
from subprocess import SubprocessError

import msgspec

from dclab.autoscaler import parse_autoscaler
from dclab.engines.embedded import questions, wire
from dclab.engines.embedded.container import redis_server
from dclab.engines.embedded.deployment import Deployment
from dclab.engines.embedded.jobs import start_job
from dclab.engines.embedded.parts import Parts
from dclab.engines.embedded.prometheus import PROMETHEUS, prometheus_service, prometheus_workload
from dclab.engines.embedded.room import Running, this_machine
from dclab.engines.embedded.usage import spent
from dclab.errors import DclabError, InvalidInput, TimedOut
from dclab.lab import (
    AutoscalerStatus,
    DeploymentState,
    JobStatus,
    Quantities,
    ReplicaHealth,
    Replicas,
    ReplicaUsage,
    Room,
    WorkerReport,
)

__all__ = ["Verbs"]


class Verbs:
    """The verbs of one lab. Errors travel to the client as they are."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._adding = asyncio.Lock()

    async def about(self, _: questions.AskAbout) -> questions.About:
        """Settings, pids and service ports."""
        self.parts.see()
        return questions.About(
            settings=self.parts.settings,
            pid=os.getpid(),
            proxy_pid=self.parts.services.pid,
            data_path_trouble=self.parts.services.trouble(),
            load_balancing=self.parts.services.load_balancing,
            ports=self.parts.ports,
            redis=redis_server(),
            control_loop_worst_delay_seconds=self.parts.autoscaling.worst_delay,
            replicas={
                name: tuple(
                    questions.ReplicaState(
                        name=one.name, pid=one.pid, port=one.port, ready=one.ready, restarts=one.restarts
                    )
                    for one in deployment.replicas
                )
                for name, deployment in self.parts.deployments.items()
            },
            autoscalers=self.parts.autoscaling.targets,
        )

    async def states(self, _: questions.AskStates) -> dict[str, DeploymentState]:
        """Counts and usage of every deployment."""
        self.parts.see()
        return {
            name: DeploymentState(
                counts=_counts(one),
                usage=self._usage(one),
                trouble=(self.parts.why(one) or None) if one.ready < one.desired else None,
            )
            for name, one in self.parts.deployments.items()
        }

    async def ready(self, asked: questions.Ready) -> None:
        """Return when every deployment has as many ready replicas as it wants."""
        await self.parts.wait(tuple(self.parts.deployments.values()), asked.timeout)

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
        return _counts(self.parts.deployment(asked.deployment))

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
        return self._usage(self.parts.deployment(asked.deployment))

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

    async def set_load_balancing(self, asked: questions.SetLoadBalancing) -> None:
        """Set the load-balancing policy of every service."""
        if asked.policy not in wire.LOAD_BALANCING_POLICIES:
            raise InvalidInput(
                f"There is no load-balancing policy {asked.policy!r}.",
                f"There are: {', '.join(wire.LOAD_BALANCING_POLICIES)}.",
            )
        await self.parts.services.set_load_balancing(asked.policy)

    async def start_load(self, asked: questions.StartLoad) -> str:
        """Run a Job; returns its name."""
        try:
            job = await start_job(asked.workload, self.parts.host)
        except (OSError, SubprocessError) as error:
            raise DclabError("The load test could not be started.", f"{error}.", "Run `dclab doctor`.") from error
        self.parts.jobs[job.name] = job
        return job.name

    async def job_status(self, asked: questions.AskJob) -> JobStatus:
        """State of a job."""
        return self.parts.job(asked.name).status

    async def job_log(self, asked: questions.AskJobLog) -> str:
        """Everything a job printed so far."""
        return self.parts.job(asked.name).log()

    async def job_stop(self, asked: questions.StopJob) -> None:
        """End a job."""
        await self.parts.job(asked.name).stop()

    async def apply_autoscaler(self, asked: questions.ApplyAutoscaler) -> None:
        """Apply a HorizontalPodAutoscaler; InvalidInput: it is none, or asks for a metric that nobody serves."""
        spec = parse_autoscaler(asked.manifest)
        self.parts.deployment(spec.target)
        self.parts.scrapes.check(spec)
        self.parts.autoscaling.apply(spec)

    async def remove_autoscaler(self, asked: questions.RemoveAutoscaler) -> None:
        """Remove one; replica counts stay as they are."""
        self.parts.autoscaling.remove(asked.name)

    async def autoscaler(self, asked: questions.AskAutoscaler) -> AutoscalerStatus:
        """Status of one."""
        return self.parts.autoscaling.status(asked.name)

    async def autoscaler_passes(self, asked: questions.AskPasses) -> msgspec.Raw:
        """What one saw and did."""
        return msgspec.Raw(msgspec.json.encode(self.parts.autoscaling.passes(asked.name)))

    async def scrape_every(self, asked: questions.ScrapeEvery) -> float | None:
        """Set the scrape period; return the one before."""
        return self.parts.scrape_every(asked.seconds)

    async def served_metrics(self, asked: questions.AskServedMetrics) -> tuple[str, ...]:
        """Metrics that an autoscaler of a deployment can use."""
        return tuple(self.parts.scrapes.served(self.parts.deployment(asked.deployment).name))

    async def quantities(self, asked: questions.AskQuantities) -> dict[str, Quantities]:
        """What each replica of a deployment has been asked; empty where nobody counts."""
        return await self.parts.scrapes.quantities(self.parts.deployment(asked.deployment).name)

    async def prometheus(self, asked: questions.AskPrometheus) -> int | None:
        """Port of the lab's Prometheus, started if need be; None where it is not installed."""
        try:
            async with self._adding:  # asked twice at once, it is added once
                if PROMETHEUS not in self.parts.deployments and not await self._add_prometheus():
                    return None
        except OSError as error:
            raise DclabError("Prometheus could not be started.", f"{error}.", "Make room, and try again.") from error
        await self.parts.wait([self.parts.deployments[PROMETHEUS]], asked.timeout)
        return self.parts.services.ports[PROMETHEUS]

    async def _add_prometheus(self) -> bool:
        lab, service = self.parts, prometheus_service()
        workload = prometheus_workload(lab.folder)
        if workload is None:
            return False
        lab.configure_prometheus()
        if service.name not in lab.services.ports:
            await lab.services.open({service.name: 0})
        lab.service_specs[service.name] = service
        lab.deployments[PROMETHEUS] = Deployment(lab.host, workload)
        lab.reconciler.changed()
        return True

    async def down(self, _: questions.Down) -> None:
        """End everything, then the supervisor itself."""
        await self.parts.end()

    def _usage(self, deployment: Deployment) -> tuple[ReplicaUsage, ...]:
        samples, unix = self.parts.usage.samples, time.time() - time.monotonic()
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


def _counts(deployment: Deployment) -> Replicas:
    return Replicas(
        desired=deployment.desired,
        ready=deployment.ready,
        terminating=deployment.terminating,
        restarts=deployment.restarts,
        names=tuple(sorted(one.name for one in deployment.replicas)),
    )
