"""What differs between runs beyond the noise of the measurement, and what is the same."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dclab.errors import InvalidInput
from dclab.measure.latency import read_histogram
from dclab.measure.ratio import quotient
from dclab.results import LatencySummary, Rate, Results

__all__ = ["Comparison", "compare_runs", "mann_whitney"]

Verdict = Literal["same", "higher", "lower", "cannot tell"]

SIGNIFICANT = 0.002
"""As asv judges benchmarks (asv/_stats.py): of some twenty comparisons, one in twenty-five is wrong by chance."""

FEWEST = 8
"""Of each: with fewer the normal approximation does not hold."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One quantity of a run against the same of the first."""

    what: str
    run: int
    """Which run, counted from 1 for the first after the base."""
    base: float
    other: float
    unit: str
    ratio_ci95_low: float | None = None
    ratio_ci95_high: float | None = None
    """95 % interval of other / base; None where there is none."""
    p: float | None = None
    """Mann-Whitney's, for latencies."""
    verdict: Verdict


def mann_whitney(a: Mapping[float, int], b: Mapping[float, int]) -> float | None:
    """Two-sided p of two samples, given as value -> how often; None for fewer than FEWEST of either.

    By the normal approximation with corrections for ties and continuity (H. B. Mann and D. R. Whitney, Ann. Math.
    Statist. 18, 1947).
    """
    n_a, n_b = sum(a.values()), sum(b.values())
    if min(n_a, n_b) < FEWEST:
        return None
    n = n_a + n_b
    below, rank_sum, ties = 0, 0.0, 0.0
    for value in sorted({*a, *b}):
        here = a.get(value, 0) + b.get(value, 0)
        rank_sum += a.get(value, 0) * (below + (here + 1) / 2)
        ties += here**3 - here
        below += here
    u = rank_sum - n_a * (n_a + 1) / 2
    variance = n_a * n_b / 12 * (n + 1 - ties / (n * (n - 1)))
    if variance <= 0:
        return 1.0
    z = max(0.0, abs(u - n_a * n_b / 2) - 0.5) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2))


def compare_runs(runs: Sequence[Results]) -> list[Comparison]:
    """Every quantity that the first run shares with another, in the order of the report.

    Raises:
        InvalidInput: there is one run only, or they have no quantity in common.
    """
    if len(runs) < 2:
        raise InvalidInput("There is nothing to compare one run with.", "", "Name two runs or more.")
    base = runs[0]
    found = [one for index, other in enumerate(runs[1:], 1) for one in _pair(base, other, index)]
    if not found:
        raise InvalidInput("These runs have measured nothing in common.", "", "Compare runs of the same command.")
    return found


def _pair(base: Results, other: Results, run: int) -> Iterator[Comparison]:
    rates = _rates(other)
    for what, rate in _rates(base).items():
        if what in rates:
            yield _of_rates(what, run, rate, rates[what])
    latencies = _latencies(other)
    for what, latency in _latencies(base).items():
        if what in latencies:
            yield _of_latencies(what, run, latency, latencies[what])


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


def _of_rates(what: str, run: int, base: Rate, other: Rate) -> Comparison:
    ratio = quotient(other, base)
    known = all(math.isfinite(one) for one in ratio)
    verdict: Verdict = "cannot tell"
    if known:
        verdict = "higher" if ratio.low > 1 else "lower" if ratio.high < 1 else "same"
    return Comparison(
        what=what,
        run=run,
        base=base.mean,
        other=other.mean,
        unit="hashes/s",
        ratio_ci95_low=ratio.low if known else None,
        ratio_ci95_high=ratio.high if known else None,
        verdict=verdict,
    )


def _of_latencies(what: str, run: int, base: LatencySummary, other: LatencySummary) -> Comparison:
    samples = _samples(base), _samples(other)
    p = mann_whitney(*samples) if samples[0] and samples[1] else None
    verdict: Verdict = "cannot tell"
    if p is not None:
        verdict = "same" if p >= SIGNIFICANT else "higher" if other.p50 > base.p50 else "lower"
    return Comparison(what=what, run=run, base=base.p50, other=other.p50, unit="ms, median", p=p, verdict=verdict)


def _samples(summary: LatencySummary) -> dict[float, int]:
    """Microseconds -> how often, from the histogram; empty where none was kept."""
    if not summary.histogram:
        return {}
    histogram = read_histogram(summary.histogram)
    return {
        float(one.value_iterated_to): one.count_added_in_this_iter_step for one in histogram.get_recorded_iterator()
    }
