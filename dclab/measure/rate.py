"""From readings of the hash counter to the true rate and how sure it is.

The counter does not rise smoothly: each worker adds what it did about once a second, several hashes at a
time. The difference of two readings is therefore wrong by up to a batch per worker, and a one-second
reading is mostly that error. A straight line through all readings averages the batches away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import fmean, linear_regression, pstdev

from dclab.errors import DclabError
from dclab.lab import Counter
from dclab.measure.student import t_quantile
from dclab.results import Rate

__all__ = [
    "ClockStepped",
    "CounterReset",
    "CounterStill",
    "check_clock",
    "estimate_rate",
    "on_one_clock",
    "whole_seconds",
]

BATCH_SECONDS = 1.5
"""A worker reports at the first unit after a second has passed: every 1.0 to 1.5 s, whatever its cycle."""

PARTS = 3
"""Slopes of windows a third as long show how much the rate itself wanders."""

RESOLUTION = 0.5
"""Hashes: the counter moves in whole ones."""

FEWEST = 8
SHORTEST_SECONDS = 2.0


class CounterReset(DclabError):
    """The counter went backwards within a window: Redis was restarted, and the window is lost."""

    code = "counter-reset"


class ClockStepped(DclabError):
    """The counter's clock was set within a window, so its seconds are none, and the window is lost."""

    code = "clock-stepped"


class CounterStill(DclabError):
    """The counter did not rise within a window, so there is no rate to be known."""

    code = "counter-still"


STEP_SECONDS = 0.5
"""A reading may arrive late, but never by this much against its own time; a clock that is set moves further."""


def whole_seconds(samples: Sequence[Counter]) -> bool:
    """Whether every reading has a time in whole seconds: a clock too coarse to measure by."""
    return all(one.t == int(one.t) for one in samples)


def on_one_clock(samples: Sequence[Counter], arrived: Sequence[float]) -> list[Counter]:
    """Return the readings with times to measure by: when they arrived, where their own are in whole seconds."""
    if not whole_seconds(samples):
        return list(samples)
    return [replace(one, t=samples[0].t + at - arrived[0]) for one, at in zip(samples, arrived, strict=True)]


def check_clock(samples: Sequence[Counter], arrived: Sequence[float]) -> None:
    """Compare the readings' own times with when they arrived here, in seconds of a clock that nobody sets.

    Raises:
        ClockStepped: between two readings the two differ by more than STEP_SECONDS.
    """
    for (a, b), (here_a, here_b) in zip(pairwise(samples), pairwise(arrived), strict=True):
        step = (b.t - a.t) - (here_b - here_a)
        if abs(step) > STEP_SECONDS:
            raise ClockStepped(
                f"The web UI's clock moved by {step:+.1f} s while the counter was sampled.",
                "It was set, or an answer was held up.",
                "Measure that window again.",
            )


def estimate_rate(samples: Sequence[Counter]) -> Rate:
    """Return the least-squares slope of the counter over its window, with a 95 % interval.

    Three errors make up the interval:

    - the sawtooth of batches, cut at the window's ends: for a sawtooth of standard deviation s and period p
      over a window T at most sqrt(12) p s / T² (worst phase, by integrating the slope's formula by parts);
    - the counter's step;
    - the rate's own wander: the variance of the slopes of all windows of T / 3, less what the sawtooth
      explains of it, over 3, with Student's t at 3 degrees of freedom.

    The tests hold the interval to a simulation: it covers the true rate in 94 % of windows or more.

    Raises:
        CounterReset: the counter went backwards.
        CounterStill: it did not rise.
        DclabError: there are too few readings, or they span too little time.
    """
    if any(b.hashes < a.hashes for a, b in pairwise(samples)):
        raise CounterReset(
            "The hash counter went backwards while it was sampled.",
            "Redis was restarted, and the counter began at 0.",
            "Measure that window again.",
        )
    window = samples[-1].t - samples[0].t if samples else 0.0
    if len(samples) < FEWEST or window < SHORTEST_SECONDS:
        raise DclabError(
            f"There are only {len(samples)} readings of the hash counter in {window:.1f} s.",
            f"A rate needs {FEWEST} over {SHORTEST_SECONDS:g} s.",
            "Sample for longer.",
        )
    if samples[-1].hashes == samples[0].hashes:
        raise CounterStill(
            f"The hash counter did not rise in {window:.0f} s.",
            "No worker is running, or none reaches rng, hasher and Redis.",
            "Check that at least one worker is running and can reach them.",
        )
    # Seen from the window's beginning, so that clock and counter keep their digits.
    times = [one.t - samples[0].t for one in samples]
    counts = [float(one.hashes - samples[0].hashes) for one in samples]
    slope = _slope(times, counts)
    residuals = [count - slope * time for time, count in zip(times, counts, strict=True)]
    sawtooth = pstdev(residuals)
    length = len(samples) // PARTS
    parts = [
        _slope(times[i : i + length], counts[i : i + length])
        for i in range(0, len(samples) - length + 1, max(1, length // 8))
    ]
    explained = (_end_error(sawtooth, window / PARTS) / 2.5) ** 2
    wander = fmean((one - slope) ** 2 for one in parts) * PARTS / (PARTS - 1) - explained
    half = math.hypot(
        _end_error(sawtooth, window),
        RESOLUTION / window,
        t_quantile(PARTS) * math.sqrt(max(0.0, wander) / PARTS),
    )
    return Rate(mean=slope, ci95_low=max(0.0, slope - half), ci95_high=slope + half)


def _slope(times: Sequence[float], counts: Sequence[float]) -> float:
    return linear_regression(times, counts).slope


def _end_error(sawtooth: float, window: float) -> float:
    return math.sqrt(12) * BATCH_SECONDS * sawtooth / window**2
