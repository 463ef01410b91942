"""What an embedded lab can be asked: each public coroutine is a verb of the supervisor's socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

from dclab import manifests
from dclab.autoscaler import parse_autoscaler
from dclab.autoscaler.trace import Pass
from dclab.engines.embedded.container import redis_server
from dclab.engines.embedded.deployment import Deployment
from dclab.engines.embedded.jobs import RunningJob, start_job
from dclab.engines.embedded.prometheus import PROMETHEUS, prometheus_service, prometheus_workload
from dclab.engines.embedded.wire import LOAD_BALANCING_POLICIES
from dclab.errors import DclabError, InvalidInput, LabLost, TimedOut
from dclab.lab import AutoscalerStatus, JobStatus, Replicas, ReplicaUsage

if TYPE_CHECKING:
    from dclab.engines.embedded.supervisor import Supervisor

__all__ = ["Verbs"]

POLL = 0.02
"""Seconds between two looks at a state that someone waits for."""


class Verbs:
    """The verbs, each with its arguments by name. Errors travel to the client as they are."""

    def __init__(self, lab: Supervisor) -> None:
        self._lab = lab

    async def about(self) -> dict[str, Any]:
        """Settings, pids and service ports."""
        return {
            "settings": self._lab.settings,
            "pid": os.getpid(),
            "proxy_pid": self._lab.services.pid,
            "ports": self._lab.services.ports,
            "redis": redis_server(),
            "control_loop_worst_delay_seconds": self._lab.autoscaling.worst_delay,
            "replicas": {
                name: [
                    {"name": one.name, "pid": one.pid, "ready": one.ready, "restarts": one.restarts}
                    for one in deployment.replicas
                ]
                for name, deployment in self._lab.deployments.items()
            },
        }

    async def ready(self, timeout: float) -> None:
        """Return when every deployment has as many ready replicas as it wants."""
        await self._wait(list(self._lab.deployments), timeout)

    async def trouble(self, deployment: str) -> str | None:
        """Why replicas of a deployment are not ready; None while they may only need time."""
        return self._last_words(self._deployment(deployment)) or None

    async def scale(self, deployment: str, replicas: int, timeout: float) -> None:
        """Scale, and wait until that many are ready and none is terminating."""
        self._deployment(deployment).scale(replicas)
        await self._wait([deployment], timeout)

    async def replicas(self, deployment: str) -> Replicas:
        """Counts of one deployment."""
        found = self._deployment(deployment)
        return Replicas(
            desired=found.desired,
            ready=found.ready,
            terminating=found.terminating,
            restarts=found.restarts,
            names=tuple(sorted(one.name for one in found.replicas)),
        )

    async def configure(self, deployment: str, env: dict[str, str], timeout: float) -> None:
        """Replace a deployment's replicas by ones with these variables."""
        found = self._deployment(deployment)
        if not await found.configure(env, timeout):
            raise TimedOut(
                f"{deployment} with {env} was not ready within {timeout:g} s; it runs on as it was.",
                self._last_words(found),
                f"See `dclab status`, and the logs in {self._lab.folder / 'logs'}.",
            )
        await self._wait([deployment], timeout)

    async def cpu_request(self, deployment: str) -> float:
        """CPU request of one replica in millicores."""
        return self._deployment(deployment).workload.cpu_request_millicores

    async def usage(self, deployment: str) -> list[ReplicaUsage]:
        """Usage of the replicas that have been measured."""
        samples = self._lab.usage_sampler.samples
        return [
            ReplicaUsage(
                replica=one.name,
                cpu_millicores=samples[one.name].cpu_millicores,
                memory_mb=samples[one.name].memory_mb,
            )
            for one in self._deployment(deployment).alive
            if one.name in samples
        ]

    async def logs(self, deployment: str, lines: int) -> str:
        """The last lines of every replica's log."""
        out: list[str] = []
        for replica in self._deployment(deployment).replicas:
            with contextlib.suppress(OSError):
                text = replica.log_file.read_text(encoding="utf-8", errors="replace")
                out += [f"{replica.name}: {line}" for line in text.splitlines()[-lines:]]
        return "\n".join(out)

    async def set_load_balancing(self, policy: str) -> None:
        """Set the load-balancing policy of every service."""
        if policy not in LOAD_BALANCING_POLICIES:
            raise InvalidInput(
                f"There is no load-balancing policy {policy!r}.", f"There are: {', '.join(LOAD_BALANCING_POLICIES)}."
            )
        await self._lab.services.set_load_balancing(policy)

    async def start_load(self, manifest: dict[str, Any]) -> str:
        """Run a Job manifest; returns the job's name."""
        try:
            job = await start_job(
                manifests.workload(manifest), folder=self._lab.folder, services=self._lab.services.ports
            )
        except OSError as error:
            raise DclabError("The load test could not be started.", str(error), "Run `dclab doctor`.") from error
        self._lab.jobs[job.name] = job
        return job.name

    async def job_status(self, name: str) -> JobStatus:
        """State of a job."""
        return self._job(name).status

    async def job_log(self, name: str) -> str:
        """Everything a job printed so far."""
        return self._job(name).log()

    async def job_stop(self, name: str) -> None:
        """End a job."""
        await self._job(name).stop()

    async def apply_autoscaler(self, manifest: dict[str, Any]) -> None:
        """Apply a HorizontalPodAutoscaler."""
        spec = parse_autoscaler(manifest)
        self._deployment(spec.target)
        self._lab.autoscaling.apply(spec)

    async def remove_autoscaler(self, name: str) -> None:
        """Remove one; replica counts stay as they are."""
        self._lab.autoscaling.remove(name)

    async def autoscaler(self, name: str) -> AutoscalerStatus:
        """Status of one."""
        return self._lab.autoscaling.status(name)

    async def autoscaler_passes(self, name: str) -> list[Pass]:
        """What one saw and did."""
        return self._lab.autoscaling.passes(name)

    async def prometheus(self, timeout: float) -> int | None:
        """Port of the lab's Prometheus, started if need be; None where it is not installed."""
        if PROMETHEUS not in self._lab.deployments:
            service = prometheus_service()
            workload = prometheus_workload(self._lab.folder, self._lab.service_specs.values(), self._lab.services.ports)
            if workload is None:
                return None
            self._lab.service_specs[service.name] = service
            await self._lab.services.open({service.name: 0})
            self._lab.deployments[PROMETHEUS] = Deployment(self._lab, workload)
            self._lab.deployments[PROMETHEUS].scale(1)
        await self._wait([PROMETHEUS], timeout)
        return self._lab.services.ports[PROMETHEUS]

    async def down(self) -> None:
        """End everything, then the supervisor itself."""
        await self._lab.stop()
        self._lab.over.set()

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

    async def _wait(self, names: list[str], timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                while not all(self._lab.deployments[name].settled for name in names):
                    await asyncio.sleep(POLL)
        except TimeoutError:
            late = [one for name in names if not (one := self._lab.deployments[name]).settled]
            counts = ", ".join(
                f"{one.name} has {one.ready} of {one.desired} ready and {one.terminating} terminating" for one in late
            )
            raise TimedOut(
                f"The lab was not ready within {timeout:g} s: {counts}.",
                " ".join(filter(None, (self._last_words(one) for one in late))),
                f"See the logs in {self._lab.folder / 'logs'}; `dclab down` and `dclab up` start afresh.",
            ) from None

    def _last_words(self, deployment: Deployment) -> str:
        for replica in deployment.alive:
            if not replica.ready and replica.last_error:
                return f"{replica.name}: {replica.last_error}."
        return ""
