"""One replica: a child process that is started, watched, restarted when it dies, and drained."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import random
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from dclab.engines.embedded.container import command_line, container_env
from dclab.engines.embedded.output import Output
from dclab.engines.embedded.wire import grows, log_file
from dclab.loopback import LOOPBACK
from dclab.manifests import Workload
from dclab.paths import shipped

__all__ = ["Replica", "ReplicaHost", "back_off", "die_with_parent", "free_port"]

PORTS = range(20000, 30000)
"""Replicas listen here: below Linux' and macOS' ephemeral ports, so a siege cannot take one of them."""

STARTING_POLL = 0.02
"""Seconds between two readiness checks until the first succeeds; afterwards the manifest's period counts."""

STABLE_AFTER = 60.0
"""A replica that ran this long starts its back-off anew (kubelet: 10 min; a lab is shorter)."""


class ReplicaHost(Protocol):
    """What a replica needs to know of the lab that it belongs to."""

    folder: Path

    def service_ports(self) -> Mapping[str, int]:
        """Port of every service."""

    async def publish(self) -> None:
        """Tell the data path which replicas are ready; returns once it knows."""

    def say(self, message: str) -> None:
        """Write a line to the supervisor's log."""

    def listener(self, deployment: str, replica: str) -> Callable[[float, str], None] | None:
        """Return what takes each line that a replica prints, after the unix seconds at which it came; None if nothing."""


def back_off(restarts: int) -> float:
    """Seconds to wait before the n-th restart in a row: the first at once, then 1, 2, 4 … up to 30."""
    return 0.0 if restarts <= 1 else float(min(30, 2 ** (restarts - 2)))


def free_port() -> int:
    """A loopback port that nothing listens on now; OSError when there is none."""
    for port in random.sample(PORTS, 200):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise OSError("no free loopback port between 20000 and 30000")


_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """In a new child, before exec: on Linux, have the kernel end it when the supervisor dies."""
    if _LIBC is not None:
        _LIBC.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


class Replica:
    """One running copy of a workload, under a variable or two of its own (`overrides`)."""

    def __init__(self, lab: ReplicaHost, workload: Workload, overrides: Mapping[str, str]) -> None:
        self.lab = lab
        self.workload = workload
        self.overrides = dict(overrides)
        self.name = f"{workload.name}-{secrets.token_hex(3)}"
        self.created = time.monotonic()
        self.started: float | None = None
        self.ready = False
        self.ready_since = self.created
        """When `ready` last changed."""
        self.restarts = 0
        """Never falls, so that no restart is missed between two looks."""
        self._failures = 0
        """Restarts since it last ran for long."""
        self.terminating = False
        self.port: int | None = None
        self.process: asyncio.subprocess.Process | None = None
        self._listener = lab.listener(workload.name, self.name)
        self._output: Output | None = None
        self.last_error = ""
        self._grace = workload.grace_seconds
        self._drain_asked = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._live())

    @property
    def log_file(self) -> Path:
        """Everything it printed, over all restarts."""
        return log_file(self.lab.folder, self.name)

    @property
    def pid(self) -> int | None:
        """Its process, while there is one."""
        return self.process.pid if self.process and self.process.returncode is None else None

    @property
    def over(self) -> bool:
        """Whether its process has ended for good."""
        return self._task.done()

    def drain(self, grace: float | None = None) -> None:
        """Begin to end it: out of its services first, then SIGTERM, then SIGKILL after its grace period."""
        if grace is not None:
            self._grace = grace
        self.terminating = True
        self._drain_asked.set()

    async def gone(self) -> None:
        """Return when its process has ended for good."""
        await asyncio.shield(self._task)

    async def _set_ready(self, ready: bool) -> None:
        if ready != self.ready:
            self.ready = ready
            self.ready_since = time.monotonic()
            await self.lab.publish()

    async def _live(self) -> None:
        while not self.terminating:
            born = time.monotonic()
            try:
                await self._start()
            except (OSError, ValueError) as error:
                self.last_error = f"cannot start: {error}"
                self.lab.say(f"{self.name}: {self.last_error}")
            else:
                await self._watch()
            await self._set_ready(False)
            if self.terminating:
                break
            if time.monotonic() - born > STABLE_AFTER:
                self._failures = 0
            self._failures += 1
            self.restarts += 1
            wait = back_off(self._failures)
            self.lab.say(f"{self.name}: restart {self.restarts} in {wait:g} s ({self.last_error})")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._drain_asked.wait(), wait)

    async def _start(self) -> None:
        self.port = free_port() if self.workload.port is not None else None
        env = container_env(
            self.workload,
            replica=self.name,
            port=self.port,
            services=self.lab.service_ports(),
            overrides=self.overrides,
            folder=self.lab.folder,
        )
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        output = Output(self.log_file, self._listener)
        try:
            self.process = await asyncio.create_subprocess_exec(
                *command_line(self.workload, env, grows(self.lab.folder) / "mounts" / self.name),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output.writer,
                stderr=output.writer,
                env=env,
                cwd=shipped(),
                preexec_fn=die_with_parent,
            )
        except BaseException:
            output.started()
            output.finish()
            raise
        output.started()
        self._output = output
        self.started = time.monotonic()

    async def _watch(self) -> None:
        """Until the process has ended: check readiness, pass on the order to drain."""
        assert self.process is not None
        assert self._output is not None
        ended = asyncio.ensure_future(self.process.wait())
        drain = asyncio.ensure_future(self._drain_asked.wait())
        readiness = asyncio.ensure_future(self._check_readiness())
        try:
            await asyncio.wait({ended, drain}, return_when=asyncio.FIRST_COMPLETED)
            readiness.cancel()
            if not ended.done():
                await self._end(ended)
        finally:
            drain.cancel()
            readiness.cancel()
            self._output.finish()
        code = self.process.returncode
        self.last_error = f"killed by {signal.Signals(-code).name}" if code and code < 0 else f"exit code {code}"

    async def _end(self, ended: asyncio.Future[int]) -> None:
        assert self.process is not None
        await self._set_ready(False)
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
            await asyncio.wait({ended}, timeout=self._grace)
            if not ended.done():
                self.lab.say(f"{self.name}: still there after {self._grace:g} s, killed")
                self.process.kill()
        await ended

    async def _check_readiness(self) -> None:
        if self.port is None or self.workload.readiness_period is None:
            await self._set_ready(True)
            return
        failures = 0
        while True:
            try:
                _, writer = await asyncio.wait_for(
                    asyncio.open_connection(LOOPBACK, self.port), self.workload.readiness_timeout
                )
                writer.close()
            except (OSError, TimeoutError):
                failures += 1
                if self.ready and failures >= self.workload.readiness_failures:
                    await self._set_ready(False)
            else:
                failures = 0
                if not self.ready:
                    await self._set_ready(True)
            await asyncio.sleep(self.workload.readiness_period if self.ready else STARTING_POLL)
