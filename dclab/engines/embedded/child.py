"""A child process of the supervisor: it prints into an `Output` and ends with the supervisor."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
from collections.abc import Mapping, Sequence

import psutil

from dclab.engines.embedded.output import Output
from dclab.paths import shipped

__all__ = ["die_with_parent", "is_stopped", "start_child"]

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """In a new child, before exec: on Linux, have the kernel end it when the supervisor dies."""
    if _LIBC is not None:
        _LIBC.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


async def start_child(arguments: Sequence[str], env: Mapping[str, str], output: Output) -> asyncio.subprocess.Process:
    """Start a program with this environment and nothing else of the supervisor's.

    Raises:
        OSError, ValueError, SubprocessError: it cannot be started; `output` is finished then.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
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
    return process


def is_stopped(pid: int) -> bool:
    """Whether a process has been stopped (SIGSTOP, Ctrl-Z) and does nothing until it is continued."""
    try:
        if sys.platform == "linux":  # psutil takes ten times as long, once a second for every replica
            with open(f"/proc/{pid}/stat", "rb") as file:
                return file.read().rpartition(b") ")[2][:1] == b"T"
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except (OSError, psutil.Error):
        return False
