"""What is measured between two looks at an autoscaler's run: the workers' rate, and what the target's replicas hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from dclab.errors import LabLost
from dclab.lab import Lab, Quantities, WorkerReport
from dclab.measure.by_worker import SMOOTH_SECONDS, Progress
from dclab.measure.recent_rate import RecentRate

__all__ = ["Meters", "Reading", "held_between", "recent_rate"]

SECONDS = 5.0
"""Over so long a worker's reports are counted: each comes about once a second."""
SHORTEST_SECONDS = 1.5
"""A rate over less would depend on where the reports happen to lie."""
BEFORE_SECONDS = 3.0
"""Reports from so long before are used as well, to know at what pace each worker went."""


class Reading(NamedTuple):
    """Since the look before; None is not known."""

    hashes_per_second: float | None
    in_flight: float | None
    requests_per_second: float | None
    full_seconds: float
    """How long a replica's backlog was full, all replicas added up."""


class Meters:
    """Reads the lab's counters, and compares them with those of the look before."""

    def __init__(self, lab: Lab, target: str) -> None:
        self._lab = lab
        self._target = target
        self._counted: Mapping[str, Quantities] = {}
        self._recent = RecentRate()
        self._since = 0.0

    def restart(self) -> None:
        """Forget the rate so far: what comes is of another number of workers."""
        self._recent.restart()
        self._since = self._lab.counter().t

    def look(self, workers: Collection[str]) -> Reading:
        """Return what has been measured since the look before.

        Args:
            workers: names of the workers that there are.
        """
        counter = self._lab.counter()
        rate = self._recent.add(counter)
        begin = max(self._since, counter.t - SMOOTH_SECONDS - SECONDS)
        reports = self._lab.worker_reports(begin - BEFORE_SECONDS)
        if reports:
            rate = recent_rate([one for one in reports if one.worker in workers], begin, counter.t)
        try:
            counted = self._lab.quantities(self._target)
        except LabLost:  # Prometheus alone, if the lab has answered until here: unknown until it does again
            counted = {}
        before, self._counted = self._counted, counted
        return Reading(rate, *held_between(before, counted))


def recent_rate(reports: Sequence[WorkerReport], begin: float, now: float) -> float | None:
    """Return hashes per second from `begin` until `now`, of which the last half second is not known yet.

    Args:
        reports: of the workers that there are, in order of time.
        begin: seconds, on the reports' clock.
        now: the same.
    """
    progress = Progress(reports, now)
    seconds = progress.latest - begin
    if seconds < SHORTEST_SECONDS:
        return None
    return max(0.0, progress.at(progress.latest) - progress.at(begin)) / seconds


def held_between(
    before: Mapping[str, Quantities], after: Mapping[str, Quantities]
) -> tuple[float | None, float | None, float]:
    """Return what all replicas together held and accepted between two readings of their counters.

    A replica that is new began at 0 meanwhile; of one that has gone, what it did after the first reading is not known.

    Returns:
        requests in flight on average, requests a second, and seconds of a full backlog; no averages where the second
        reading is not a later one.
    """
    if not before or not after:
        return None, None, 0.0
    seconds = max(one.t for one in after.values()) - max(one.t for one in before.values())
    if seconds <= 0:
        return None, None, 0.0
    held = accepted = full = 0.0
    for name, now in after.items():
        then = before.get(name)
        if then is None or now.requests < then.requests or now.in_flight_seconds < then.in_flight_seconds:
            then = Quantities(0.0, 0.0, 0.0, 0.0)  # a new one, or one that was restarted
        held += now.in_flight_seconds - then.in_flight_seconds
        accepted += now.requests - then.requests
        full += max(0.0, now.full_seconds - then.full_seconds)
    return held / seconds, accepted / seconds, full
