"""What the replicas of an embedded lab print, read from their files in the lab's folder: the last lines, and new ones."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from dclab.engines.embedded.wire import log_file
from dclab.errors import LabLost
from dclab.lab import LogLine

__all__ = ["follow", "last_lines"]

BLOCK = 1 << 16
"""Bytes read at once."""

LONGEST_TAIL = 1 << 24
"""Bytes at the end of a file in which its last lines are looked for."""

LONGEST_LINE = 1 << 20
"""Bytes after which a line without an end is taken for one."""

EVERY = 0.25
"""Seconds between two looks at the files that are followed."""


def last_lines(folder: Path, replica: str, lines: int) -> list[LogLine]:
    """Return the last lines of a replica; none before it has printed any."""
    log = _Log(folder, replica)
    try:
        log.skip_all_but(lines)
        return [*log.read(), *log.rest()]
    finally:
        log.close()


def follow(
    folder: Path, replicas: Callable[[], Mapping[str, Sequence[str]]], deployments: Sequence[str], lines: int
) -> Iterator[LogLine]:
    """Yield the last lines of every replica, then what they print, also the new ones among them.

    Args:
        folder: of the lab.
        replicas: asks for the names of the replicas there are, by deployment; LabLost ends the following, once what
            was printed until then is told.
        deployments: whose replicas are followed.
        lines: how many of those that there are already, for each replica.
    """
    logs: dict[str, _Log] = {}
    first = True
    try:
        while True:
            try:
                found = replicas()
            except LabLost:
                for log in logs.values():
                    yield from log.read()
                    yield from log.rest()
                raise
            names = [name for one in deployments for name in found.get(one, ())]
            for name in names:
                if name not in logs:
                    logs[name] = _Log(folder, name)
                    if first:
                        logs[name].skip_all_but(lines)
            for name, log in list(logs.items()):
                yield from log.read()
                if name not in names:
                    yield from log.rest()
                    logs.pop(name).close()
            first = False
            time.sleep(EVERY)
    finally:
        for log in logs.values():
            log.close()


class _Log:
    """One replica's file, read on and on; it stays readable when it has been removed."""

    def __init__(self, folder: Path, replica: str) -> None:
        self.replica = replica
        self._path = log_file(folder, replica)
        self._descriptor: int | None = None
        self._unended = b""

    def skip_all_but(self, lines: int) -> None:
        """Go to where the last lines begin."""
        if not self._opened():
            return
        assert self._descriptor is not None
        size = start = os.fstat(self._descriptor).st_size
        blocks, ends = [], 0
        while start > 0 and size - start < LONGEST_TAIL and ends <= lines:  # one end more: of the line before them
            begin = max(0, start - BLOCK)
            blocks.append(os.pread(self._descriptor, start - begin, begin))
            ends += blocks[-1].count(b"\n")
            start = begin
        tail = b"".join(reversed(blocks))
        found = tail.removesuffix(b"\n").split(b"\n")
        skipped = sum(len(one) + 1 for one in found[: max(0, len(found) - lines)])
        os.lseek(self._descriptor, min(start + skipped, size), os.SEEK_SET)

    def read(self) -> Iterator[LogLine]:
        """Yield the lines that have ended since the last time."""
        if not self._opened():
            return
        assert self._descriptor is not None
        while data := os.read(self._descriptor, BLOCK):
            *ended, self._unended = (self._unended + data).split(b"\n")
            yield from map(self._line, ended)
            if len(self._unended) > LONGEST_LINE:
                yield from self.rest()

    def rest(self) -> Iterator[LogLine]:
        """Yield what has no line end yet, if there is any."""
        if self._unended:
            line, self._unended = self._unended, b""
            yield self._line(line)

    def close(self) -> None:
        """Read no more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _line(self, line: bytes) -> LogLine:
        return LogLine(self.replica, line.decode("utf-8", errors="replace").rstrip("\r"))

    def _opened(self) -> bool:
        """Whether the file is there; it is once the replica has been started for the first time."""
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self._path, os.O_RDONLY)
            except OSError:
                return False
        return True
