"""A child process of the supervisor: it prints into an `Output` and ends with the supervisor."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence

import psutil

from dclab.engines.embedded.output import Output
from dclab.paths import shipped

__all__ = ["die_with_parent", "is_stopped", "look_for_stopped", "start_child"]

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
    _stopped.discard(process.pid)  # that of an earlier process
    return process


_stopped: set[int] = set()
"""Children that a signal had stopped at the last look; on Linux alone."""


def look_for_stopped() -> None:
    """See which children have been stopped or continued since the last look: what a parent can ask of all of them at once."""
    if sys.platform != "linux":
        return
    # Where one was continued and stopped again in between, both are told, and the stop is what counts.
    for what in (os.WCONTINUED, os.WSTOPPED):
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, what | os.WNOHANG)
            except ChildProcessError:  # there are no children
                found = None
            if found is None:
                break
            if what == os.WSTOPPED:
                _stopped.add(found.si_pid)
            else:
                _stopped.discard(found.si_pid)


def is_stopped(pid: int) -> bool:
    """Whether a child was stopped (SIGSTOP, Ctrl-Z) at the last `look_for_stopped`, and does nothing until it is continued."""
    if sys.platform == "linux":
        return pid in _stopped
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False
