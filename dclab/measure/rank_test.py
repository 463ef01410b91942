"""Two samples by the ranks of their values: how often one exceeds the other, by what factor, and how sure that is.

Mann and Whitney's test (H. B. Mann and D. R. Whitney, Ann. Math. Statist. 18, 1947) by its normal approximation, with
corrections for ties and continuity; and, by testing every factor, the estimate and the interval of J. L. Hodges and
E. L. Lehmann (Ann. Math. Statist. 34, 1963). A sample is given as value -> how often; an infinite value is one that is only
known to be larger than all others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import NormalDist

__all__ = ["FEWEST", "exceeds", "factor", "factor_interval", "mann_whitney"]

FEWEST = 8
"""Of each: with fewer the normal approximation does not hold."""
STEPS = 40
"""Of the bisection: the factor is known to 10 digits."""

Sample = Mapping[float, int]


def mann_whitney(a: Sample, b: Sample, scale: float = 1.0) -> float | None:
    """Return the two-sided p of b being distributed as `scale` times a; None for fewer than FEWEST of either."""
    if min(sum(a.values()), sum(b.values())) < FEWEST:
        return None
    z = _score(a, b, scale)
    return math.erfc(abs(z) / math.sqrt(2))


def exceeds(a: Sample, b: Sample) -> float:
    """Return how probable it is that a value of b exceeds one of a, ties counted half."""
    above, _ = _pairs(a, b, 1.0)
    return above / (sum(a.values()) * sum(b.values()))


def factor(a: Sample, b: Sample) -> float:
    """Return by what factor b exceeds a: the median of the quotients of all their pairs; infinite among infinite ones."""
    half = sum(a.values()) * sum(b.values()) / 2
    low = _solve(a, b, lambda scale: _pairs(a, b, scale)[0] - half - 0.25)
    high = _solve(a, b, lambda scale: _pairs(a, b, scale)[0] - half + 0.25)
    return math.sqrt(low * high) if high < math.inf else high  # between the middle two of an even number


def factor_interval(a: Sample, b: Sample, level: float) -> tuple[float, float]:
    """Return the factors that the test does not reject at this level (0.05 for 95 %); open where too few reject none."""
    critical = NormalDist().inv_cdf(1 - level / 2)
    low = _solve(a, b, lambda scale: _score(a, b, scale) - critical)
    high = _solve(a, b, lambda scale: _score(a, b, scale) + critical)
    return low, high


def _score(a: Sample, b: Sample, scale: float) -> float:
    """Standard deviations by which b exceeds scale · a; it falls as scale grows."""
    n_a, n_b = sum(a.values()), sum(b.values())
    above, ties = _pairs(a, b, scale)
    n = n_a + n_b
    variance = n_a * n_b / 12 * (n + 1 - ties / (n * (n - 1)))
    off = above - n_a * n_b / 2
    if variance <= 0:
        return 0.0
    return math.copysign(max(0.0, abs(off) - 0.5), off) / math.sqrt(variance)


def _pairs(a: Sample, b: Sample, scale: float) -> tuple[float, float]:
    """How many pairs have a value of b above scale times one of a, ties counted half; and the ranks' tie correction."""
    scaled = sorted((scale * value, count) for value, count in a.items())
    others = sorted(b.items())
    above, below, ties, at = 0.0, 0, 0.0, 0
    for value, count in others:
        while at < len(scaled) and scaled[at][0] < value:
            below += scaled[at][1]
            ties += scaled[at][1] ** 3 - scaled[at][1]
            at += 1
        here = 0
        if at < len(scaled) and scaled[at][0] == value:
            here = scaled[at][1]
            at += 1
        above += count * (below + here / 2)
        below += here
        ties += (count + here) ** 3 - (count + here)
    ties += sum(count**3 - count for _, count in scaled[at:])
    return above, ties


def _solve(a: Sample, b: Sample, falling: Callable[[float], float]) -> float:
    """The scale at which the function changes its sign; 0 or infinity where it does not."""
    finite_a, finite_b = ([one for one in each if 0 < one < math.inf] for each in (a, b))
    if not finite_a or not finite_b:
        return math.nan
    low, high = (math.log(min(finite_b) / max(finite_a)) - 0.01, math.log(max(finite_b) / min(finite_a)) + 0.01)
    if falling(math.exp(low)) < 0:
        return 0.0
    if falling(math.exp(high)) > 0:
        return math.inf
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(math.exp(middle)) > 0 else (low, middle)
    return math.exp((low + high) / 2)
