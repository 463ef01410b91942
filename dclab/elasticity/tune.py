"""Tuning an autoscaler by one rule for every metric: least mean cost in the simulation, of equally many candidates.

Each metric has as many targets, and all have the same windows and policies. Candidates are simulated with one seed, the
better third of them with two more, and the best eight of those with five more (successive halving: K. Jamieson and A.
Talwalkar, AISTATS 2016); all share the seeds, so that they differ by themselves alone. Where two demands are possible, a
run's cost is the mean of both.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from statistics import fmean
from typing import Any, NamedTuple

from dclab import manifests
from dclab.autoscaler import parse_autoscaler
from dclab.elasticity.closed_loop import Conditions, SimulatedRun, simulate_run
from dclab.elasticity.simulate import TARGET

__all__ = ["LONGEST_WINDOW", "TARGETS", "Tried", "candidates", "tune"]

TARGETS: Mapping[str, Sequence[Any]] = {
    "cpu": (3, 4, 5, 6, 7, 8),
    "latency": ("50m", "75m", "100m", "150m", "200m", "300m"),
    "requests": ("6", "6500m", "7", "7500m", "8", "9"),
    "inflight": ("1", "1300m", "1600m", "2", "2500m", "3"),
}
"""Percent of the CPU request, seconds, requests a second and requests in flight: around what a replica has at the objective."""
UP_WINDOWS = (0, 30)
DOWN_WINDOWS = (30, 60, 120, 180)
LONGEST_WINDOW = float(max(DOWN_WINDOWS))
DOWN_POLICIES: Sequence[Mapping[str, Any]] = (
    {"policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
    {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]},
)
"""Kubernetes' default, and one replica a minute."""
ROUNDS = ((1, None), (2, 3), (5, 12))
"""Seeds that each candidate gets, and which part of the best ones is kept for it: a third, then a quarter of those."""

_MANIFEST = {"cpu": "cpu", "latency": "latency-tuned", "requests": "requests", "inflight": "inflight"}


class Tried(NamedTuple):
    """A candidate with what it costs."""

    manifest: dict[str, Any]
    cost: float
    """Mean over its runs, in replicas."""
    runs: tuple[SimulatedRun, ...]


def candidates(metric: str) -> Iterator[dict[str, Any]]:
    """Yield the autoscalers that are tried for one of METRICS."""
    base = manifests.autoscaler(TARGET, _MANIFEST[metric])
    for target, up, down, policy in product(TARGETS[metric], UP_WINDOWS, DOWN_WINDOWS, DOWN_POLICIES):
        one = copy.deepcopy(base)
        source = one["spec"]["metrics"][0]
        amounts = source[source["type"].lower()]["target"]
        amounts[next(key for key in amounts if key != "type")] = target
        one["spec"]["behavior"] = {
            "scaleUp": {"stabilizationWindowSeconds": up},
            "scaleDown": {"stabilizationWindowSeconds": down, **copy.deepcopy(policy)},
        }
        yield one


def tune(
    metric: str, conditions: Conditions, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> list[Tried]:
    """Return all candidates for one of METRICS, those that were tried longest first, and of these the cheapest.

    Args:
        metric: one of METRICS.
        conditions: that they are tried under.
        progress: told how many runs of how many were simulated.
    """
    tried = [Tried(one, 0.0, ()) for one in candidates(metric)]
    rest: list[Tried] = []
    plan = _plan(len(tried))
    total, done, seed = sum(kept * seeds for kept, seeds in plan), 0, 0
    for kept, seeds in plan:
        tried, rest = tried[:kept], [*tried[kept:], *rest]
        for index, one in enumerate(tried):
            spec = parse_autoscaler(one.manifest)
            runs = list(one.runs)
            for each in range(seed + 1, seed + seeds + 1):
                runs.append(simulate_run(spec, conditions, each))
                done += 1
                progress(done, total)
            tried[index] = Tried(one.manifest, fmean(map(_cost, runs)), tuple(runs))
        seed += seeds
        tried.sort(key=lambda each: each.cost)
    return [*tried, *rest]


def _plan(count: int) -> list[tuple[int, int]]:
    """Return how many candidates are kept in each round, and the seeds that each of them gets."""
    return [(count if part is None else max(1, count // part), seeds) for seeds, part in ROUNDS]


def _cost(run: SimulatedRun) -> float:
    return fmean((run.scores.cost, (run.scores_high or run.scores).cost))
