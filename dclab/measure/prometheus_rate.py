"""A counter's rate as Prometheus calculates it: `rate(counter[window])`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["prometheus_rate"]

NEAR = 1.1
"""A window's end that is no further from a sample than so many mean intervals has none missing."""


def prometheus_rate(samples: Sequence[tuple[float, float]], now: float, window: float) -> float | None:
    """Return the rate a second over the window up to now; None where fewer than two samples lie in it.

    The increase is extrapolated to the window's ends where samples come near them, else by half an interval, and never to
    before the counter was 0: a counter that is younger than the window therefore reads low (`extrapolatedRate` of
    Prometheus' promql/functions.go).

    Args:
        samples: (seconds, value) in order of time; a value below the one before is a counter that was reset.
        now: seconds, on the samples' clock.
        window: seconds.
    """
    within = [one for one in samples if now - window < one[0] <= now]
    if len(within) < 2:
        return None
    (begin, first), (end, _) = within[0], within[-1]
    if end <= begin:
        return None
    increase = sum(b - a if b >= a else b for (_, a), (_, b) in pairwise(within))
    interval = (end - begin) / (len(within) - 1)
    before, after = (
        missing if missing < NEAR * interval else interval / 2 for missing in (begin - (now - window), now - end)
    )
    if increase > 0:
        before = min(before, (end - begin) * first / increase)
    return increase * (before + end - begin + after) / (end - begin) / window
