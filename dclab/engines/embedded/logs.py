"""What the replicas of an embedded lab print, read from their files in the lab's folder: the last lines, and new ones."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from dclab.engines.embedded import rotated
from dclab.engines.embedded.wire import log_file
from dclab.errors import DclabError
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
    if not lines:
        return []
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
        replicas: asks for the names of the replicas there are, by deployment; an error (the lab was ended, or has
            crashed) ends the following, once what was printed until then is told.
        deployments: whose replicas are followed.
        lines: how many of those that there are already, for each replica.
    """
    logs: dict[str, _Log] = {}
    first = True
    try:
        while True:
            try:
                found = replicas()
            except DclabError:
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
    """What one replica prints, read on and on: a file, and the one before it that a full one becomes (`rotated`)."""

    def __init__(self, folder: Path, replica: str) -> None:
        self.replica = replica
        self._path = log_file(folder, replica)
        self._descriptor: int | None = None
        """Of the file that is being read; it stays readable when it has been renamed or removed."""
        self._unended = b""

    def skip_all_but(self, lines: int) -> None:
        """Go to where the last lines begin."""
        files = self._open_all()
        ends = lines + next((_ends_a_line(one) for one in files if os.fstat(one).st_size), False)
        for at, file in enumerate(files):
            start, ends = _back(file, ends)
            if ends == 0 or at == len(files) - 1:
                os.lseek(file, start, os.SEEK_SET)
                self._descriptor = file
                break
        for file in files:
            if file != self._descriptor:
                os.close(file)

    def read(self) -> Iterator[LogLine]:
        """Yield the lines that have ended since the last time."""
        if self._descriptor is None and (files := self._open_all()):
            *newer, self._descriptor = files
            for file in newer:
                os.close(file)
        while self._descriptor is not None:
            yield from self._read_file(self._descriptor)
            following = self._following(self._descriptor)
            if following is None:
                return
            yield from self._read_file(self._descriptor)  # what was added until it was renamed
            os.close(self._descriptor)
            self._descriptor = following

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

    def _read_file(self, file: int) -> Iterator[LogLine]:
        while data := os.read(file, BLOCK):
            *ended, self._unended = (self._unended + data).split(b"\n")
            yield from map(self._line, ended)
            if len(self._unended) > LONGEST_LINE:
                yield from self.rest()

    def _line(self, line: bytes) -> LogLine:
        return LogLine(self.replica, line.decode("utf-8", errors="replace").rstrip("\r"))

    def _open_all(self) -> list[int]:
        """Open the files there are, the newest first; none before the replica has printed anything."""
        newest, older = _open(self._path), _open(rotated.before(self._path))
        if newest is not None and older is not None and _same(newest, older):  # renamed between the two
            os.close(newest)
            newest = None
        return [one for one in (newest, older) if one is not None]

    def _following(self, file: int) -> int | None:
        """Open the file that follows; None while there is none."""
        files = self._open_all()
        newer = files[: next((at for at, one in enumerate(files) if _same(one, file)), len(files))]
        for one in files:
            if one not in newer[-1:]:
                os.close(one)
        return newer[-1] if newer else None


def _open(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:
        return None


def _same(one: int, other: int) -> bool:
    return os.path.samestat(os.fstat(one), os.fstat(other))


def _ends_a_line(file: int) -> bool:
    return os.pread(file, 1, os.fstat(file).st_size - 1) == b"\n"


def _back(file: int, ends: int) -> tuple[int, int]:
    """Return the place behind the last but `ends` - 1 line end in a file, and 0; or its begin, and how many are lacking."""
    size = start = os.fstat(file).st_size
    while ends > 0 and start > 0:
        if size - start >= LONGEST_TAIL:
            return start, 0
        begin = max(0, start - BLOCK)
        block = os.pread(file, start - begin, begin)
        found = block.count(b"\n")
        if found >= ends:
            place = len(block)
            for _ in range(ends):
                place = block.rindex(b"\n", 0, place)
            return begin + place + 1, 0
        ends -= found
        start = begin
    return start, ends
