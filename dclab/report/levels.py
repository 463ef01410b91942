"""What a metric asks for at each number of replicas: why an autoscaler settles, or swings.

The autoscaler takes a metric to be in proportion to 1 / replicas: it wants replicas × value / target, rounded up, unless
value / target is within the tolerance (Kubernetes, Horizontal Pod Autoscaling, "Algorithm details"). Where the metric is not so,
what it wants at the right number may be another one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean
from typing import NamedTuple

from dclab.autoscaler.spec import ControllerSettings
from dclab.measure.mean import Mean, mean_interval
from dclab.measure.ratio import verdict
from dclab.results import AutoscalerRun, Comparison, DemandStep, ElasticPoint, MetricReading

__all__ = [
    "TOLERANCE",
    "Asks",
    "Demand",
    "Response",
    "asked",
    "needed",
    "responses",
    "siege_demand",
    "usual_demand",
    "waits",
]

TOLERANCE = ControllerSettings().tolerance
"""Share by which a metric may be off its target, and the replicas stay: also what makes a difference in proportion."""
SYNC_SECONDS = 15.0
"""Between two decisions of Kubernetes' autoscaler, by default."""
LEAST_TARGET = 1e-6
"""Kubernetes computes with thousandths; below is no target that one can divide by."""
AVERAGED_SECONDS = 5.0
"""Real seconds over which a point's wait is averaged; what is counted on Kubernetes is as old as the last scrape."""
WINDOW_SCRAPES = 3
"""Rates are taken over so many scrapes."""


class Demand(NamedTuple):
    """What asks for the target: workers, and users of a siege."""

    workers: int
    users: int


class Asks(NamedTuple):
    """What a metric showed while so many replicas were ready, and what that asks for."""

    replicas: int
    value: float
    """Mean of the metric, in its own unit."""
    ratio: Mean | None
    """Value / target with its 95 % interval; None for a single value."""
    wanted: int
    """By the autoscaler's formula, not held to any bounds."""

    @property
    def stays(self) -> bool:
        """Whether it is known to ask for as many as there are."""
        lowest = min(1 - TOLERANCE, (self.replicas - 1) / self.replicas)
        return bool(
            self.ratio and verdict(self.ratio, 1 + TOLERANCE) == "no more" and verdict(self.ratio, lowest) == "more"
        )

    @property
    def rises(self) -> bool:
        """Whether it is known to ask for more."""
        return bool(self.ratio and verdict(self.ratio, 1 + TOLERANCE) == "more")

    @property
    def falls(self) -> bool:
        """Whether it is known to ask for fewer."""
        lowest = min(1 - TOLERANCE, (self.replicas - 1) / self.replicas)
        return bool(self.ratio and verdict(self.ratio, lowest) == "no more")


@dataclass(frozen=True, kw_only=True)
class Response:
    """What one autoscaler's metric asks for, by the number of ready replicas."""

    run: AutoscalerRun
    reading: MetricReading
    """The last that was known: its name, unit and target."""
    asks: tuple[Asks, ...]
    """By number of replicas."""

    def at(self, replicas: int) -> Asks | None:
        """What it asks for at that number; None where that was not seen."""
        return next((one for one in self.asks if one.replicas == replicas), None)

    @property
    def rests(self) -> tuple[int, ...]:
        """The numbers at which it is known to ask for as many as there are."""
        return tuple(one.replicas for one in self.asks if one.stays)

    @property
    def swings(self) -> tuple[Asks, Asks] | None:
        """Two neighbouring numbers, at the lower of which it asks for more and at the upper for fewer: there is none to stay at."""
        by_number = {one.replicas: one for one in self.asks}
        for lower in self.asks:
            upper = by_number.get(lower.replicas + 1)
            if upper and lower.rises and upper.falls:
                return lower, upper
        return None


def asked(replicas: int, ratio: float) -> int:
    """Return the replicas that Kubernetes' formula wants where a metric is at so many times its target."""
    if 1 - TOLERANCE <= ratio <= 1 + TOLERANCE:
        return replicas
    return math.ceil(round(replicas * ratio, 9))


def usual_demand(found: Comparison) -> Demand | None:
    """Return the demand that lasted longest, over all runs; None where there was none."""
    lasted = _lasted(found)
    return max(lasted, key=lambda one: lasted[one], default=None)


def siege_demand(found: Comparison) -> Demand | None:
    """Return the demand with users of a siege that lasted longest; None where there was none."""
    lasted = {one: seconds for one, seconds in _lasted(found).items() if one.users}
    return max(lasted, key=lambda one: lasted[one], default=None)


def _lasted(found: Comparison) -> Mapping[Demand, float]:
    lasted: dict[Demand, float] = defaultdict(float)
    for run in found.runs:
        for step, until in _steps(run):
            lasted[Demand(step.workers, step.users)] += until - step.t
    return lasted


def _steps(run: AutoscalerRun) -> Iterator[tuple[DemandStep, float]]:
    """Each step of demand, and until when it lasted."""
    ends = [*(one.t for one in run.demand[1:]), max(run.seconds, run.demand[-1].t)] if run.demand else []
    return zip(run.demand, ends, strict=True)


def needed(found: Comparison, demand: Demand) -> str:
    """Return how many replicas this demand needs: `4`, or `3–4` where its steps do not agree or that is not certain."""
    steps = [step for run in found.runs for step in run.demand if (step.workers, step.users) == demand]
    numbers = sorted({number for step in steps for number in (step.needed, step.needed_high)})
    return "–".join(map(str, dict.fromkeys((numbers[0], numbers[-1]))))


def waits(found: Comparison, demand: Demand) -> Mapping[int, Mean | None]:
    """Return the wait of a worker's call in ms by the number of ready replicas, over all runs, at this demand."""
    return {n: mean_interval(values) for n, values in _pooled(found, demand, lambda one: one.wait_ms).items()}


def responses(found: Comparison, demand: Demand) -> list[Response]:
    """Return what each autoscaler's metric asks for at this demand, for those on one metric; equal ones once.

    In-flight and requests were counted in every run, so every run tells of them, and of any other metric those in which an
    autoscaler had it.
    """
    answers = []
    seen = set()
    for run in found.runs:
        reading = _reading(run)
        if reading is None or (key := (reading.type, reading.name, reading.unit, reading.target)) in seen:
            continue
        seen.add(key)
        values = {n: each for n, each in _values(found, demand, run, reading).items() if each}
        asks = tuple(_asks(n, values[n], reading.target) for n in sorted(values))
        if asks:
            answers.append(Response(run=run, reading=reading, asks=asks))
    return answers


def _asks(replicas: int, values: list[float], target: float) -> Asks:
    mean = fmean(values)
    ratio = mean_interval(one / target for one in values)
    return Asks(replicas, mean, ratio, asked(replicas, mean / target))


def _reading(run: AutoscalerRun) -> MetricReading | None:
    """Its last known one; None where it has several metrics, or its metric never was known."""
    known = [one.metrics[0] for one in run.timeline if len(one.metrics) == 1 and one.metrics[0].current is not None]
    several = any(len(one.metrics) > 1 for one in run.timeline)
    return known[-1] if known and not several and known[-1].target > LEAST_TARGET else None


QUANTITIES: Mapping[str, Callable[[ElasticPoint], float | None]] = {
    "inflight": lambda one: one.in_flight,
    "requests": lambda one: one.requests_per_second,
}
"""By metric: what was counted of all replicas together in every run."""


def _values(found: Comparison, demand: Demand, run: AutoscalerRun, reading: MetricReading) -> Mapping[int, list[float]]:
    quantity = QUANTITIES.get(run.metric)
    if quantity and reading.type == "Pods":
        counted = _pooled(found, demand, quantity)
        if any(counted.values()):
            return {n: [one / n for one in values] for n, values in counted.items()}
    lag = WINDOW_SCRAPES * found.scrape_seconds + SYNC_SECONDS
    shown: dict[int, list[float]] = defaultdict(list)
    for other in found.runs:
        if other.metric != run.metric:
            continue
        for n, points in _stays(other, demand, lag):
            # A value that stays the same is the same window, read again.
            values = [_current(one, reading) for one in points]
            shown[n] += [value for value, _ in groupby(values) if value is not None]
    return shown


def _current(point: ElasticPoint, like: MetricReading) -> float | None:
    kind = (like.type, like.name, like.unit)
    return next((one.current for one in point.metrics if (one.type, one.name, one.unit) == kind), None)


def _pooled(
    found: Comparison, demand: Demand, value: Callable[[ElasticPoint], float | None]
) -> Mapping[int, list[float]]:
    """Values by the number of ready replicas, over all runs, without those that average over an earlier number."""
    values: dict[int, list[float]] = defaultdict(list)
    for run in found.runs:
        for n, points in _stays(run, demand, found.scrape_seconds + AVERAGED_SECONDS * found.clock_speed):
            values[n] += [known for one in points if (known := value(one)) is not None]
    return values


def _stays(run: AutoscalerRun, demand: Demand, lag: float) -> Iterator[tuple[int, list[ElasticPoint]]]:
    """Stretches with one number of ready replicas under this demand, each without its first `lag` seconds."""
    for step, until in _steps(run):
        if (step.workers, step.users) != demand:
            continue
        within = [one for one in run.timeline if step.t <= one.t < until]
        for ready, stretch in groupby(within, key=lambda one: one.ready):
            points = list(stretch)
            if ready:
                yield ready, [one for one in points if one.t >= points[0].t + lag]
