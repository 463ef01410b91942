"""One proxy process, as the supervisor sees it: what it was told, what it has answered, whether it hangs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import psutil

from dclab.engines.embedded.child import die_with_parent
from dclab.engines.embedded.endpoint import Asked
from dclab.engines.embedded.listeners import waiting_at
from dclab.engines.embedded.usage import cpu_seconds

__all__ = ["ProxyProcess", "hangs"]

SILENT_LOOKS = 2
"""Looks in a row without an answer after which the proxy counts as silent; under a siege it takes some hundredths of one."""

PATIENCE_LOOKS = 6
"""Looks after which a silent proxy hangs; one that waits for a CPU is granted more."""

LAST_LOOKS = 40
"""Looks after which it hangs in any case."""

SPINNING_SECONDS = 0.2
"""CPU time without an answer that shows a proxy to be running, but nowhere near its event loop; a round of it takes 0.05."""

TELL_SECONDS = 5.0
"""For a change to be acknowledged: longer than it takes to replace a proxy that hangs."""

CLOSE_SECONDS = 5.0

CHANNEL_BYTES = 1 << 18
"""A state has a kilobyte or two: a full channel belongs to a proxy that does not read."""


class _Answer(msgspec.Struct):
    """What the proxy answers (its docstring)."""

    serial: int
    accepted: dict[str, int] = {}
    full: bool = False
    error: str = ""
    at: float = 0.0
    asked: dict[int, tuple[float, float, float]] = {}


def hangs(looks: int, cpu: float, status: str) -> bool:
    """Return whether a proxy hangs, or only waits for a CPU or for memory.

    Args:
        looks: at it in a row at which it did not do its work.
        cpu: seconds of CPU time that it has used meanwhile.
        status: of the process, as psutil says it. macOS calls all but the stopped ones running, and is patient.
    """
    starved = status in (psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP) and cpu < SPINNING_SECONDS
    return looks >= (LAST_LOOKS if starved else PATIENCE_LOOKS)


class ProxyProcess:
    """A proxy and the channel to it (the proxy's docstring says what is spoken)."""

    def __init__(self, process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        self.pid = process.pid
        self.over = False
        """Whether it has ended, or been told to: it serves nobody any more."""
        self.end = ""
        """Why it is over, once it is."""
        self._process = process
        self._channel = channel
        self._sent = self._answered = self._changed = 0
        """Serials of the last line, of the last that was answered, and of the last that changed something."""
        self._given: set[str] = set()
        """Services whose sockets it has."""
        self._looks = self._seen = 0
        """Looks in a row without an answer; the last answer at the last look."""
        self._accepted: dict[str, int] = {}
        """Connections that it has accepted until its last answer, by service."""
        self._full = False
        """Whether it could take no more then."""
        self.asked: dict[int, Asked] = {}
        """What replicas have been asked through it, by port; of others nothing, and since then nothing."""
        self.asked_until = 0.0
        """Until when that is so: monotonic seconds of its last answer, 0 before the first."""
        self._queued: dict[str, int] = {}
        """The same at the last look, of services at which connections waited then."""
        self._cpu = 0.0
        """CPU time at the first look without an answer."""
        self._begun = b""
        self._loop = asyncio.get_running_loop()
        self._news: asyncio.Future[None] = self._loop.create_future()
        """Done, and replaced, at each answer and at the end."""
        self._loop.add_reader(channel, self._read)

    @classmethod
    async def start(cls, environment: Mapping[str, str], log_file: Path) -> ProxyProcess:
        """Start one; OSError when there is no process, descriptor or log file to be had."""
        ours, theirs = socket.socketpair()
        try:
            with theirs, log_file.open("ab") as log:
                for end in (ours, theirs):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CHANNEL_BYTES)
                ours.setblocking(False)
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "dclab.engines.embedded.proxy",
                    stdin=theirs.fileno(),
                    stdout=log,
                    stderr=log,
                    env=dict(environment),
                    preexec_fn=die_with_parent,
                )
        except BaseException:
            ours.close()
            raise
        return cls(process, ours)

    @property
    def informed(self) -> bool:
        """Whether it has put the last change in force."""
        return self._answered >= self._changed > 0

    @property
    def silent(self) -> bool:
        """Whether it has not answered, or has let connections wait, for longer than work explains."""
        return self._looks >= SILENT_LOOKS

    def send(self, state: Mapping[str, object], listeners: Mapping[str, socket.socket]) -> None:
        """Send a changed state, with the sockets that it does not have yet."""
        self.beat(state, listeners)
        self._changed = self._sent

    async def tell(self, state: Mapping[str, object], listeners: Mapping[str, socket.socket]) -> None:
        """Send a changed state; return once it is in force, or the proxy is over, or nobody has seen to it in time."""
        self.send(state, listeners)
        await self._answer()

    async def hear(self, state: Mapping[str, object], listeners: Mapping[str, socket.socket]) -> None:
        """Have it say how things are now; return once it has, or the proxy is over, or it has not answered in time."""
        self.beat(state, listeners)
        await self._answer()

    async def _answer(self) -> None:
        serial, end = self._sent, time.monotonic() + TELL_SECONDS
        while self._answered < serial and not self.over and (left := end - time.monotonic()) > 0:
            await asyncio.wait({self._news}, timeout=left)

    def beat(self, state: Mapping[str, object], listeners: Mapping[str, socket.socket]) -> None:
        """Send the state as it is, to see whether it is answered."""
        if self.over:
            return
        new = [service for service in listeners if service not in self._given]
        self._sent += 1
        line = json.dumps({"serial": self._sent, "listen": new, **state}).encode() + b"\n"
        try:
            sent = (
                socket.send_fds(self._channel, [line], [listeners[one].fileno() for one in new])
                if new
                else self._channel.send(line)
            )
        except OSError:
            sent = 0
        if sent < len(line):
            self.kill("it did not take what it was told")
        self._given.update(new)

    def look(self, listeners: Mapping[str, socket.socket]) -> bool:
        """Take a look, at regular times; return whether it hangs."""
        answers = self._answered >= self._sent or self._answered > self._seen
        self._seen = self._answered
        if self._accepts(listeners) and answers:
            self._looks = 0
            return False
        with contextlib.suppress(OSError, psutil.Error):
            cpu = cpu_seconds(self.pid)
            if self._looks == 0:
                self._cpu = cpu
            self._looks += 1
            return hangs(self._looks, cpu - self._cpu, psutil.Process(self.pid).status())
        return False  # it has just ended

    async def ended(self, timeout: float) -> None:
        """Return when it is over, at the latest after so many seconds."""
        end = time.monotonic() + timeout
        while not self.over and (left := end - time.monotonic()) > 0:
            await asyncio.wait({self._news}, timeout=left)

    def kill(self, why: str) -> None:
        """End it: connections that it passes on are reset, those that wait stay."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._be_over(why)

    async def close(self) -> None:
        """End it, and return when it is gone, or the system does not let go of it."""
        self.kill("it was closed")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), CLOSE_SECONDS)

    def _accepts(self, listeners: Mapping[str, socket.socket]) -> bool:
        """Whether it can take connections, and no service has some that waited at the last look, too, and none accepted."""
        before = self._queued
        self._queued = {
            service: self._accepted.get(service, 0)
            for service, one in listeners.items()
            if service in self._given and waiting_at(one)
        }
        return not self._full and not before.items() & self._queued.items()

    def _be_over(self, why: str) -> None:
        if not self.over:
            self.over, self.end = True, why
            self._loop.remove_reader(self._channel)
            self._channel.close()
            self._tell_news()

    def _tell_news(self) -> None:
        done, self._news = self._news, self._loop.create_future()
        done.set_result(None)

    def _read(self) -> None:
        try:
            data = self._channel.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.kill("its process has ended")
            return
        *lines, self._begun = (self._begun + data).split(b"\n")
        for line in lines:
            self._take(line)
        self._tell_news()

    def _take(self, line: bytes) -> None:
        try:
            answer = msgspec.json.decode(line, type=_Answer)
        except msgspec.MsgspecError:
            answer = _Answer(0, error="it answered nonsense")
        if answer.error:
            self.kill(f"it failed ({answer.error})")
        self._answered = max(self._answered, answer.serial)
        self._accepted, self._full = answer.accepted, answer.full
        self.asked_until = answer.at
        self.asked |= {port: Asked(answer.at, *counted) for port, counted in answer.asked.items()}
