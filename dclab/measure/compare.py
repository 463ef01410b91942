"""What differs between two sides beyond chance, and what is the same.

A side is one run or several. The run is the unit: requests and seconds of one run share its machine at its time, so only
other runs tell how much those matter. With several runs a side, intervals come from the runs' own means; with one a side
from within the runs, and a difference then counts only beyond what may be the machine's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import NormalDist, fmean, variance
from typing import TypeVar

from dclab.errors import InvalidInput
from dclab.measure import rank_test
from dclab.measure.latency import read_histogram
from dclab.measure.ratio import SAME, Direction, Ratio, direction, quotient
from dclab.measure.student import t_quantile, two_sided_p
from dclab.results import LatencySummary, Rate, Results

Figure = TypeVar("Figure")

__all__ = ["ERROR", "Comparison", "compare_runs", "compare_sides"]

ERROR = 0.05
"""Probability that any of all figures that are compared at once is called higher or lower by chance alone."""
Z95 = 1.96


@dataclass(frozen=True, kw_only=True)
class Comparison:
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
class _Test:
    """A quantity with what can be asked of it: the p of a ratio, and the ratios that are not rejected at a level."""

    found: Comparison
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


def compare_runs(runs: Sequence[Results]) -> list[Comparison]:
    """Every quantity that the first run shares with another; InvalidInput as `compare_sides`."""
    return compare_sides([[one] for one in runs])


def compare_sides(sides: Sequence[Sequence[Results]]) -> list[Comparison]:
    """Every quantity that all runs of the first side share with all of another, in the order of the report.

    Raises:
        InvalidInput: there is one side only, or they have no quantity in common.
    """
    if len(sides) < 2:
        raise InvalidInput("There is nothing to compare one run with.", "", "Name two runs or more.")
    tests = [one for index, other in enumerate(sides[1:], 1) for one in _tests(sides[0], other, index)]
    if not tests:
        raise InvalidInput("These runs have measured nothing in common.", "", "Compare runs of the same command.")
    return _judged(tests)


def _judged(tests: Sequence[Comparison | _Test]) -> list[Comparison]:
    """Verdicts at one level for all of them together: S. Holm's step-down procedure (Scand. J. Statist. 6, 1979).

    Each is tested at the level at which its turn comes, and its interval is the one of that level, so that interval and
    verdict agree; from the first that is not rejected on, the level stays.
    """
    known = sorted((one for one in tests if isinstance(one, _Test)), key=lambda one: one.p)
    levels: dict[int, float] = {}
    level, stopped = ERROR, False
    for rank, one in enumerate(known):
        level = level if stopped else ERROR / (len(known) - rank)
        levels[id(one)] = level
        stopped = stopped or one.p > level
    return [one if isinstance(one, Comparison) else _verdict(one, levels[id(one)]) for one in tests]


def _verdict(test: _Test, level: float) -> Comparison:
    low, high = test.interval(level)
    return replace(
        test.found,
        ratio=test.ratio if math.isfinite(test.ratio) else None,
        ratio_ci95_low=low if low > 0 else None,
        ratio_ci95_high=high if math.isfinite(high) else None,
        p=test.p,
        verdict=direction(Ratio(test.ratio, low, high), least=test.least),
    )


def _tests(base: Sequence[Results], other: Sequence[Results], index: int) -> Iterator[Comparison | _Test]:
    single = len(base) == len(other) == 1
    paired = None if single else _pairs(base, other)
    for what, rates in _shared(_rates, base, other).items():
        found = _found(
            what, index, "hashes/s", [[one.mean for one in side] for side in rates], paired=paired is not None
        )
        if single:
            yield _of_rates(found, rates[0][0], rates[1][0])
        else:
            yield _of_runs(found, [[one.mean for one in side] for side in rates], paired)
    for what, latencies in _shared(_latencies, base, other).items():
        if single:
            medians = [[one.p50 for one in side] for side in latencies]
            yield _of_latencies(_found(what, index, "ms, median", medians), latencies[0][0], latencies[1][0])
            continue
        means = [[one.mean if one.count and not one.timeouts else math.nan for one in side] for side in latencies]
        yield _of_runs(_found(what, index, "ms, mean", means, paired=paired is not None), means, paired)


def _found(what: str, index: int, unit: str, values: Sequence[Sequence[float]], *, paired: bool = False) -> Comparison:
    base, other = values
    return Comparison(
        what=what,
        run=index,
        base=_geometric(base),
        other=_geometric(other),
        unit=unit,
        base_runs=len(base),
        other_runs=len(other),
        paired=paired,
        verdict="cannot tell",
    )


def _geometric(values: Sequence[float]) -> float:
    """The geometric mean; of one value itself."""
    return (
        values[0] if len(values) == 1 else math.exp(fmean(map(math.log, values))) if min(values) > 0 else fmean(values)
    )


def _shared(
    of: Callable[[Results], Mapping[str, Figure]], base: Sequence[Results], other: Sequence[Results]
) -> dict[str, list[list[Figure]]]:
    """Quantities that every run of both sides has, in the order of the first; for each its figures by side."""
    found = [[of(one) for one in side] for side in (base, other)]
    return {
        what: [[run[what] for run in side] for side in found]
        for what in found[0][0]
        if all(what in run for side in found for run in side)
    }


def _rates(results: Results) -> dict[str, Rate]:
    found = {
        f"{one.workers} worker{'s' * (one.workers > 1)}": one.hashes_per_second
        for one in (results.sweep.points if results.sweep else ())
    }
    found |= {f"{one.name}, {one.workers} workers": one.hashes_per_second for one in results.interventions}
    return found


def _latencies(results: Results) -> dict[str, LatencySummary]:
    return {
        f"{kind} of {name}, {one.workers} workers": summary
        for name, one in (results.latency or {}).items()
        for kind, summary in (("probe", one.probe), ("call", one.call))
    }


# One run a side.


def _of_rates(found: Comparison, base: Rate, other: Rate) -> Comparison | _Test:
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

    return _Test(found=found, ratio=other.mean / base.mean, p_of=p_of, interval=interval)


def _widened(rate: Rate, times: float) -> Rate:
    half = times * rate.half_width
    return Rate(mean=rate.mean, ci95_low=rate.mean - half, ci95_high=rate.mean + half)


def _of_latencies(found: Comparison, base: LatencySummary, other: LatencySummary) -> Comparison | _Test:
    """By the ranks of all requests, those that timed out as the longest."""
    a, b = _samples(base), _samples(other)
    if not a or not b or rank_test.mann_whitney(a, b) is None:
        return found
    ratio = rank_test.factor(a, b)
    if math.isnan(ratio) or ratio <= 0:
        return found
    return _Test(
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


def _of_runs(
    found: Comparison, values: Sequence[Sequence[float]], paired: Sequence[tuple[int, int]] | None
) -> Comparison | _Test:
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

    return _Test(found=found, ratio=math.exp(mean), p_of=p_of, interval=interval)


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


def _pairs(base: Sequence[Results], other: Sequence[Results]) -> list[tuple[int, int]] | None:
    """Indices of the runs that were made one after the other, one of each side, if all were; else None."""
    if len(base) != len(other):
        return None
    try:
        made = sorted(
            (datetime.fromisoformat(one.started).timestamp(), side, index)
            for side, runs in enumerate((base, other))
            for index, one in enumerate(runs)
        )
    except (ValueError, OverflowError, OSError):  # another program's time
        return None
    pairs = [sorted(made[at : at + 2], key=lambda one: one[1]) for at in range(0, len(made), 2)]
    if any((a[1], b[1]) != (0, 1) for a, b in pairs):
        return None
    return [(a[2], b[2]) for a, b in pairs]
