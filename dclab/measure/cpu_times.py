"""What a machine's processors did between two moments."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["BUSY_SHARE", "CpuTimes", "busy_share"]

BUSY_SHARE = 0.85
"""Of the processors' time: a machine that uses more is a busy one."""


class CpuTimes(NamedTuple):
    """Seconds of all CPUs together since some moment."""

    total: float
    idle: float
    steal: float
    """Taken by other machines on the same hardware; 0 where the system does not tell."""
    periods: int = 0
    """Of a CPU limit on these processes (`dclab.cgroup.Throttling`)."""
    throttled: int = 0
    """Of these periods, those in which the limit was reached."""


def busy_share(before: CpuTimes, after: CpuTimes) -> float:
    """Return the share of all processors' time that was used between two readings; 0 where no time has passed."""
    total = after.total - before.total
    return 1 - (after.idle - before.idle) / total if total > 0 else 0.0
