"""Crashes of a replica's process: how many in a row, and how long the next start waits."""

from __future__ import annotations

import time

__all__ = ["Crashes", "back_off", "liveness_back_off"]

STABLE_AFTER = 10.0
"""A replica that ran this long resets its back-off (kubelet: 10 min; a lab is shorter)."""

LONGEST_BACK_OFF = 2
"""Seconds (kubelet: 300), so that a lab is whole within 5 s of a fault's end."""

CRASH_LOOP = 3
"""Crashes in a row without having been ready, after which nobody waits for a replica any longer."""


def back_off(restarts: int) -> float:
    """Seconds to wait before the n-th restart in a row: the first at once, then 1, then 2."""
    return 0.0 if restarts <= 1 else float(min(LONGEST_BACK_OFF, 2 ** (min(restarts, 10) - 2)))


KUBELET_BACK_OFF, KUBELET_LONGEST = 10.0, 300.0
"""Seconds: the kubelet's own (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy)."""


def liveness_back_off(restarts: int) -> float:
    """Seconds to wait before the n-th restart after a failed liveness probe: as on Kubernetes 0, then 10, 20, 40 … 300.

    The kubelet forgets them after 10 min without one; no experiment here runs so long.
    """
    return 0.0 if restarts <= 1 else min(KUBELET_LONGEST, KUBELET_BACK_OFF * 2.0 ** (min(restarts, 10) - 2))


class Crashes:
    """Those of one replica."""

    def __init__(self) -> None:
        self.in_a_row = 0
        """Since it was last ready."""
        self._short = 0
        """Since it last ran for long."""
        self._last = 0.0

    def add(self, ran: float) -> float:
        """Count one after so many seconds; return the seconds to wait before the next start."""
        self._short = 1 if ran > STABLE_AFTER else self._short + 1
        self.in_a_row += 1
        self._last = time.monotonic()
        return back_off(self._short)

    def was_ready(self) -> None:
        """Begin a new row."""
        self.in_a_row = 0

    def loop(self, since: float) -> bool:
        """Whether it crashes again and again without getting ready, the last time after `since` (monotonic seconds)."""
        return self.in_a_row >= CRASH_LOOP and self._last > since
