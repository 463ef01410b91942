"""Log files of bounded size: a full file replaces the previous one."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Collection
from pathlib import Path

__all__ = ["LIMIT", "OwnLog", "append", "before", "prune", "read"]

LIMIT = 4 << 20
"""Bytes of a file, and of the one before it: of a worker, some two days."""

OWN_LIMIT = 1 << 20
"""Bytes of the supervisor's own log, and of the one before it."""

ADDING = os.O_WRONLY | os.O_CREAT | os.O_APPEND
"""How a log is opened."""

GONE_KEPT = 50
"""Logs of replicas that are gone."""


def before(file: Path) -> Path:
    """Return the file that holds what came before `file`."""
    return file.with_name(f"{file.name}.1")


def append(file: Path, data: bytes, limit: int = LIMIT) -> None:
    """Add to a file, in its folder, which is made; OSError when there is no room.

    The file is opened each time: a replica costs no descriptor, and a reader that has found another file behind the name
    knows that nothing is added to its own any more.
    """
    try:
        _append(file, data, limit)
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        _append(file, data, limit)


def _append(file: Path, data: bytes, limit: int) -> None:
    """Without Python's file objects, which cost more than the lines that workers print."""
    opened = os.open(file, ADDING, 0o600)
    try:
        size = os.fstat(opened).st_size
        if size == 0 or size + len(data) <= limit:
            os.write(opened, data)
            return
    finally:
        os.close(opened)
    file.replace(before(file))
    _append(file, data, limit)


def read(file: Path) -> bytes:
    """Return what is kept of a file; empty before anything was added."""
    return b"".join(one.read_bytes() for one in (before(file), file) if one.exists())


def prune(folder: Path, alive: Collection[str], kept: int = GONE_KEPT) -> None:
    """Remove the logs of all replicas that are gone but the last ones.

    Args:
        folder: of the logs.
        alive: names of the replicas that may still print.
        kept: how many logs of others stay.
    """
    gone = [one for one in folder.glob("*.log") if one.stem not in alive]
    if len(gone) > kept:
        gone.sort(key=lambda one: one.stat().st_mtime)
        for one in gone[:-kept]:
            one.unlink(missing_ok=True)
            before(one).unlink(missing_ok=True)


class OwnLog:
    """The supervisor's own log: what it and the proxy print to their standard error, a file that is opened for adding."""

    def __init__(self, file: Path, descriptor: int = 2, limit: int = OWN_LIMIT) -> None:
        self.file = file
        self._descriptor = descriptor
        self._limit = limit

    def say(self, message: str) -> None:
        """Write a line. Never raises: a full disk costs the line."""
        line = f"{time.strftime('%H:%M:%S')} {message}\n".encode(errors="backslashreplace")
        with contextlib.suppress(OSError):
            os.write(self._descriptor, line)
        self.bound()

    def bound(self) -> None:
        """Start a new file once it is full, or where someone has removed it. Never raises.

        It is copied and emptied rather than renamed, since several processes hold it open.
        """
        with contextlib.suppress(OSError):
            if os.fstat(self._descriptor).st_size > self._limit:
                shutil.copyfile(self.file, before(self.file))
                os.ftruncate(self._descriptor, 0)
            if not self.file.exists():
                self.file.parent.mkdir(parents=True, exist_ok=True)
                opened = os.open(self.file, ADDING, 0o600)
                os.dup2(opened, self._descriptor)
                os.close(opened)
