"""CPU and memory of replicas, sampled as a metrics server does: once a resolution, averaged over it."""

from __future__ import annotations

import mmap
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from dclab.engines.embedded.replica import Replica

__all__ = ["Sample", "UsageSampler", "cpu_seconds"]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Usage of one replica over one window."""

    cpu_millicores: float
    memory_mb: float
    at: float
    """Monotonic seconds at the end of the window."""
    window: float
    """Seconds that it is an average over."""


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used; OSError when it is gone.

    Linux' per-process clock (clock_getcpuclockid(3)) counts nanoseconds where /proc counts hundredths
    of a second: a replica that uses 1 % of a core for three seconds is three such hundredths.
    """
    if sys.platform == "linux":
        return time.clock_gettime((~pid << 3) | 2)
    try:
        spent = psutil.Process(pid).cpu_times()
    except psutil.Error as error:
        raise ProcessLookupError(pid) from error
    return float(spent.user + spent.system)


def _memory_mb(pid: int) -> float:
    """Resident memory of a process; OSError or psutil.Error when it is gone."""
    if sys.platform == "linux":  # a tenth of what psutil takes
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * mmap.PAGESIZE / 1e6
    return float(psutil.Process(pid).memory_info().rss / 1e6)


class UsageSampler:
    """The last full window of every replica. A process younger than one window has no sample."""

    def __init__(self) -> None:
        self.samples: dict[str, Sample] = {}
        """By replica name."""
        self._last: dict[int, tuple[float, float]] = {}

    def take(self, replicas: Iterable[Replica]) -> None:
        """End one window and begin the next, for these replicas; others are forgotten."""
        samples: dict[str, Sample] = {}
        last: dict[int, tuple[float, float]] = {}
        for replica in replicas:
            pid = replica.pid
            if pid is None:
                continue
            try:
                now, cpu = time.monotonic(), cpu_seconds(pid)
                memory = _memory_mb(pid)
            except (OSError, psutil.Error):
                continue
            last[pid] = (now, cpu)
            if pid in self._last:
                before, cpu_before = self._last[pid]
                samples[replica.name] = Sample(
                    cpu_millicores=1000 * (cpu - cpu_before) / (now - before),
                    memory_mb=memory,
                    at=now,
                    window=now - before,
                )
        self.samples, self._last = samples, last
