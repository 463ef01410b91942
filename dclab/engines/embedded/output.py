"""What a replica prints: through a pipe into its log file, each line with the moment at which it came.

The supervisor reads the pipe as soon as something is in it, and then not again for a while, the longer the more there
was. So a replica that prints without end is read no faster than `FASTEST`: its next print waits, and no decision does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from dclab.engines.embedded import rotated

__all__ = ["Output"]

BLOCK = 1 << 16
"""Bytes read at once, as many as a pipe holds on Linux."""

PAUSE = 0.001
"""Seconds at least until the next look at a pipe: many lines are one look."""

SELDOM = 0.05
"""Seconds since the look before from which on a little output is no flood: the pipe goes on to be watched, which costs
less than to stop and to begin again."""

LITTLE = 1 << 12
"""Bytes that are a little."""

FASTEST = 5_000_000
"""Bytes a second that are read of one replica."""

LONGEST_LINE = 1 << 12
"""Bytes of a line that are passed on; the log file has all of it."""

LAST_WORDS = 16
"""Blocks read at most once the process has ended: a child that it has left behind may print on and on."""

TAIL = 1 << 12
"""Bytes at the end that are kept in memory, to say why a process has ended."""

LONGEST_WORDS = 300
"""Characters of the last words."""

Hear = Callable[[float, str], None]
"""Takes each line, without its end, after the unix seconds at which its end came."""


class Output:
    """The output of one process, from before its start until `finish`."""

    def __init__(self, log_file: Path, hear: Hear | None = None) -> None:
        """OSError when no pipe can be had."""
        self._log_file = log_file
        self._hear = hear
        self._unended = b""
        self._tail = b""
        self._lost = False
        """Whether the log file lacks something."""
        self._loop = asyncio.get_running_loop()
        self._resume: asyncio.TimerHandle | None = None
        self._looked = 0.0
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._loop.add_reader(self._reader, self._readable)

    def started(self) -> None:
        """Close our copy of the end that the process writes to, so that its death is the end of the output."""
        os.close(self.writer)

    @property
    def printed(self) -> bool:
        """Whether anything has come."""
        return bool(self._tail)

    @property
    def last_words(self) -> str:
        """The end of a traceback, or the last lines, in one; empty before anything was printed."""
        lines = [line for line in self._tail.decode(errors="replace").splitlines() if line.strip()]
        if any(line.startswith("Traceback ") for line in lines):
            last = max(at for at, line in enumerate(lines) if line.startswith((" ", "Traceback ")))
            lines = lines[last + 1 :] or lines
        words = " | ".join(line.strip() for line in lines[-3:])[-LONGEST_WORDS:]
        return "".join(one if one.isprintable() else " " for one in words)

    def text(self) -> str:
        """Return what is in the log; what came last when the disk had no room for it."""
        data = self._tail
        with contextlib.suppress(OSError):
            if not self._lost:
                data = rotated.read(self._log_file)
        return data.decode(errors="replace")

    def finish(self) -> None:
        """Take the last words and close; called when the process has ended, or was never started."""
        for _ in range(LAST_WORDS):
            if not self._take():
                break
        if self._unended:
            self._listen(b"\n", time.time())
        self._stop_reading()
        os.close(self._reader)

    def _readable(self) -> None:
        taken = self._take()
        now = self._loop.time()
        before, self._looked = self._looked, now
        if 0 < taken <= LITTLE and now - before > SELDOM:
            return
        self._stop_reading()
        if taken:
            pause = PAUSE + taken / FASTEST
            self._resume = self._loop.call_later(pause, self._loop.add_reader, self._reader, self._readable)

    def _stop_reading(self) -> None:
        self._loop.remove_reader(self._reader)
        if self._resume is not None:
            self._resume.cancel()

    def _take(self) -> int:
        """Move what is in the pipe, a block at most, and return how many bytes; 0 at its end or while it is empty."""
        try:
            data = os.read(self._reader, BLOCK)
        except BlockingIOError:
            return 0
        came = time.time()
        self._tail = (self._tail + data)[-TAIL:]
        try:
            rotated.append(self._log_file, data)
        except OSError:  # a full disk costs lines of the log, and never the lab
            self._lost = True
        if self._hear is not None:
            self._listen(data, came)
        return len(data)

    def _listen(self, data: bytes, came: float) -> None:
        assert self._hear is not None
        *ended, rest = (self._unended + data).split(b"\n")
        self._unended = rest[:LONGEST_LINE]
        for line in ended:
            self._hear(came, line[:LONGEST_LINE].decode(errors="replace"))
