"""CPU and memory of replicas: what their processes have used, and what that was over a metrics server's windows."""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import psutil

from dclab.engines.embedded.replica import Replica

__all__ = ["Sample", "Spent", "UsageSampler", "cpu_seconds", "spent"]


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


class Spent(NamedTuple):
    """What all the processes of a replica have used so far, and hold now."""

    at: float
    """Monotonic seconds of the reading."""
    cpu_seconds: float
    memory_mb: float


def spent(pid: int) -> Spent | None:
    """Return what a replica's process and all its descendants have used so far; None when it is gone."""
    try:
        at, cpu = time.monotonic(), cpu_seconds(pid)
        memory = _memory_mb(pid)
        for one in _descendants(pid):
            with contextlib.suppress(OSError, psutil.Error):  # it has ended meanwhile
                cpu += cpu_seconds(one)
                memory += _memory_mb(one)
    except (OSError, psutil.Error):
        return None
    return Spent(at, cpu, memory)


def _descendants(pid: int) -> list[int]:
    if sys.platform != "linux":
        with contextlib.suppress(psutil.Error):
            return [one.pid for one in psutil.Process(pid).children(recursive=True)]
        return []
    found = [pid]
    for one in found:  # psutil would read every process of the machine for each replica
        found += _children(one)
    return found[1:]


def _children(pid: int) -> list[int]:
    """Return the children of each of its threads; none where the kernel keeps no such list."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    return found


class UsageSampler:
    """The last full window of every replica. A process younger than one window has no sample."""

    def __init__(self) -> None:
        self.samples: dict[str, Sample] = {}
        """By replica name."""
        self._last: dict[int, Spent] = {}

    def take(self, replicas: Iterable[Replica]) -> None:
        """End one window and begin the next, for these replicas; others are forgotten."""
        samples: dict[str, Sample] = {}
        last: dict[int, Spent] = {}
        for replica in replicas:
            pid = replica.pid
            now = spent(pid) if pid is not None else None
            if pid is None or now is None:
                continue
            last[pid] = now
            if before := self._last.get(pid):
                window = now.at - before.at
                samples[replica.name] = Sample(
                    cpu_millicores=1000 * max(0.0, now.cpu_seconds - before.cpu_seconds) / window,
                    memory_mb=now.memory_mb,
                    at=now.at,
                    window=window,
                )
        self.samples, self._last = samples, last
