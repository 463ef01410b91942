"""The supervisor: the one process behind an embedded lab, from `up` to `down`.

It owns the deployments, the data path, the jobs and the autoscaler, and answers questions on a private
Unix socket (`wire`). Everything it starts carries the lab's mark and ends with it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from dclab import manifests
from dclab.engines.embedded import home, rotated, wire
from dclab.engines.embedded.autoscale import Autoscaling
from dclab.engines.embedded.container import import_path
from dclab.engines.embedded.deployment import Deployment
from dclab.engines.embedded.exporter import open_exporter
from dclab.engines.embedded.gate import Gate
from dclab.engines.embedded.guard import Guard
from dclab.engines.embedded.jobs import RunningJob
from dclab.engines.embedded.parts import Parts
from dclab.engines.embedded.reconcile import CALLERS, Reconciler
from dclab.engines.embedded.replica import Replica
from dclab.engines.embedded.reports import Reports
from dclab.engines.embedded.rotated import OwnLog
from dclab.engines.embedded.scrapes import Scrapes
from dclab.engines.embedded.services import Services
from dclab.engines.embedded.usage import UsageSampler
from dclab.engines.embedded.wire import LAB_MARK, Settings

__all__ = ["Supervisor"]

WORKER = "worker"
"""The deployment whose replicas report."""

TIDY_SECONDS = 10.0
"""Between two looks at how large the logs are."""

STOP_SECONDS = 14.0
"""For everything to end; then the supervisor does, and its children with it. `down` waits for a second longer."""


class Supervisor:
    """One embedded lab: its parts, its start and its end. What it can be asked is in `verbs`."""

    def __init__(self, folder: Path, settings: Settings, log: OwnLog) -> None:
        self.folder = folder
        self.place = wire.grows(folder).resolve()
        self.settings = settings
        self.log = log
        self.guard = Guard(self.say, self._give_up)
        objects = manifests.load()
        self.service_specs = {
            one.name: one for one in map(manifests.service_port, manifests.of_kind(objects, "Service"))
        }
        self.deployments = {
            one.name: Deployment(self, one) for one in map(manifests.workload, manifests.of_kind(objects, "Deployment"))
        }
        self.jobs: dict[str, RunningJob] = {}
        self.reports = Reports()
        self.usage_sampler = UsageSampler()
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": import_path(),
            LAB_MARK: str(folder),
        }
        self.services = Services(environment, log.file, self.say)
        self.scrapes = Scrapes(self.deployments, self.services, settings)
        self.autoscaling = Autoscaling(self.deployments, self.usage_sampler, self.scrapes, settings)
        self.reconciler = Reconciler(self.deployments, self.service_specs, self.services)
        self.gate = Gate(settings)
        self._exporter: asyncio.Server | None = None
        self.over = asyncio.Event()
        self._reason = ""
        self._end: asyncio.Task[None] | None = None

    # What replicas ask of their lab.

    def service_ports(self) -> Mapping[str, int]:
        """Port of every service."""
        return self.services.ports

    def changed(self) -> None:
        """Have desired and alive compared now, and the data path told."""
        self.reconciler.changed()

    async def publish(self) -> None:
        """Tell the data path which replicas are ready; returns once it knows, or is not there to be told."""
        try:
            await self.reconciler.publish()
        except Exception as error:  # it is told by the loop, once it can be
            self.say(f"the data path could not be told who is ready: {error!r}")

    def say(self, message: str) -> None:
        """Write a line to the log; never raises."""
        self.log.say(message)

    def listener(self, deployment: str, replica: str) -> Callable[[float, str], None] | None:
        """Return what takes each line that a replica prints: workers report."""
        return self.reports.of(replica) if deployment == WORKER else None

    def parts(self) -> Parts:
        """What the verbs are about, once the lab has started."""
        assert self._exporter is not None
        return Parts(
            settings=self.settings,
            folder=self.folder,
            host=self,
            service_specs=self.service_specs,
            services=self.services,
            deployments=self.deployments,
            reconciler=self.reconciler,
            jobs=self.jobs,
            reports=self.reports,
            usage=self.usage_sampler,
            scrapes=self.scrapes,
            exporter_port=self._exporter.sockets[0].getsockname()[1],
            autoscaling=self.autoscaling,
            end=self.end,
        )

    # Life.

    async def start(self) -> None:
        """Open the services and start the loops; OSError when a port cannot be had."""
        wanted = dict.fromkeys(self.service_specs, 0)
        wanted["webui"] = self.settings.webui_port
        await self.services.open(wanted)
        self._exporter = await open_exporter(self.scrapes.asked)
        for name, work in (
            ("the data path", self.services.run),
            ("publishing", self.reconciler.keep_published),
            ("reconciling", self.reconciler.run),
            ("usage sampling", self._sample_usage),
            ("counting", self.scrapes.count),
            ("measuring latency", self.scrapes.measure_latency),
            ("autoscaling", self.autoscaling.run),
            ("tidying", self._tidy),
        ):
            self.guard.start(name, work, root=True)

    async def _sample_usage(self) -> None:
        resolution = self.settings.metric_resolution_seconds / self.settings.clock_speed
        due = time.monotonic()
        while True:
            self.usage_sampler.take(self._all_replicas())
            due = max(due + resolution, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            self.log.bound()
            alive = {one.name for one in self._all_replicas()} | self.jobs.keys()
            rotated.prune(self.place / "logs", alive)

    def _all_replicas(self) -> list[Replica]:
        return [replica for one in self.deployments.values() for replica in one.replicas]

    def _give_up(self, reason: str) -> None:
        """End by itself, which is a crash: the reason is the last line of the log, and the folder stays."""
        self._reason = self._reason or f"The supervisor ended itself: {reason}."
        self._begin_end()

    async def stop(self) -> None:
        """End everything that was started; workers first, so that they can still write their counts."""
        self.guard.end()
        if self._exporter is not None:
            self._exporter.close()
        callers = [one for one in self.deployments.values() if one.name.startswith(CALLERS)]
        for stopping in (
            [job.stop() for job in self.jobs.values()],
            [one.down(grace=2.0) for one in callers],
            [one.down(grace=2.0) for one in self.deployments.values()],
            [self.services.close()],
        ):
            for result in await asyncio.gather(*stopping, return_exceptions=True):
                if isinstance(result, Exception):  # the rest is ended all the same; the client kills what is left
                    self.say(f"ending: {result!r}")

    async def end(self, by: str = "`dclab down`") -> None:
        """End everything that was started, then the supervisor itself; asked twice, it is done once.

        Args:
            by: who wants it, for clients that ask the lab meanwhile.
        """
        self.end_soon(by)
        await asyncio.shield(self._begin_end())

    def end_soon(self, by: str) -> None:
        """Begin to end, since someone wants it: nothing of the lab stays, and nobody brings it back."""
        self.gate.close(by)
        self._reason = self._reason or f"The lab was ended by {by}."
        home.declare_ended(self.folder)
        self._begin_end()

    def _begin_end(self) -> asyncio.Task[None]:
        if self._end is None:
            self._end = asyncio.get_running_loop().create_task(self._stop_all())
        return self._end

    async def _stop_all(self) -> None:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.stop()
        except TimeoutError:
            self.say(f"not everything has ended within {STOP_SECONDS:g} s; what is left ends with its supervisor")
        finally:
            if self._reason:
                self.say(self._reason)
            self.over.set()
