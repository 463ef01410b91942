"""The rate from the counter alone, where nobody tells which worker reported.

Each worker adds to the counter once every 1.0 to 1.5 s, so the counter rises in rounds: with N workers every N-th jump is
of the same worker, as long as none skips a round. Pairs of jumps a multiple of N apart therefore lie an exact number of
units apart, and only the moments of the jumps are in doubt, by the time between two readings. N itself is the distance
at which the pairs agree best.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

from dclab.lab import Counter
from dclab.measure.moments import variance

__all__ = ["Jump", "Rounds", "find_jumps", "rounds_of"]

SHORTEST_ROUND, LONGEST_ROUND = 1.0, 1.6
"""Seconds between two reports of a worker whose cycle is shorter than that."""

ALONE = 1.05
"""Units of a mean jump up to which each unit is reported by itself, so that every jump is as good as any other."""

CORRELATED = 2.0
"""A skipped report is missing in several pairs: their mean varies by so much more than independent ones' would."""


class Jump(NamedTuple):
    """One rise of the counter."""

    t: float
    """In the middle between the readings before and after it."""
    off: float
    """Standard deviation of `t`, in seconds."""
    total: int
    """What the counter showed after it."""


class Rounds(NamedTuple):
    """What the rounds of a window tell."""

    mean: float
    """Hashes per second over all of them."""
    rates: tuple[float, ...]
    """Hashes per second in each round, in order."""
    seconds: float
    """From the first round's beginning to the last one's end."""
    off: float
    """Standard deviation of the units by which both ends together are misjudged."""
    jumps: int
    """In a round: how many workers there are, if each reports on its own."""
    alone: bool
    """Whether each unit is reported by itself: then there may be more workers than that."""


def find_jumps(samples: Sequence[Counter]) -> list[Jump]:
    """Return the counter's rises, in order."""
    return [
        Jump((a.t + b.t) / 2, (b.t - a.t) / math.sqrt(12), b.hashes)
        for a, b in pairwise(samples)
        if b.hashes > a.hashes
    ]


def _misfits(jumps: Sequence[Jump], lag: int, rate: float) -> list[float]:
    """By how many units each pair of jumps `lag` apart is off a steady rate."""
    return [b.total - a.total - rate * (b.t - a.t) for a, b in zip(jumps, jumps[lag:], strict=False)]


def _slope(jumps: Sequence[Jump], lag: int) -> float:
    pairs = list(zip(jumps, jumps[lag:], strict=False))
    return sum(b.total - a.total for a, b in pairs) / sum(b.t - a.t for a, b in pairs)


def _alone(jumps: Sequence[Jump]) -> bool:
    return (jumps[-1].total - jumps[0].total) / (len(jumps) - 1) <= ALONE


def _round_length(jumps: Sequence[Jump]) -> int:
    """Return how many jumps make a round: of all numbers that its length allows, the one whose pairs agree best."""
    span = jumps[-1].t - jumps[0].t
    each = (len(jumps) - 1) / span
    if _alone(jumps):
        return max(1, min(round(each * SHORTEST_ROUND), (len(jumps) - 1) // 2))
    low, high = max(1, math.floor(each * SHORTEST_ROUND)), max(1, math.ceil(each * LONGEST_ROUND))
    possible = [one for one in range(low, high + 1) if one <= (len(jumps) - 1) // 2]
    if not possible:
        return min(low, len(jumps) - 1)
    return min(
        possible, key=lambda one: variance(_misfits(jumps, one, _slope(jumps, one))) if len(jumps) - one > 1 else 0
    )


def rounds_of(samples: Sequence[Counter], workers: int | None = None) -> Rounds | None:
    """Return the rounds of a window of readings; None where there are too few jumps for one.

    Args:
        samples: readings whose counter never falls.
        workers: how many there are, where it is known.
    """
    jumps = find_jumps(samples)
    if len(jumps) < 3:
        return None
    size = _round_length(jumps)
    if workers is not None and size > 1 and workers <= (len(jumps) - 1) // 2:
        known, found = (variance(_misfits(jumps, one, _slope(jumps, one))) for one in (workers, size))
        size = workers if known <= 2 * found else size
    count = max(1, (len(jumps) - (size if len(jumps) >= 2 * size else 1)) // size)
    lag = count * size
    pairs = list(zip(jumps, jumps[lag:], strict=False))
    rate = _slope(jumps, lag)
    timing = fmean(a.off**2 + b.off**2 for a, b in pairs) * rate**2
    excess = max(0.0, variance(_misfits(jumps, lag, rate)) - timing) if len(pairs) > 1 else 0.0
    if len(pairs) == 1 and size > 1:
        excess = (jumps[-1].total - jumps[0].total) / (len(jumps) - 1)  # nothing to compare it with: a whole jump
    heads = range(min(size, len(jumps) - lag))
    rates = []
    for one in range(count):
        part = [(jumps[head + one * size], jumps[head + (one + 1) * size]) for head in heads]
        rates.append(sum(b.total - a.total for a, b in part) / sum(b.t - a.t for a, b in part))
    return Rounds(
        mean=rate,
        rates=tuple(rates),
        seconds=fmean(b.t - a.t for a, b in pairs),
        off=math.sqrt((timing + CORRELATED * excess) / len(pairs)),
        jumps=size,
        alone=_alone(jumps),
    )
