"""Tests of one quantity of two sides: of one run each by what is known within them, of several by the runs' own figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist, fmean, variance

from dclab.measure import rank_test
from dclab.measure.latency import read_histogram
from dclab.measure.ratio import SAME, Direction, quotient
from dclab.measure.student import t_quantile, two_sided_p
from dclab.results import LatencySummary, Rate

__all__ = ["Difference", "Tested", "of_latencies", "of_rates", "of_runs"]

Z95 = 1.96


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One quantity of a side against the same of the first."""

    what: str
    run: int
    """Which side, counted from 1 for the first after the base."""
    base: float
    other: float
    """Of one run its figure, of several their geometric mean."""
    unit: str
    ratio: float | None = None
    """How many times the base the other is; None where that cannot be told, or is beyond what was waited for."""
    ratio_ci95_low: float | None = None
    ratio_ci95_high: float | None = None
    """Interval of the ratio, of at least 95 %: together those of all figures hold at 95 %. An end is None where it is
    open."""
    p: float | None = None
    """Probability of so large a difference by chance: of several runs by Student's t test, of one run by the intervals of
    the rates or by Mann and Whitney's test of the latencies, beyond the margin that may be the machine's."""
    other_exceeds: float | None = None
    """Probability that a request of the other run takes longer than one of the base; None but for latencies of one run."""
    base_runs: int = 1
    other_runs: int = 1
    paired: bool = False
    """Whether the runs alternated and are compared in pairs, so that what drifts does not count."""
    verdict: Direction


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A quantity with what can be asked of it: the p of a ratio, and the ratios that are not rejected at a level."""

    found: Difference
    ratio: float
    p_of: Callable[[float], float]
    interval: Callable[[float], tuple[float, float]]

    @property
    def least(self) -> float:
        """The smallest factor that counts as a difference."""
        return SAME if self.found.base_runs == self.found.other_runs == 1 else 1.0

    @property
    def p(self) -> float:
        """Of a difference that counts."""
        nearest = min(max(self.ratio, 1 / self.least), self.least)
        return 1.0 if nearest == self.ratio != 1.0 else self.p_of(nearest)


# One run a side.


def of_rates(found: Difference, base: Rate, other: Rate) -> Difference | Tested:
    """By the rates' own intervals, and Fieller's of their quotient."""
    errors = [one.half_width / Z95 for one in (base, other)]
    if not (base.mean > 0 and other.mean > 0 and all(math.isfinite(one) for one in errors)):
        return found

    def p_of(ratio: float) -> float:
        error = math.hypot(errors[1], ratio * errors[0])
        off = abs(other.mean - ratio * base.mean)
        return math.erfc(off / error / math.sqrt(2)) if error else float(off == 0)

    def interval(level: float) -> tuple[float, float]:
        wider = NormalDist().inv_cdf(1 - level / 2) / Z95
        ratio = quotient(_widened(other, wider), _widened(base, wider))
        return ratio.low, ratio.high

    return Tested(found=found, ratio=other.mean / base.mean, p_of=p_of, interval=interval)


def _widened(rate: Rate, times: float) -> Rate:
    half = times * rate.half_width
    return Rate(mean=rate.mean, ci95_low=rate.mean - half, ci95_high=rate.mean + half)


def of_latencies(found: Difference, base: LatencySummary, other: LatencySummary) -> Difference | Tested:
    """By the ranks of all requests, those that timed out as the longest."""
    a, b = _samples(base), _samples(other)
    if not a or not b or rank_test.mann_whitney(a, b) is None:
        return found
    ratio = rank_test.factor(a, b)
    if math.isnan(ratio) or ratio <= 0:
        return found
    return Tested(
        found=replace(found, other_exceeds=rank_test.exceeds(a, b)),
        ratio=ratio,
        p_of=lambda ratio: rank_test.mann_whitney(a, b, ratio) or 0.0,
        interval=lambda level: rank_test.factor_interval(a, b, level),
    )


def _samples(summary: LatencySummary) -> dict[float, int]:
    """Microseconds -> how often, from the histogram; empty where none was kept."""
    if not summary.histogram:
        return {}
    histogram = read_histogram(summary.histogram)
    found = {
        float(one.value_iterated_to): one.count_added_in_this_iter_step for one in histogram.get_recorded_iterator()
    }
    return found | ({math.inf: summary.timeouts} if summary.timeouts else {})


# Several runs a side.


def of_runs(
    found: Difference, values: Sequence[Sequence[float]], paired: Sequence[tuple[int, int]] | None
) -> Difference | Tested:
    """Student's t on the logarithms of the runs' figures: of their differences where they are paired."""
    if not all(math.isfinite(one) and one > 0 for side in values for one in side):
        return found
    base, other = ([math.log(one) for one in side] for side in values)
    if paired:
        differences = [other[b] - base[a] for a, b in paired]
        mean, degrees = fmean(differences), len(differences) - 1.0
        error = math.sqrt(variance(differences) / len(differences))
    else:
        mean = fmean(other) - fmean(base)
        error, degrees = _welch(base, other)

    def p_of(ratio: float) -> float:
        off = abs(mean - math.log(ratio))
        return two_sided_p(off / error, degrees) if error else float(off == 0)

    def interval(level: float) -> tuple[float, float]:
        half = t_quantile(degrees, 1 - level) * error
        return math.exp(mean - half), math.exp(mean + half)

    return Tested(found=found, ratio=math.exp(mean), p_of=p_of, interval=interval)


def _welch(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """Standard error of the difference of two means, and its degrees of freedom (B. L. Welch, Biometrika 34, 1947).

    Where one side is a single run, it is taken to vary as the runs of the other.
    """
    if min(len(a), len(b)) == 1:
        longer = max(a, b, key=len)
        return math.sqrt(variance(longer) * (1 / len(a) + 1 / len(b))), len(longer) - 1.0
    shares = [variance(one) / len(one) for one in (a, b)]
    total = sum(shares)
    if not total:
        return 0.0, len(a) + len(b) - 2.0
    return math.sqrt(total), total**2 / sum(
        share**2 / (len(one) - 1) for share, one in zip(shares, (a, b), strict=True)
    )
