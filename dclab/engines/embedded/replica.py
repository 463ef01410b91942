"""One replica: a child process that is started, watched, restarted when it dies, and drained."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from dclab.engines.embedded.child import start_child
from dclab.engines.embedded.condition import Condition
from dclab.engines.embedded.container import command_line, container_env
from dclab.engines.embedded.guard import is_shortage
from dclab.engines.embedded.host import ReplicaHost
from dclab.engines.embedded.listeners import free_port
from dclab.engines.embedded.output import Output
from dclab.engines.embedded.prober import probe_results
from dclab.engines.embedded.readiness import readiness
from dclab.engines.embedded.wire import log_in
from dclab.manifests import Workload

__all__ = ["Replica"]

MOST_PORTS = 20
"""Earlier ones that a replica remembers, to know what it has been asked at them."""


class Replica:
    """One running copy of a workload, under a variable or two of its own (`overrides`)."""

    def __init__(self, lab: ReplicaHost, workload: Workload, overrides: Mapping[str, str]) -> None:
        self.lab = lab
        self.workload = workload
        self.overrides = dict(overrides)
        self.name = f"{workload.name}-{secrets.token_hex(3)}"
        self.created = time.monotonic()
        self.started: float | None = None
        self.condition = Condition(self.name, self.created)
        self.restarts = 0
        """Never falls, so that no restart is missed between two looks."""
        self.terminating = False
        self.ports: list[int] = []
        """Those that it was given at its last starts; the last one is its own."""
        self.process: asyncio.subprocess.Process | None = None
        self._listener = lab.listener(workload.name, self.name)
        self._output: Output | None = None
        self._grace = workload.grace_seconds
        self._drain_asked = asyncio.Event()
        self._task = lab.guard.start(self.name, self._live)

    @property
    def log_file(self) -> Path:
        """What it printed, over all restarts."""
        return log_in(self.lab.place, self.name)

    @property
    def _mounts(self) -> Path:
        return self.lab.place / "mounts" / self.name

    @property
    def port(self) -> int | None:
        """At which it listens; None before its first start, and for one that does not listen."""
        return self.ports[-1] if self.ports else None

    @property
    def pid(self) -> int | None:
        """Its process, while there is one."""
        return self.process.pid if self.process and self.process.returncode is None else None

    @property
    def serving(self) -> bool:
        """Whether it is in its services."""
        return self.condition.passes and self.pid is not None

    @property
    def ready(self) -> bool:
        """Whether it is in its services and does its work, as far as can be seen."""
        return self.serving and not self.condition.stopped

    @property
    def over(self) -> bool:
        """Whether its process has ended for good."""
        return self._task.done()

    def crash_loop(self, since: float) -> bool:
        """Whether it crashes again and again without getting ready, the last time after `since` (monotonic seconds)."""
        return not self.ready and self.condition.crashes.loop(since)

    @property
    def ready_since(self) -> float:
        """When its checks last changed their mind (monotonic seconds)."""
        return self.condition.since

    @property
    def trouble(self) -> str:
        """Why it is not ready, in a sentence; empty when it is, or when nothing is known against it."""
        return self.condition.trouble(self.ready)

    @property
    def waiting(self) -> str:
        """Why it has no process, in a few words; empty while it has one."""
        return "" if self.pid is not None or self.over else self.condition.waiting

    def drain(self, grace: float | None = None) -> None:
        """Begin to end it: out of its services first, then SIGTERM, then SIGKILL after its grace period."""
        if grace is not None:
            self._grace = grace
            if self.terminating:  # it is already being waited for, for longer
                asyncio.get_running_loop().call_later(grace, self._kill)
        self.terminating = True
        self._drain_asked.set()

    async def gone(self) -> None:
        """Return when its process has ended for good."""
        await asyncio.wait({self._task})

    def see(self) -> None:
        """See whether its process was stopped at the last look for such; there is one a second, and before each answer."""
        self.condition.see(self.pid)

    def look(self) -> None:
        """Kill it when it has been stopped for long: nothing that it answers for would go on. Called once a second."""
        if self.condition.look(self.pid, terminating=self.terminating):
            self.lab.say(f"{self.name} was stopped by a signal and not continued; it is killed")
            self._kill()

    def _set_ready(self, ready: bool) -> None:
        if self.condition.check(ready):
            self.lab.changed()

    async def _live(self) -> None:
        try:
            while not self.terminating:
                wait = await self._run()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._drain_asked.wait(), wait)
        except Exception as error:  # a fault of dclab's: the guard runs it again
            self.condition.error = f"could not be run: {error!r}"
            self.condition.crashes.add(0.0)
            raise
        finally:
            self.lab.changed()
            if self.terminating and self._mounts.exists():
                with contextlib.suppress(RuntimeError):  # there may be no thread to be had
                    await asyncio.to_thread(shutil.rmtree, self._mounts, ignore_errors=True)

    async def _run(self) -> float:
        """Run it once, and return the seconds to wait before the next time."""
        born = time.monotonic()
        self.condition.begin()
        try:
            await self._start()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self.condition.error = f"cannot be started: {error}"
            if is_shortage(error):
                self.lab.say(f"{self.name} {self.condition.error}")
                return 1.0
        else:
            await self._watch()
            if self.terminating:
                return 0.0
            self.restarts += 1
        wait = self.condition.back_off(time.monotonic() - born)
        self.lab.say(f"{self.name} {self.condition.error}; started again in {wait:g} s")
        return wait

    async def _start(self) -> None:
        if self.workload.port is not None:
            self.ports = [*self.ports[-MOST_PORTS:], free_port()]
        env = container_env(
            self.workload,
            replica=self.name,
            port=self.port,
            services=self.lab.service_ports(),
            overrides=self.overrides,
            folder=self.lab.folder,
        )
        command = command_line(self.workload, env, self._mounts)
        output = Output(self.log_file, self._listener)
        self.process = await start_child(command, env, output)
        self._output = output
        self.started = time.monotonic()

    async def _watch(self) -> None:
        """Until the process has ended: check readiness, pass on the order to drain."""
        assert self.process is not None
        assert self._output is not None
        ended = asyncio.ensure_future(self.process.wait())
        drain = asyncio.ensure_future(self._drain_asked.wait())
        checks = [self.lab.guard.start(f"{self.name}'s readiness", self._check_readiness)]
        if self.workload.probe and self.workload.probe.kind == "liveness":
            checks.append(self.lab.guard.start(f"{self.name}'s liveness", self._check_liveness))
        try:
            await asyncio.wait({ended, drain}, return_when=asyncio.FIRST_COMPLETED)
            for check in checks:
                check.cancel()
            if not ended.done():
                await self._end(ended)
        finally:
            for one in (ended, drain, *checks):
                one.cancel()
            self._kill()
            self._output.finish()
            self._set_ready(False)
        self.condition.ended(self.process.returncode, self._output.last_words)

    async def _end(self, ended: asyncio.Future[int]) -> None:
        assert self.process is not None
        self._set_ready(False)
        await self.lab.publish()
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)  # one that is stopped would not hear of its end
            if not self.workload.deaf:
                self.process.terminate()
            await asyncio.wait({ended}, timeout=self._grace)
            if not ended.done():
                self.lab.say(f"{self.name}: still there after {self._grace:g} s, killed")
                self.process.kill()
        await ended

    def _kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    async def _check_readiness(self) -> None:
        assert self._output is not None
        async for fault in readiness(self.workload, self.port, self._output, ready=self.condition.passes):
            if fault:
                self.condition.error = fault
            self._set_ready(not fault)

    async def _check_liveness(self) -> None:
        """End the process once its liveness probe fails. Until it has ended, it stays in its services, as on Kubernetes."""
        assert self.process is not None
        assert self.port is not None
        assert self.workload.probe is not None
        async for alive in probe_results(self.port, self.workload.probe):
            if not alive:
                break
        self.condition.fails_liveness()
        self.lab.say(f"{self.name} failed its liveness probe; it is ended")
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
            await asyncio.sleep(self._grace)
            self._kill()
