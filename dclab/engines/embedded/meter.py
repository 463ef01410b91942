"""CPU and memory of an embedded lab's replicas from one reading to the next."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence

from dclab.engines.embedded.questions import ReplicaSpent
from dclab.lab import ReplicaUsage

__all__ = ["ProcessMeter"]

EVERY_SECONDS = 0.7
"""Five windows within the shortest window of a rate. A service does some requests in each, so that none is of chance alone."""


class ProcessMeter:
    """A `UsageMeter` over what processes have used so far: each reading ends a window."""

    source = "processes"
    every = EVERY_SECONDS
    patience = 0.0

    def __init__(self, read: Callable[[], Mapping[str, Sequence[ReplicaSpent]]]) -> None:
        self._read = read
        self._last: dict[tuple[str, int], ReplicaSpent] = {}
        self.cores: float | None = float(
            len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
        )

    def read(self) -> Mapping[str, Sequence[ReplicaUsage]]:
        """Return what each replica used since the last reading; none for one that was started or restarted since."""
        now = self._read()
        before = self._last
        self._last = {(one.replica, one.pid): one for replicas in now.values() for one in replicas}
        return {
            name: [_between(earlier, one) for one in replicas if (earlier := before.get((one.replica, one.pid)))]
            for name, replicas in now.items()
        }


def _between(before: ReplicaSpent, after: ReplicaSpent) -> ReplicaUsage:
    seconds = max(1e-3, after.at - before.at)
    return ReplicaUsage(
        replica=after.replica,
        cpu_millicores=1000 * max(0.0, after.cpu_seconds - before.cpu_seconds) / seconds,
        memory_mb=after.memory_mb,
        at=after.at,
        window_seconds=seconds,
    )
