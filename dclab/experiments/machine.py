"""What else the machine did while something was measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dclab.cgroup import throttling
from dclab.experiments.observer import Observer
from dclab.measure.caveats import machine_caveats
from dclab.measure.cpu_times import CpuTimes

__all__ = ["cpu_times", "watched_machine"]


def cpu_times() -> CpuTimes:
    """Read what the processors of this machine have done since its start."""
    import psutil

    times = psutil.cpu_times()
    # guest times are part of user's and nice's.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    idle = times.idle + getattr(times, "iowait", 0.0)
    return CpuTimes(total, idle, getattr(times, "steal", 0.0), *throttling())


@contextmanager
def watched_machine(observer: Observer, what: str) -> Iterator[None]:
    """Tell the observer when this machine was too busy for what is measured meanwhile."""
    before = cpu_times()
    try:
        yield
    finally:
        for caveat in machine_caveats(before, cpu_times(), what):
            observer.caveat(caveat)
