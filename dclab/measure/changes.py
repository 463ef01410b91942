"""Changes within a window: a rate that is another from some moment on, and workers that fell silent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from dclab.errors import DclabError
from dclab.lab import Counter
from dclab.measure.anonymous import find_jumps
from dclab.measure.by_worker import Progress
from dclab.measure.simulate import System

__all__ = ["RateChanged", "find_change", "silent_workers"]

PART_SECONDS = 1.5
"""Parts in which each worker reports at least once."""
LEAST_PARTS = 2
"""On either side of a change."""
LEAST_CHANGE = 0.1
"""Share of the rate; smaller changes are within what a window's interval says."""
SURE = 40.0
"""F of the best step against a steady rate; chance makes less in 999 of 1000 windows, wherever it puts the step."""
NOISE = 0.02
"""Share of the rate by which parts differ anyway."""

PATIENCE_SECONDS = 2.5
SERVICE_SECONDS = 0.1


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

    The rises are interpolated (each is what was done since about a second before), the window is divided into parts, and the
    best division into two steady halves has to explain nearly all of what the parts differ by.
    """
    jumps = find_jumps(samples)
    if len(jumps) < 2:
        return None
    begin, end = jumps[0].t, jumps[-1].t
    count = int((end - begin) / PART_SECONDS)
    if count < 2 * LEAST_PARTS:
        return None
    edges = [begin + (end - begin) * index / count for index in range(count + 1)]
    done, index = [], 0
    for edge in edges:
        while index + 2 < len(jumps) and jumps[index + 1].t <= edge:
            index += 1
        a, b = jumps[index], jumps[index + 1]
        done.append(a.total + (b.total - a.total) * (edge - a.t) / (b.t - a.t))
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
    if best is None or best[0] < SURE or abs(best[3] - best[2]) < LEAST_CHANGE * mean:
        return None
    # The part before the step is of both rates; the new one begins after it.
    t = edges[min(best[1] + 1, count)]
    return RateChanged(t, best[2], best[3], t - begun)


def silent_workers(progress: Progress, system: System) -> Sequence[str]:
    """Return the workers that have not reported for much longer than any worker had to wait before."""
    pauses = [b - a for worker in progress.workers for a, b in pairwise(progress.reports_of(worker))]
    queue = 1.5 * system.workers * SERVICE_SECONDS if system.rngs > 1 else 0.0
    patience = max(PATIENCE_SECONDS, 2 * max(pauses, default=0.0), 1.5 + queue)
    return [worker for worker in progress.workers if progress.now - progress.reports_of(worker)[-1] > patience]
