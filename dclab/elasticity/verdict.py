"""Which of two autoscalers is better: by the difference of their costs, and how well that is known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import NamedTuple

from dclab.results import AutoscalerRun, ElasticityVerdict

__all__ = ["NEGLIGIBLE", "Judged", "compare_costs", "judged", "verdicts"]

NEGLIGIBLE = 0.1
"""Replicas by which two costs may differ and yet be the same."""


class Judged(NamedTuple):
    """What is known of one autoscaler's cost."""

    name: str
    cost: float
    """Against `needed`."""
    cost_high: float
    """Against `needed_high`; the same where that is no other."""
    half_width: float
    """Of the 95 % interval of either."""


def judged(run: AutoscalerRun) -> Judged | None:
    """Return what is known of a run's cost; None where nobody knows how far another run of the same would lie from it."""
    spread = run.spread.get("cost")
    if spread is None:
        return None
    return Judged(run.name, run.scores.cost, (run.scores_high or run.scores).cost, (spread.high - spread.low) / 2)


def compare_costs(a: Judged, b: Judged) -> ElasticityVerdict:
    """Return which one costs less.

    The interval of the difference is that of two independent values; where two demands are possible it holds for both.
    """
    differences = (a.cost - b.cost, a.cost_high - b.cost_high)
    half = math.hypot(a.half_width, b.half_width)
    low, high = min(differences) - half, max(differences) + half
    if max(-low, high) <= NEGLIGIBLE:
        verdict = "no difference"
    elif high < 0:
        verdict = "a is better"
    elif low > 0:
        verdict = "b is better"
    else:
        verdict = "cannot tell"
    return ElasticityVerdict(a=a.name, b=b.name, verdict=verdict, difference=differences[0], low=low, high=high)  # type: ignore[arg-type]


def verdicts(runs: Iterable[Judged | None]) -> Iterator[ElasticityVerdict]:
    """Yield the verdict on each two of them whose costs' intervals are known."""
    for a, b in combinations(filter(None, runs), 2):
        yield compare_costs(a, b)
