"""Units of work done by all workers together at any moment, from each worker's own reports.

A report is exact in count and time: between two reports of a worker lie so many units, and the later one comes at the
end of its last unit (a worker reports at the first beginning of a unit that is later than a second after its last
report). The units between are taken to be evenly spaced. Where a worker's cycle is long, a unit counts within the last
`SMOOTH_SECONDS` before its end only: what a worker waits in a long queue tells nothing of the others' progress.
Before its first report a worker is taken to go at the pace of all reports that are given, after its last one as far as it had
come in earlier intervals.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from statistics import fmean

from dclab.lab import Counter, WorkerReport
from dclab.measure.simulate import REPORT_EVERY

__all__ = ["LOOK_BACK_SECONDS", "SMOOTH_SECONDS", "Progress", "agree", "ramps"]

SMOOTH_SECONDS = 0.5
"""A unit is spread over so much of the time before its end, or over its whole time if that is shorter."""

LOOK_BACK_SECONDS = 0.5
"""Reports from so long before a window are asked for: those near a reading of the counter
can be on either side of it. No longer: on Kubernetes a worker that went since then took its reports with it."""

MOST_LIKE_IT = 24
"""Past intervals that the unfinished one is compared with; more would cost time and tell little."""

LATE_SECONDS = 0.25
"""A report and the counter's rise are this near to each other, even on a machine that is busy."""

Ramp = tuple[float, float, int]
"""Begin and end in seconds after a report, and the units done between."""


def ramps(length: float, units: int) -> Sequence[Ramp]:
    """Return how the units between two reports so far apart are spread.

    All but the last were done within REPORT_EVERY of the first report, or the second would have come earlier.
    """
    if not units:
        return ()
    spacing = length / units
    if (units - 1) * spacing > REPORT_EVERY:
        spacing = REPORT_EVERY / (units - 1)
    elif spacing <= SMOOTH_SECONDS:
        return ((0.0, length, units),)
    if spacing <= SMOOTH_SECONDS:
        found = [(0.0, (units - 1) * spacing, units - 1)]
    else:
        found = [(unit * spacing - SMOOTH_SECONDS, unit * spacing, 1) for unit in range(1, units)]
    return (*found, (max(length - SMOOTH_SECONDS, 0.0), length, 1))


def _done(seconds: float, length: float, units: int) -> float:
    """Units done so long after a report, the next one coming after `length` with so many `units`."""
    total = 0.0
    for begin, end, count in ramps(length, units):
        if seconds >= end:
            total += count
        elif seconds > begin:
            total += count * (seconds - begin) / (end - begin)
    return total


class Progress:
    """Units done as a function of time, from reports up to `now`; times are in seconds of the reports' clock."""

    def __init__(self, reports: Iterable[WorkerReport], now: float) -> None:
        """Reports may come in any order, and twice."""
        self.now = now
        self._workers: dict[str, tuple[list[float], list[int]]] = {}
        lengths: list[tuple[float, int]] = []
        for one in sorted({each for each in reports if each.t <= now}, key=lambda each: each.t):
            times, sums = self._workers.setdefault(one.worker, ([], []))
            if times and one.units:
                lengths.append((one.t - times[-1], one.units))
            times.append(one.t)
            sums.append(one.units + (sums[-1] if sums else 0))
        lengths.sort()
        self._lengths = [length for length, _ in lengths]
        self._units = [units for _, units in lengths]

    @property
    def workers(self) -> Sequence[str]:
        """Who has reported."""
        return tuple(self._workers)

    def reports_of(self, worker: str) -> Sequence[float]:
        """When the worker has reported."""
        return self._workers[worker][0]

    @property
    def latest(self) -> float:
        """The last moment at which the units done are known."""
        return self.now - SMOOTH_SECONDS

    def at(self, t: float) -> float:
        """Return the units done at `t` (at most `latest`), counted from an arbitrary origin."""
        return sum(self._at(times, sums, t) for times, sums in self._workers.values())

    def _at(self, times: Sequence[float], sums: Sequence[int], t: float) -> float:
        after = bisect_right(times, t)
        if after == len(times):
            return sums[-1] + self._unreported(t - times[-1], self.now - times[-1])
        if after == 0:
            return sums[0] - self._before(times[0] - t, sums[0])
        begin, units = times[after - 1], sums[after] - sums[after - 1]
        return sums[after - 1] + _done(t - begin, times[after] - begin, units)

    def _before(self, seconds: float, reported: int) -> float:
        """Units done in so long before a worker's first report: at the pace of the reports that are known.

        How many it reported tells only where no pace is known: its report before may date from before a change of the lab.
        """
        units, length = sum(self._units), sum(self._lengths)
        if not units:
            return reported - _done(max(0.0, REPORT_EVERY - seconds), REPORT_EVERY, reported)
        spacing = length / units
        if spacing <= SMOOTH_SECONDS:
            return seconds / spacing
        whole, rest = divmod(seconds, spacing)
        return whole + min(rest / SMOOTH_SECONDS, 1.0)

    def _unreported(self, seconds: float, silent: float) -> float:
        """Units `seconds` after a worker's last report: on average what it was in intervals longer than its silence."""
        first = bisect_right(self._lengths, silent)
        found = len(self._lengths) - first
        if not found:
            if not self._lengths:
                return 0.0
            length, units = self._lengths[-1], self._units[-1]
            return min(units - 1.0, _done(seconds, length, units))
        chosen = range(first, len(self._lengths), max(1, found // MOST_LIKE_IT))
        return fmean(_done(seconds, self._lengths[one], self._units[one]) for one in chosen)


def agree(reports: Sequence[WorkerReport], samples: Sequence[Counter]) -> bool:
    """Whether the counter rose by what was reported, at every reading; a report near a reading may be on either side."""
    ordered = sorted(set(reports), key=lambda one: one.t)
    times = [one.t for one in ordered]
    sums = [0]
    for one in ordered:
        sums.append(sums[-1] + one.units)

    def between(begin: float, end: float) -> int:
        return max(0, sums[bisect_right(times, end)] - sums[bisect_left(times, begin)])

    first = samples[0]
    return all(
        between(first.t + LATE_SECONDS, one.t - LATE_SECONDS)
        <= one.hashes - first.hashes
        <= between(first.t - LATE_SECONDS, one.t + LATE_SECONDS)
        for one in samples
    )
