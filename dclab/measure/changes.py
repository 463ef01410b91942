"""Changes within a window: a rate that is another from some moment on, and workers that fell silent."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import fmean

from dclab.errors import DclabError
from dclab.lab import Counter
from dclab.measure.by_worker import Progress
from dclab.measure.queueing import SERVICE_SECONDS
from dclab.measure.student import upper_tail_of_f
from dclab.measure.system import System

__all__ = ["RateChanged", "find_change", "silent_workers"]

ROUND_SECONDS = 1.22
"""From one report of a worker to its next, where its cycle is 0.3 s or three or four workers share an rng."""
LEAST_PARTS = 2
"""On either side of a change."""
LEAST_CHANGE = 0.1
"""Share of the rate; smaller changes are within what a window's interval says."""
CHANCE = 1e-5
"""Of a steady rate's parts to look so much like a step."""
NOISE = 0.02
"""Share of the rate by which parts differ anyway."""

PATIENCE_SECONDS = 2.5


class RateChanged(DclabError):
    """The rate was another one from some moment on."""

    code = "rate-changed"

    def __init__(self, t: float, before: float, after: float, seconds: float) -> None:
        super().__init__(
            f"The rate changed from {before:.1f} to {after:.1f} hashes/s, {seconds:.0f} s after the window began.",
            "Workers or services came or went, or the machine did something else.",
            "Measure again while nothing changes.",
        )
        self.t = t
        """On the readings' clock."""


def find_change(samples: Sequence[Counter]) -> RateChanged | None:
    """Return where a window of readings has two rates, or None.

    The counter is averaged over ROUND_SECONDS, which takes the batches out of it, as each worker's come about so far apart.
    The window is divided into parts, and the best division into two steady halves has to explain nearly all of what the
    parts' rates differ by.
    """
    begin, end = samples[0].t + ROUND_SECONDS / 2, samples[-1].t - ROUND_SECONDS / 2
    count = int((end - begin) / ROUND_SECONDS)
    if count <= 2 * LEAST_PARTS:
        return None
    edges = [begin + (end - begin) * index / count for index in range(count + 1)]
    areas = [0.0]
    for a, b in pairwise(samples):
        areas.append(areas[-1] + a.hashes * (b.t - a.t))
    times = [one.t for one in samples]

    def area(t: float) -> float:
        index = min(max(bisect_right(times, t) - 1, 0), len(times) - 1)
        return areas[index] + samples[index].hashes * (t - times[index])

    done = [(area(edge + ROUND_SECONDS / 2) - area(edge - ROUND_SECONDS / 2)) / ROUND_SECONDS for edge in edges]
    rates = [(b - a) * count / (end - begin) for a, b in pairwise(done)]
    return _best_step(edges, rates, samples[0].t)


def _best_step(edges: Sequence[float], rates: Sequence[float], begun: float) -> RateChanged | None:
    count, mean = len(rates), fmean(rates)
    noise = (NOISE * mean) ** 2 * (count - 2)
    whole = sum((one - mean) ** 2 for one in rates)
    best: tuple[float, int, float, float] | None = None
    for at in range(LEAST_PARTS, count - LEAST_PARTS + 1):
        before, after = fmean(rates[:at]), fmean(rates[at:])
        rest = sum((one - before) ** 2 for one in rates[:at]) + sum((one - after) ** 2 for one in rates[at:])
        f = (whole - rest) / (max(rest, noise) / (count - 2))
        if best is None or f > best[0]:
            best = (f, at, before, after)
    if best is None or abs(best[3] - best[2]) < LEAST_CHANGE * mean:
        return None
    if upper_tail_of_f(best[0], 1, count - 2) > CHANCE:
        return None
    # The part before the step is of both rates; the new one begins after it.
    t = edges[min(best[1] + 1, count)]
    return RateChanged(t, best[2], best[3], t - begun)


def silent_workers(progress: Progress, system: System, workers: Iterable[str], since: float) -> Sequence[str]:
    """Return the workers that have not reported for much longer than any worker had to wait before.

    Args:
        progress: by all reports since then.
        system: what is known of the process.
        workers: that are there, whether they have reported or not.
        since: seconds on the reports' clock; one that has not reported since then has been silent for at least so long.
    """
    pauses = [b - a for worker in progress.workers for a, b in pairwise(progress.reports_of(worker))]
    queue = 1.5 * system.workers * SERVICE_SECONDS
    patience = max(PATIENCE_SECONDS, 2 * max(pauses, default=0.0), 1.5 + queue)
    last = {worker: progress.reports_of(worker)[-1] for worker in progress.workers}
    return [worker for worker in workers if progress.now - last.get(worker, since) > patience]
