"""The lock under which one command at a time starts or ends a lab."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dclab.clock import POLL
from dclab.engines.processes import command_of
from dclab.errors import TimedOut

__all__ = ["locked"]

LOCK_TIMEOUT = 60.0
"""Seconds to wait while another command starts or ends a lab; either takes less than 30."""

SAID_AFTER = 2.0
"""Seconds of waiting after which it is said who is waited for."""


@contextlib.contextmanager
def locked(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock on the folder of all labs.

    The folder itself is locked: a lock file would stay, or race with its removal.

    Args:
        folder: of all labs.
        say: takes a line about who is waited for.

    Raises:
        TimedOut: another command has held it all the time.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        began, told = time.monotonic(), False
        while not _taken(descriptor):
            waited = time.monotonic() - began
            if waited > LOCK_TIMEOUT:
                pid = _holder(folder)
                raise TimedOut(
                    f"Another command is starting or ending a lab: {_named(pid)}.",
                    f"Waited {LOCK_TIMEOUT:g} s for it.",
                    f"Wait for it, or end it{f' with `kill {pid}`' if pid else ''}, and try again.",
                )
            if waited > SAID_AFTER and not told:
                told = True
                say(f"waiting for another command that starts or ends a lab: {_named(_holder(folder))}")
            time.sleep(POLL)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _named(pid: int | None) -> str:
    return "which one is not known" if pid is None else command_of(pid)


def _holder(folder: Path) -> int | None:
    """Return the process that holds the lock; None where the system does not tell (macOS)."""
    inode = str(folder.stat().st_ino)
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()  # such as: 1: FLOCK  ADVISORY  WRITE 4242 08:02:131077 0 EOF
            if words[1] == "FLOCK" and words[5].rpartition(":")[2] == inode and _has_open(int(words[4]), folder):
                return int(words[4])
    return None


def _has_open(pid: int, folder: Path) -> bool:
    """Whether a process has the folder open: another file system may have the same inode, and some name no device."""
    with contextlib.suppress(OSError):
        for one in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if one.samefile(folder):
                    return True
    return False
