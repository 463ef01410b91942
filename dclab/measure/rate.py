"""From reports of workers, or readings of the counter, to the true rate and how sure it is.

The counter does not rise smoothly: each worker adds what it did about once a second, several hashes at a time. A
difference of two readings is therefore wrong by up to a batch per worker. The workers' own reports are exact
(`dclab.measure.by_worker`); where nobody tells who reported, rounds of jumps are nearly so (`dclab.measure.anonymous`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import fmean

from dclab.errors import DclabError
from dclab.lab import Counter, WorkerReport
from dclab.measure.anonymous import rounds_of
from dclab.measure.by_worker import SMOOTH_SECONDS, Progress
from dclab.measure.counter_clock import CounterStill, check_counter, check_rising
from dclab.measure.interval import rate_with_interval
from dclab.measure.system import System
from dclab.measure.systems_like import systems_like
from dclab.results import Rate

__all__ = ["TooShort", "anonymous_rate", "rate_by_worker"]

STAMP_SECONDS = 0.002
"""Standard deviation of the time that lies between a report and its stamp."""

PART_SECONDS = 0.7
MOST_PARTS = 8
SHORTEST_SECONDS = 2.0
"""A worker reports every 1.0 to 1.5 s."""


class TooShort(DclabError):
    """There are too few readings or reports for a rate."""

    code = "too-short"


def rate_by_worker(
    reports: Sequence[WorkerReport], begin: float, end: float, system: System, *, busy: float = 0.0
) -> Rate:
    """Return the rate of all workers together from `begin` to `end`, in seconds of the reports' clock.

    Args:
        reports: of every worker; those before `begin` are not used, so that what the lab did then has no part in it.
        begin: of the window.
        end: of the window; what was done in the last half second is not used, as it is not reported yet.
        system: workers, rngs and load balancing of the lab.
        busy: share of the processors' time that was used within the window.

    Raises:
        CounterStill: nothing was reported within the window.
        TooShort: the window is shorter than SHORTEST_SECONDS.
    """
    progress = Progress([one for one in reports if one.t >= begin], end)
    seconds = progress.latest - begin
    if seconds + SMOOTH_SECONDS < SHORTEST_SECONDS:
        raise _too_short(end - begin)
    within = sum(begin < one.t <= end for one in reports)
    count = max(2, min(MOST_PARTS, int(seconds / PART_SECONDS)))
    done = [progress.at(begin + seconds * index / count) for index in range(count + 1)]
    mean = (done[-1] - done[0]) / seconds
    if not within or mean <= 0:
        raise CounterStill(
            f"No worker reported any work in {end - begin:.0f} s.",
            "No worker is running, or none reaches rng, hasher and Redis.",
            "Check that at least one worker is running and can reach them.",
        )
    parts = [(b - a) * count / seconds for a, b in pairwise(done)]
    # Where each worker's pace is all there is beyond its first and last report, their stamps weigh the more.
    spans = [times[-1] - times[0] for times in map(progress.reports_of, progress.workers) if len(times) > 1]
    weight = max(1.0, seconds / fmean(spans)) if spans else 1.0
    off = mean * STAMP_SECONDS * weight * math.sqrt(2 / len(progress.workers))
    return replace(rate_with_interval(mean, parts, seconds, [system], off, busy), reports=within)


def anonymous_rate(samples: Sequence[Counter], system: System | None = None, *, busy: float = 0.0) -> Rate:
    """Return the rate of a window of counter readings, best 20 ms apart or less, at irregular times.

    Args:
        samples: the readings, on a clock that does not step.
        system: workers, rngs and load balancing; None where they are not known, and the interval is that of the system
            which wanders most of those that would do.
        busy: share of the processors' time that was used within the window, where that is known.

    Raises:
        CounterReset: the counter went backwards.
        CounterStill: it did not rise, or has stopped.
        TooShort: there are too few readings, or the workers reported too seldom.
    """
    window = samples[-1].t - samples[0].t if samples else 0.0
    if window < SHORTEST_SECONDS:
        raise _too_short(window)
    check_counter(samples)
    check_rising(samples)
    rounds = rounds_of(samples, system.workers if system else None)
    if rounds is None or len(rounds.rates) < 2:
        raise _too_short(window)
    systems: Sequence[System] = (
        [system] if system else systems_like(float(f"{rounds.mean:.2g}"), rounds.jumps, alone=rounds.alone)
    )
    found = rate_with_interval(rounds.mean, rounds.rates, rounds.seconds, systems, rounds.off, busy)
    # With several rngs rounds differ for other reasons, too.
    unstable = found.unstable and all(one.rngs == 1 for one in systems)
    return replace(found, seconds=window, unstable=unstable)


def _too_short(seconds: float) -> TooShort:
    return TooShort(
        f"In {seconds:.1f} s the workers reported too seldom for a rate.",
        f"A rate needs at least {SHORTEST_SECONDS:g} s and three reports of each worker.",
        "Sample for longer.",
    )
