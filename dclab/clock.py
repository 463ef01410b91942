"""Waiting for something, on a monotonic clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from dclab.errors import TimedOut

__all__ = ["wait_for"]


def wait_for(true: Callable[[], bool], timeout: float, complaint: str, *, hint: str = "", poll: float = 0.1) -> None:
    """Return once `true()` is; TimedOut with the complaint when it is not within `timeout` seconds."""
    end = time.monotonic() + timeout
    while not true():
        if time.monotonic() > end:
            raise TimedOut(complaint, f"Waited {timeout:g} s.", hint or "See `dclab status`.")
        time.sleep(poll)
