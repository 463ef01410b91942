"""How well supply followed demand: the elasticity metrics of SPEC's Research Group, and one cost made of them.

Accuracy, timeshare and jitter are those of N. Herbst et al., "Ready for Rain? A View from SPEC Research on the Future of
Cloud Metrics", SPEC-RG-2016-01 (arXiv 1604.03470); a demand or supply curve is a sequence of (seconds, replicas), each of
which holds until the next.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import fsum
from operator import itemgetter

from dclab.results import DemandStep, Elasticity, ElasticPoint

__all__ = ["MISSING_WEIGHT", "START_SECONDS", "Curve", "cost", "score", "score_run"]

Curve = Sequence[tuple[float, int]]

MISSING_WEIGHT = 3.0
"""A missing replica costs users so many times what one too many costs the operator."""
START_SECONDS = 60.0
"""A replica that is started costs as much as one that idles for so long."""


def cost(under: float, over: float, started: int, seconds: float) -> float:
    """Return the cost of a run in replicas: what it costs on average, as so many replicas that idle would.

    Args:
        under: replicas that were missing on average.
        over: replicas that were too many on average.
        started: how many were started.
        seconds: length of the run.
    """
    return MISSING_WEIGHT * under + over + started * START_SECONDS / seconds


def score(
    demand: Curve,
    supply: Curve,
    seconds: float,
    *,
    waits: Sequence[tuple[float, float | None]] = (),
    slo_ms: float = 0.0,
) -> Elasticity:
    """Return the scores of supply against demand.

    Args:
        demand: from 0 seconds on, in increasing order of time.
        supply: the same.
        seconds: length of the run; what comes later does not count.
        waits: (seconds, mean milliseconds that a call waited since the point before); None where not known.
        slo_ms: objective for the waits.

    Raises:
        ValueError: a curve does not begin at 0 or is not in order, or the run has no length.
    """
    for curve in (demand, supply):
        if not curve or curve[0][0] != 0 or any(a[0] > b[0] for a, b in pairwise(curve)):
            raise ValueError("demand and supply must begin at 0 s, in order of time")
    if seconds <= 0:
        raise ValueError("a run must have a length")
    parts = list(_parts(demand, supply, seconds))
    under = fsum(dt * max(d - s, 0) for dt, d, s in parts) / seconds
    over = fsum(dt * max(s - d, 0) for dt, d, s in parts) / seconds
    moves = _moves(supply, seconds)
    units = sum(map(abs, moves)) - sum(map(abs, _moves(demand, seconds)))
    return Elasticity(
        accuracy_under=under,
        accuracy_over=over,
        timeshare_under=_share(fsum(dt for dt, d, s in parts if d > s), seconds),
        timeshare_over=_share(fsum(dt for dt, d, s in parts if s > d), seconds),
        jitter=60 * units / seconds,
        reversals=sum(a * b < 0 for a, b in pairwise(moves)),
        over_slo=_over(waits, slo_ms, seconds),
        first_enough_seconds=_first_enough(demand, supply, seconds),
        pod_minutes=fsum(dt * s for dt, _, s in parts) / 60,
        ideal_pod_minutes=fsum(dt * d for dt, d, _ in parts) / 60,
        cost=cost(under, over, sum(one for one in moves if one > 0), seconds),
    )


def _share(part: float, whole: float) -> float:
    return min(1.0, part / whole)


def _parts(demand: Curve, supply: Curve, seconds: float) -> Iterator[tuple[float, int, int]]:
    """Yield stretches in which neither changes: their length, demand and supply."""
    times = sorted({t for t, _ in (*demand, *supply) if t < seconds} | {seconds})
    for begin, end in pairwise(times):
        yield end - begin, _at(demand, begin), _at(supply, begin)


def _at(curve: Curve, t: float) -> int:
    return curve[bisect_right(curve, t, key=itemgetter(0)) - 1][1]


def _moves(curve: Curve, seconds: float) -> list[int]:
    """Replicas added or removed at each change within the run."""
    values: list[tuple[float, int]] = []
    for t, value in curve:  # of several at one time the last counts
        if values and values[-1][0] == t:
            values.pop()
        values.append((t, value))
    return [b[1] - a[1] for a, b in pairwise(values) if b[0] < seconds and b[1] != a[1]]


def _over(waits: Sequence[tuple[float, float | None]], slo_ms: float, seconds: float) -> float | None:
    known = above = before = 0.0
    for t, wait in waits:
        if t > seconds:
            break
        if wait is not None:
            known += t - before
            above += (t - before) * (wait > slo_ms)
        before = t
    return _share(above, known) if known > 0 else None


def _first_enough(demand: Curve, supply: Curve, seconds: float) -> float | None:
    short = next((t for t, _ in demand if t < seconds and _at(demand, t) > _at(supply, t)), None)
    if short is None:
        return 0.0
    times = sorted({t for t, _ in (*demand, *supply) if short < t < seconds})
    enough = next((t for t in times if _at(supply, t) >= _at(demand, t)), None)
    return None if enough is None else enough - short


def score_run(
    demand: Sequence[DemandStep], timeline: Sequence[ElasticPoint], seconds: float, slo_ms: float
) -> tuple[Elasticity, Elasticity | None]:
    """Return the scores of a run against `needed`, and against `needed_high` where that differs in any step.

    Args:
        demand: its steps, the first at 0 s.
        timeline: its points; what the first one shows is taken to hold from the beginning.
        seconds: its length.
        slo_ms: objective for the wait of a worker's call.

    Raises:
        ValueError: there are no steps or no points, or they are not in order.
    """
    if not timeline:
        raise ValueError("a run without points cannot be scored")
    supply = [(0.0, timeline[0].ready), *((one.t, one.ready) for one in timeline)]
    waits = [(one.t, one.wait_ms) for one in timeline]
    low, high = (
        score(
            [(one.t, value) for one, value in zip(demand, values, strict=True)],
            supply,
            seconds,
            waits=waits,
            slo_ms=slo_ms,
        )
        for values in ([one.needed for one in demand], [one.needed_high for one in demand])
    )
    same = all(one.needed == one.needed_high for one in demand)
    return low, None if same else high
