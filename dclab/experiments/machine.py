"""What else the machine did while something was measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dclab.cgroup import throttling
from dclab.experiments.observer import Observer
from dclab.measure.caveats import CpuTimes, machine_caveats

__all__ = ["watched_machine"]


def _cpu_times() -> CpuTimes:
    import psutil

    times = psutil.cpu_times()
    # guest times are part of user's and nice's.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    idle = times.idle + getattr(times, "iowait", 0.0)
    return CpuTimes(total, idle, getattr(times, "steal", 0.0), *throttling())


@contextmanager
def watched_machine(observer: Observer, what: str) -> Iterator[None]:
    """Tell the observer when this machine was too busy for what is measured meanwhile."""
    before = _cpu_times()
    try:
        yield
    finally:
        for caveat in machine_caveats(before, _cpu_times(), what):
            observer.caveat(caveat)
