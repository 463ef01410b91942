"""What an embedded lab answers: the supervisor's side of `questions`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from dclab.autoscaler import parse_autoscaler
from dclab.clock import reached
from dclab.engines.embedded import questions, wire
from dclab.engines.embedded.autoscale import Autoscaling
from dclab.engines.embedded.container import redis_server
from dclab.engines.embedded.deployment import Deployment
from dclab.engines.embedded.jobs import RunningJob, start_job
from dclab.engines.embedded.prometheus import PROMETHEUS, prometheus_service, prometheus_workload
from dclab.engines.embedded.reconcile import Reconciler
from dclab.engines.embedded.replica import ReplicaHost
from dclab.engines.embedded.reports import Reports
from dclab.engines.embedded.services import Services
from dclab.engines.embedded.usage import UsageSampler
from dclab.errors import DclabError, InvalidInput, LabLost, TimedOut
from dclab.lab import AutoscalerStatus, DeploymentState, JobStatus, Replicas, ReplicaUsage, WorkerReport
from dclab.manifests import ServicePort

__all__ = ["Parts", "Verbs"]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a lab consists of, as far as it can be asked about."""

    settings: wire.Settings
    folder: Path
    host: ReplicaHost
    service_specs: dict[str, ServicePort]
    services: Services
    deployments: dict[str, Deployment]
    reconciler: Reconciler
    jobs: dict[str, RunningJob]
    reports: Reports
    usage: UsageSampler
    autoscaling: Autoscaling
    end: Callable[[], Awaitable[None]]
    """Ends everything that runs, then the supervisor itself."""


class Verbs:
    """The verbs of one lab. Errors travel to the client as they are."""

    def __init__(self, parts: Parts) -> None:
        self._lab = parts
        self._adding = asyncio.Lock()

    async def about(self, _: questions.AskAbout) -> questions.About:
        """Settings, pids and service ports."""
        return questions.About(
            settings=self._lab.settings,
            pid=os.getpid(),
            proxy_pid=self._lab.services.pid,
            data_path_trouble=self._lab.services.trouble(),
            load_balancing=self._lab.services.load_balancing,
            ports=self._lab.services.ports,
            redis=redis_server(),
            control_loop_worst_delay_seconds=self._lab.autoscaling.worst_delay,
            replicas={
                name: tuple(
                    questions.ReplicaState(
                        name=one.name, pid=one.pid, port=one.port, ready=one.ready, restarts=one.restarts
                    )
                    for one in deployment.replicas
                )
                for name, deployment in self._lab.deployments.items()
            },
            autoscalers=self._lab.autoscaling.targets,
        )

    async def states(self, _: questions.AskStates) -> dict[str, DeploymentState]:
        """Counts and usage of every deployment."""
        return {
            name: DeploymentState(counts=_counts(one), usage=self._usage(one))
            for name, one in self._lab.deployments.items()
        }

    async def ready(self, asked: questions.Ready) -> None:
        """Return when every deployment has as many ready replicas as it wants."""
        await self._wait(tuple(self._lab.deployments.values()), asked.timeout)

    async def trouble(self, asked: questions.AskTrouble) -> str | None:
        """Why replicas of a deployment are not ready; None while they may only need time."""
        return self._deployment(asked.deployment).trouble or None

    async def scale(self, asked: questions.Scale) -> None:
        """Scale, and wait until that many are ready and none is terminating."""
        found = self._deployment(asked.deployment)
        found.scale(asked.replicas)
        await self._wait([found], asked.timeout)
        if found.desired != asked.replicas:
            raise DclabError(
                f"{found.name} was scaled to {found.desired} by something else, while this waited for {asked.replicas}.",
                "Another dclab command or an autoscaler did that.",
                "Remove the autoscaler, or let one command at a time change the lab.",
            )

    async def replicas(self, asked: questions.AskReplicas) -> Replicas:
        """Counts of one deployment."""
        return _counts(self._deployment(asked.deployment))

    async def configure(self, asked: questions.Configure) -> None:
        """Replace a deployment's replicas by ones with these variables."""
        found = self._deployment(asked.deployment)
        why = await found.configure(asked.env, asked.timeout)
        if why:
            raise TimedOut(
                f"{found.name} with {asked.env} did not get ready; it runs on as it was.",
                why,
                f"See the logs in {self._logs}.",
            )
        await self._wait([found], asked.timeout)

    async def cpu_request(self, asked: questions.AskCpuRequest) -> float:
        """CPU request of one replica in millicores."""
        return self._deployment(asked.deployment).workload.cpu_request_millicores

    async def usage(self, asked: questions.AskUsage) -> tuple[ReplicaUsage, ...]:
        """Usage of the replicas that have been measured."""
        return self._usage(self._deployment(asked.deployment))

    async def worker_reports(self, asked: questions.AskReports) -> tuple[WorkerReport, ...] | None:
        """Every report since then; None when some of them are not kept any more."""
        return self._lab.reports.since(asked.since)

    async def set_load_balancing(self, asked: questions.SetLoadBalancing) -> None:
        """Set the load-balancing policy of every service."""
        if asked.policy not in wire.LOAD_BALANCING_POLICIES:
            raise InvalidInput(
                f"There is no load-balancing policy {asked.policy!r}.",
                f"There are: {', '.join(wire.LOAD_BALANCING_POLICIES)}.",
            )
        await self._lab.services.set_load_balancing(asked.policy)

    async def start_load(self, asked: questions.StartLoad) -> str:
        """Run a Job; returns its name."""
        try:
            job = await start_job(
                asked.workload, folder=self._lab.folder, services=self._lab.services.ports, guard=self._lab.host.guard
            )
        except OSError as error:
            raise DclabError("The load test could not be started.", f"{error}.", "Run `dclab doctor`.") from error
        self._lab.jobs[job.name] = job
        return job.name

    async def job_status(self, asked: questions.AskJob) -> JobStatus:
        """State of a job."""
        return self._job(asked.name).status

    async def job_log(self, asked: questions.AskJobLog) -> str:
        """Everything a job printed so far."""
        return self._job(asked.name).log()

    async def job_stop(self, asked: questions.StopJob) -> None:
        """End a job."""
        await self._job(asked.name).stop()

    async def apply_autoscaler(self, asked: questions.ApplyAutoscaler) -> None:
        """Apply a HorizontalPodAutoscaler."""
        spec = parse_autoscaler(asked.manifest)
        self._deployment(spec.target)
        self._lab.autoscaling.apply(spec)

    async def remove_autoscaler(self, asked: questions.RemoveAutoscaler) -> None:
        """Remove one; replica counts stay as they are."""
        self._lab.autoscaling.remove(asked.name)

    async def autoscaler(self, asked: questions.AskAutoscaler) -> AutoscalerStatus:
        """Status of one."""
        return self._lab.autoscaling.status(asked.name)

    async def autoscaler_passes(self, asked: questions.AskPasses) -> msgspec.Raw:
        """What one saw and did."""
        return msgspec.Raw(msgspec.json.encode(self._lab.autoscaling.passes(asked.name)))

    async def prometheus(self, asked: questions.AskPrometheus) -> int | None:
        """Port of the lab's Prometheus, started if need be; None where it is not installed."""
        async with self._adding:  # asked twice at once, it is added once
            if PROMETHEUS not in self._lab.deployments:
                service = prometheus_service()
                services = self._lab.service_specs.values()
                workload = prometheus_workload(self._lab.folder, services, self._lab.services.ports)
                if workload is None:
                    return None
                if service.name not in self._lab.services.ports:
                    await self._lab.services.open({service.name: 0})
                self._lab.service_specs[service.name] = service
                self._lab.deployments[PROMETHEUS] = Deployment(self._lab.host, workload)
                self._lab.reconciler.changed()
        await self._wait([self._lab.deployments[PROMETHEUS]], asked.timeout)
        return self._lab.services.ports[PROMETHEUS]

    async def down(self, _: questions.Down) -> None:
        """End everything, then the supervisor itself."""
        await self._lab.end()

    def remember(self) -> Callable[[], Coroutine[Any, Any, None]]:
        """Return a function that puts the lab back to how it is now: for a command that is killed while it holds it."""
        lab = self._lab
        desired = {name: (one.desired, one.overrides) for name, one in lab.deployments.items()}
        policy, scaled, jobs = lab.services.load_balancing, set(lab.autoscaling.targets), set(lab.jobs)

        async def put_back() -> None:
            for name in set(lab.autoscaling.targets) - scaled:
                lab.autoscaling.remove(name)
            for name, (count, overrides) in desired.items():
                lab.deployments[name].overrides = overrides
                lab.deployments[name].scale(count)
            if lab.services.load_balancing != policy:
                await lab.services.set_load_balancing(policy)
            await asyncio.gather(*(job.stop() for name, job in lab.jobs.items() if name not in jobs))

        return put_back

    def _deployment(self, name: str) -> Deployment:
        try:
            return self._lab.deployments[name]
        except KeyError:
            known = ", ".join(sorted(self._lab.deployments))
            raise InvalidInput(f"There is no deployment {name!r} in this lab.", f"There are: {known}.") from None

    def _job(self, name: str) -> RunningJob:
        try:
            return self._lab.jobs[name]
        except KeyError:
            raise LabLost(f"The lab knows no job {name!r}.", "It was started anew since.") from None

    def _usage(self, deployment: Deployment) -> tuple[ReplicaUsage, ...]:
        samples = self._lab.usage.samples
        return tuple(
            ReplicaUsage(
                replica=one.name,
                cpu_millicores=samples[one.name].cpu_millicores,
                memory_mb=samples[one.name].memory_mb,
            )
            for one in deployment.alive
            if one.name in samples
        )

    @property
    def _logs(self) -> Path:
        return (wire.grows(self._lab.folder) / "logs").resolve()

    async def _wait(self, waited: Sequence[Deployment], timeout: float) -> None:
        """Return when these are settled and the data path serves them.

        Raises:
            TimedOut: they are not in time, or at once when a replica crashes again and again; with the cause.
        """
        began = time.monotonic()

        def settled() -> bool:
            served = self._lab.reconciler.published and self._lab.services.trouble() is None
            return served and all(one.settled for one in waited)

        def crashing() -> bool:
            return any(one.crash_loop(began) for one in waited)

        await reached(lambda: settled() or crashing(), timeout)
        if settled():
            return
        late = [one for one in waited if not one.settled]
        counts = ", ".join(
            f"{one.name} has {one.ready} of {one.desired} ready and {one.terminating} terminating" for one in late
        )
        within = "" if crashing() else f" within {timeout:g} s"
        raise TimedOut(
            f"The lab was not ready{within}: {counts or 'its data path does not serve its replicas'}.",
            " ".join(filter(None, (*map(self._why, late), self._lab.services.trouble()))),
            f"See the logs in {self._logs}; `dclab down` and `dclab up` start afresh.",
        )

    def _why(self, deployment: Deployment) -> str:
        if waits := self._lab.reconciler.waits_for(deployment):
            return f"{deployment.name} is started once {', '.join(waits)} are ready."
        return deployment.trouble


def _counts(deployment: Deployment) -> Replicas:
    return Replicas(
        desired=deployment.desired,
        ready=deployment.ready,
        terminating=deployment.terminating,
        restarts=deployment.restarts,
        names=tuple(sorted(one.name for one in deployment.replicas)),
    )
