"""What differs between two sides beyond chance, and what is the same.

A side is one run or several. The run is the unit: requests and seconds of one run share its machine at its time, so only
other runs tell how much those matter. With several runs a side, intervals come from the runs' own means; with one a side
from within the runs, and a difference then counts only beyond what may be the machine's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from statistics import fmean
from typing import TypeVar

from dclab.errors import InvalidInput
from dclab.measure.compare_tests import Difference, Tested, of_latencies, of_rates, of_runs
from dclab.measure.ratio import Ratio, direction
from dclab.results import LatencySummary, Rate, Results

Figure = TypeVar("Figure")

__all__ = ["ERROR", "Difference", "compare_runs", "compare_sides"]

ERROR = 0.05
"""Probability that any of all figures that are compared at once is called higher or lower by chance alone."""


def compare_runs(runs: Sequence[Results]) -> list[Difference]:
    """Every quantity that the first run shares with another; InvalidInput as `compare_sides`."""
    return compare_sides([[one] for one in runs])


def compare_sides(sides: Sequence[Sequence[Results]]) -> list[Difference]:
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


def _judged(tests: Sequence[Difference | Tested]) -> list[Difference]:
    """Verdicts at one level for all of them together: S. Holm's step-down procedure (Scand. J. Statist. 6, 1979).

    Each is tested at the level at which its turn comes, and its interval is the one of that level, so that interval and
    verdict agree; from the first that is not rejected on, the level stays.
    """
    known = sorted((one for one in tests if isinstance(one, Tested)), key=lambda one: one.p)
    levels: dict[int, float] = {}
    level, stopped = ERROR, False
    for rank, one in enumerate(known):
        level = level if stopped else ERROR / (len(known) - rank)
        levels[id(one)] = level
        stopped = stopped or one.p > level
    return [one if isinstance(one, Difference) else _verdict(one, levels[id(one)]) for one in tests]


def _verdict(test: Tested, level: float) -> Difference:
    low, high = test.interval(level)
    return replace(
        test.found,
        ratio=test.ratio if math.isfinite(test.ratio) else None,
        ratio_ci95_low=low if low > 0 else None,
        ratio_ci95_high=high if math.isfinite(high) else None,
        p=test.p,
        verdict=direction(Ratio(test.ratio, low, high), least=test.least),
    )


def _tests(base: Sequence[Results], other: Sequence[Results], index: int) -> Iterator[Difference | Tested]:
    single = len(base) == len(other) == 1
    paired = None if single else _pairs(base, other)
    for what, rates in _shared(_rates, base, other).items():
        found = _found(
            what, index, "hashes/s", [[one.mean for one in side] for side in rates], paired=paired is not None
        )
        if single:
            yield of_rates(found, rates[0][0], rates[1][0])
        else:
            yield of_runs(found, [[one.mean for one in side] for side in rates], paired)
    for what, latencies in _shared(_latencies, base, other).items():
        if single:
            medians = [[one.p50 for one in side] for side in latencies]
            yield of_latencies(_found(what, index, "ms, median", medians), latencies[0][0], latencies[1][0])
            continue
        means = [[one.mean if one.count and not one.timeouts else math.nan for one in side] for side in latencies]
        yield of_runs(_found(what, index, "ms, mean", means, paired=paired is not None), means, paired)


def _found(what: str, index: int, unit: str, values: Sequence[Sequence[float]], *, paired: bool = False) -> Difference:
    base, other = values
    return Difference(
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
