"""Autoscalers side by side under the same demand: what each did, and how it scores.

Demand is the least number of replicas that meets the objective (SLO), supply is how many are ready. Scores follow Herbst,
Kounev et al., "Ready for Rain? A View from SPEC Research on the Future of Cloud Metrics", SPEC-RG-2016-01 (arXiv
1604.03470), section on elasticity metrics; times are in seconds of the autoscaler's clock unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta

from dclab.results.autoscale import AutoscaleEvent, Condition, MetricReading
from dclab.results.bounds import Amount, Count, Name, Real, Replicas, Seconds

__all__ = [
    "AutoscalerRun",
    "Comparison",
    "DemandStep",
    "ElasticPoint",
    "Elasticity",
    "ElasticityVerdict",
    "Spread",
]

Share = Annotated[float, Meta(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class DemandStep:
    """Demand from `t` on, until the next step."""

    t: Seconds
    """Since the run began."""
    workers: Replicas
    users: Count
    """Of a siege, without think time; 0 while there is none."""
    needed: Replicas
    """Least number of replicas that meets the objective, at most the autoscaler's maximum."""
    needed_high: Replicas
    """The same where the wait is at the upper end of its interval; another than `needed` where the objective lies within it."""
    reachable: bool = True
    """Whether `needed` meets the objective; False where even the maximum does not."""


@dataclass(frozen=True, kw_only=True)
class ElasticPoint:
    """One observation of a run."""

    t: Seconds
    desired: Replicas
    ready: Replicas
    metrics: Annotated[tuple[MetricReading, ...], Meta(max_length=10)] = ()
    """As the autoscaler showed them; empty before its first pass."""
    wait_ms: Amount | None = None
    """How long a worker's call waited on average since the last points: from the workers' rate, by Little's law; None where not
    known."""
    in_flight: Amount | None = None
    """Requests that the target's replicas held together, averaged since the last point."""
    requests_per_second: Amount | None = None
    """Accepted by the target's replicas together since the last point."""
    hashes_per_second: Amount | None = None


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A score's 95 % interval over repeats, real or simulated."""

    low: Real
    high: Real
    repeats: Count


@dataclass(frozen=True, kw_only=True)
class Elasticity:
    """The scores of one run over its whole length T."""

    accuracy_under: Amount
    """Replicas that were missing on average: (1/T) sum of max(d - s, 0) dt."""
    accuracy_over: Amount
    """Replicas that were too many on average: (1/T) sum of max(s - d, 0) dt."""
    timeshare_under: Share
    """Share of the time in which replicas were missing."""
    timeshare_over: Share
    """Share of the time in which there were too many."""
    jitter: Real
    """Replicas that supply moved by less those that demand moved by, a minute: above 0 it over-reacts, below it is sluggish."""
    reversals: Count
    """How often supply turned from growing to shrinking or back."""
    over_slo: Share | None
    """Share of the time in which a worker's call waited longer than the objective; None where waits are not known."""
    first_enough_seconds: Amount | None
    """From the first step of demand that needs more than there was until there was enough; None when that never was."""
    pod_minutes: Amount
    """Minutes of ready replicas, added up."""
    ideal_pod_minutes: Amount
    """The same, had supply been demand."""
    cost: Amount
    """One figure, in replicas: see `dclab.elasticity.score.cost`."""


@dataclass(frozen=True, kw_only=True)
class AutoscalerRun:
    """One autoscaler under the demand."""

    name: Name
    """Unique in its comparison: `cpu`, `latency`, `latency tuned`, or a file's name."""
    metric: Name
    """cpu, latency, requests, inflight, or what a user's file names."""
    origin: Literal["course", "upstream", "tuned", "file"]
    """Who set its figures: the exercise, the course's repository, dclab's rule (`hpa-simulate --tune`), or the user."""
    manifest: Mapping[str, Any]
    """The HorizontalPodAutoscaler as applied."""
    demand: Annotated[tuple[DemandStep, ...], Meta(max_length=1000)]
    timeline: Annotated[tuple[ElasticPoint, ...], Meta(max_length=200_000)]
    seconds: Seconds
    """Its length T."""
    events: tuple[AutoscaleEvent, ...] = ()
    conditions: tuple[Condition, ...] = ()
    scores: Elasticity
    scores_high: Elasticity | None = None
    """Against `needed_high`, where that differs from `needed` in any step."""
    settled: bool | None = None
    """Whether desired stayed the same over the last two of its stabilization windows; None where the run ended too early to
    tell."""
    resting: Replicas | None = None
    """At how many it settled."""
    predicted: Elasticity | None = None
    """The simulated scores of the same autoscaler under the same demand: means over the repeats."""
    spread: Mapping[Name, Spread] = field(default_factory=dict)
    """By score's name: its interval over repeats; simulated ones where the run was not repeated."""


@dataclass(frozen=True, kw_only=True)
class ElasticityVerdict:
    """Two autoscalers by their cost."""

    a: Name
    b: Name
    verdict: Literal["a is better", "b is better", "no difference", "cannot tell"]
    difference: Real
    """Cost of a less that of b, in replicas."""
    low: Real
    high: Real
    """Its 95 % interval."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Several autoscalers in turn under the same demand."""

    target: Name
    slo_ms: Amount
    """Objective for the wait of a worker's call."""
    clock_speed: Annotated[float, Meta(gt=0, le=1e4)]
    """1 is Kubernetes' clock."""
    scrape_seconds: Annotated[float, Meta(gt=0, le=3600)]
    """Between two scrapes, on the autoscaler's clock; rates are taken over three of them."""
    runs: Annotated[tuple[AutoscalerRun, ...], Meta(max_length=100)]
    verdicts: Annotated[tuple[ElasticityVerdict, ...], Meta(max_length=10_000)] = ()
