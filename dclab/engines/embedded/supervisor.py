"""The supervisor: the one process behind an embedded lab, from `up` to `down`.

It owns the deployments, the data path, the jobs and the autoscaler, and answers questions on a private
Unix socket (`wire`). Everything it starts carries the lab's mark and ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import uvloop

from dclab import manifests
from dclab.clock import reached
from dclab.engines.embedded import home, wire
from dclab.engines.embedded.answering import listen
from dclab.engines.embedded.autoscale import Autoscaling
from dclab.engines.embedded.deployment import Deployment
from dclab.engines.embedded.gate import Gate
from dclab.engines.embedded.jobs import RunningJob
from dclab.engines.embedded.replica import Replica
from dclab.engines.embedded.reports import Reports
from dclab.engines.embedded.services import Services
from dclab.engines.embedded.usage import UsageSampler
from dclab.engines.embedded.verbs import Parts, Verbs
from dclab.engines.embedded.wire import LAB_MARK, Settings
from dclab.errors import DclabError, InvalidInput, MissingTool, TimedOut
from dclab.manifests import ServicePort

__all__ = ["Supervisor", "main"]

WORKER = "worker"
"""The deployment whose replicas report."""

CALLERS = (WORKER, "httplat")
"""Deployments whose names begin so call others, and are started once those are ready."""


class Supervisor:
    """One embedded lab: its parts, its start and its end. What it can be asked is in `verbs`."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
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
        self.autoscaling = Autoscaling(self.deployments, self.usage_sampler, settings)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": os.pathsep.join(sys.path),
            LAB_MARK: str(folder),
        }
        self.services = Services(environment, wire.supervisor_log(folder))
        self.gate = Gate(settings)
        self.over = asyncio.Event()
        self._ending = False
        self._tasks: list[asyncio.Task[None]] = []
        self._tasks_of_the_end: set[asyncio.Future[None]] = set()

    # What replicas ask of their lab.

    def service_ports(self) -> Mapping[str, int]:
        """Port of every service."""
        return self.services.ports

    async def publish(self) -> None:
        """Tell the data path which replicas are ready; returns once it knows."""
        await self.services.publish({name: self._endpoints(service) for name, service in self.service_specs.items()})

    def say(self, message: str) -> None:
        """Write a line to the log."""
        print(time.strftime("%H:%M:%S"), message, file=sys.stderr, flush=True)  # noqa: T201

    def listener(self, deployment: str, replica: str) -> Callable[[float, str], None] | None:
        """Return what takes each line that a replica prints: workers report."""
        return self.reports.of(replica) if deployment == WORKER else None

    def _endpoints(self, service: ServicePort) -> list[int]:
        return [
            replica.port
            for deployment in self.deployments.values()
            if service.selects(deployment.workload.labels)
            for replica in deployment.alive
            if replica.ready and replica.port is not None
        ]

    def parts(self) -> Parts:
        """What the verbs are about."""
        return Parts(
            settings=self.settings,
            folder=self.folder,
            host=self,
            service_specs=self.service_specs,
            services=self.services,
            deployments=self.deployments,
            jobs=self.jobs,
            reports=self.reports,
            usage=self.usage_sampler,
            autoscaling=self.autoscaling,
            end=self.end,
        )

    # Life.

    async def start(self) -> None:
        """Open the services, start every deployment and the loops; OSError when a port cannot be had."""
        wanted = dict.fromkeys(self.service_specs, 0)
        wanted["webui"] = self.settings.webui_port
        await self.services.open(wanted)
        for task in (
            self.services.keep_running(),
            self._sample_usage(),
            self.autoscaling.run(),
            self._start_all(),
        ):
            self._tasks.append(asyncio.get_running_loop().create_task(task))

    async def _start_all(self) -> None:
        callers = [one for one in self.deployments.values() if one.name.startswith(CALLERS)]
        called = [one for one in self.deployments.values() if one not in callers]
        for deployment in called:
            deployment.scale(deployment.desired)
        await reached(lambda: all(one.ready for one in called))
        for deployment in callers:
            deployment.scale(deployment.desired)

    async def _sample_usage(self) -> None:
        resolution = self.settings.metric_resolution_seconds / self.settings.clock_speed
        due = time.monotonic()
        while True:
            self.usage_sampler.take(self._all_replicas())
            due = max(due + resolution, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    def _all_replicas(self) -> list[Replica]:
        return [replica for one in self.deployments.values() for replica in one.replicas]

    async def stop(self) -> None:
        """End everything that was started; workers first, so that they can still write their counts."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(job.stop() for job in self.jobs.values()))
        callers = [one for one in self.deployments.values() if one.name.startswith(CALLERS)]
        await asyncio.gather(*(one.down(grace=2.0) for one in callers))
        await asyncio.gather(*(one.down(grace=2.0) for one in self.deployments.values()))
        await self.services.close()

    async def end(self, by: str = "`dclab down`") -> None:
        """End everything that was started, then the supervisor itself.

        Args:
            by: who wants it, for whoever asks the lab meanwhile.
        """
        self.gate.close(by)
        if self._ending:
            await self.over.wait()
            return
        self._ending = True
        home.declare_ended(self.folder)
        await self.stop()
        self.over.set()

    def end_soon(self, by: str) -> None:
        """End, from where nothing can be awaited."""
        self._tasks_of_the_end.add(asyncio.ensure_future(self.end(by)))


def _start_fault(error: OSError, settings: Settings) -> DclabError:
    if settings.webui_port and error.errno == errno.EADDRINUSE:
        return InvalidInput(
            f"Port {settings.webui_port} is in use.",
            "Another program, or another lab, listens there.",
            "Give another --port, or none for any free one.",
        )
    return TimedOut("The lab's supervisor ended while starting.", f"{error}.", "Try again.")


def _tell(descriptor: int, line: bytes) -> None:
    with contextlib.suppress(OSError):  # whoever waited for it is gone
        os.write(descriptor, line)


def _watch_lease(supervisor: Supervisor, lease: int) -> None:
    """End the lab when the process that started it is gone: its end of the pipe closes with it."""
    loop = asyncio.get_running_loop()

    def over() -> None:
        loop.remove_reader(lease)
        supervisor.say("the command that had started this lab is gone; ending")
        supervisor.end_soon("the end of the command that had started it")

    loop.add_reader(lease, over)


async def _serve(folder: Path, settings: Settings, tell: int, lease: int) -> None:
    try:
        supervisor = Supervisor(folder, settings)
    except DclabError as error:
        home.remove(folder)
        _tell(tell, wire.fault_line(error))
        return
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, supervisor.end_soon, f"a {ending.name} to its supervisor")
    try:
        await supervisor.start()
    except OSError as error:
        await supervisor.stop()
        home.remove(folder)
        _tell(tell, wire.fault_line(_start_fault(error, settings)))
        return
    server = await listen(folder, Verbs(supervisor.parts()), supervisor.gate, supervisor.say)
    if lease >= 0:
        _watch_lease(supervisor, lease)
    _tell(tell, wire.answer_line(None))
    os.close(tell)
    await supervisor.over.wait()
    await asyncio.sleep(0.05)  # for the answer to `down` to leave
    server.close()
    home.remove(folder)


def main() -> None:
    """Run a lab, and tell how its start went: in one line, an answer or a fault as the socket gives them.

    The arguments are its folder, the descriptor to tell, the lease to watch (or -1), and its settings as JSON.
    """
    folder, tell, lease = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    try:
        settings = wire.parse_settings(sys.argv[4])
        home.make(folder, settings)
        log = os.open(wire.supervisor_log(folder), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        home.remove(folder)
        fault = MissingTool(
            f"The lab cannot be started in {folder}.",
            f"The system says: {error.strerror or error}.",
            "Make room or permission there, or set XDG_RUNTIME_DIR to another folder.",
        )
        _tell(tell, wire.fault_line(fault))
        return
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    uvloop.run(_serve(folder, settings, tell, lease))


if __name__ == "__main__":
    main()
