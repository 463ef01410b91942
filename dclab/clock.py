"""Waiting for a state, on a monotonic clock: for code that blocks, and for coroutines."""

from __future__ import annotations

import time
from collections.abc import Callable

from dclab.errors import TimedOut

__all__ = ["POLL", "reached", "wait_for"]

POLL = 0.02
"""Seconds between two looks at a state of this machine's own processes."""


def wait_for(true: Callable[[], bool], timeout: float, complaint: str, *, hint: str = "", poll: float = 0.1) -> None:
    """Return once `true()` is; TimedOut with the complaint when it is not within `timeout` seconds."""
    end = time.monotonic() + timeout
    while not true():
        if time.monotonic() > end:
            raise TimedOut(complaint, f"Waited {timeout:g} s.", hint or "See `dclab status`.")
        time.sleep(poll)


async def reached(true: Callable[[], bool], timeout: float | None = None) -> bool:
    """Wait until `true()` is; return False when it is not within `timeout` seconds (None: wait for ever)."""
    import asyncio

    end = None if timeout is None else time.monotonic() + timeout
    while not true():
        if end is not None and time.monotonic() > end:
            return False
        await asyncio.sleep(POLL)
    return True
