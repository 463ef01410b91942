"""Autoscalers side by side in the simulation, as `hpa-compare` has them in a lab."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from dclab.autoscaler import AutoscalerSpec, parse_autoscaler
from dclab.autoscaler.served import check_served, served_metrics
from dclab.elasticity.closed_loop import POD_START, Conditions
from dclab.elasticity.metrics import metric_of
from dclab.elasticity.profile import Step
from dclab.elasticity.repeats import Prediction, predict, spread_of_mean
from dclab.elasticity.verdict import Judged, verdicts
from dclab.errors import InvalidInput, NotSupported
from dclab.results import AutoscalerRun, Comparison, DemandStep

__all__ = [
    "REPEATS",
    "TARGET",
    "Named",
    "check_simulated",
    "compare_simulated",
    "predict_run",
    "profile_of",
]

REPEATS = 10
TARGET = "rng"
"""What is simulated; a hasher has no queue, so that one is always enough."""
MOST_REPLICAS = 1000


class Named(Protocol):
    """An autoscaler to simulate, such as `dclab.experiments.autoscalers` has."""

    @property
    def name(self) -> str:
        """Unique among those that are compared."""

    @property
    def origin(self) -> Literal["course", "upstream", "tuned", "file"]:
        """Who has set its figures."""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The HorizontalPodAutoscaler."""


def check_simulated(spec: AutoscalerSpec) -> None:
    """Return when the simulation can run an autoscaler.

    Raises:
        NotSupported: it scales something else than rng, or to more replicas than a simulation takes.
        InvalidInput: it asks for a metric that no lab serves.
    """
    if spec.target != TARGET:
        raise NotSupported(
            f"An autoscaler of {spec.target} cannot be simulated.",
            f"Only {TARGET} has a queue, and only {TARGET} is simulated.",
            f"Set spec.scaleTargetRef.name to {TARGET}.",
        )
    if spec.max_replicas > MOST_REPLICAS:
        raise NotSupported(
            f"An autoscaler of up to {spec.max_replicas} replicas cannot be simulated.",
            f"The simulation has room for {MOST_REPLICAS}.",
            f"Set spec.maxReplicas to {MOST_REPLICAS} or less.",
        )
    check_served(spec, served_metrics(TARGET))


def compare_simulated(
    candidates: Sequence[Named],
    conditions: Conditions,
    repeats: int = REPEATS,
    progress: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Return autoscalers under the same demand, simulated with seeds 1 to `repeats`.

    Each run's timeline and `scores` are those of the repeat with the median cost, `predicted` are the means over all,
    `spread` is that of one run; verdicts compare the means.

    Raises:
        InvalidInput, NotSupported: an autoscaler is not valid, or cannot be simulated.
    """
    specs = [parse_autoscaler(one.manifest) for one in candidates]
    for spec in specs:
        check_simulated(spec)
    runs, known = [], []
    for candidate, spec in zip(candidates, specs, strict=True):
        progress(f"simulating {candidate.name}")
        found = predict(spec, conditions, range(1, repeats + 1))
        runs.append(_run(candidate, spec, found))
        known.append(_judged(candidate.name, found))
    return Comparison(
        target=TARGET,
        slo_ms=conditions.slo_ms,
        clock_speed=conditions.clock_speed,
        scrape_seconds=conditions.scrape_seconds,
        runs=tuple(runs),
        verdicts=tuple(verdicts(known)),
    )


def _run(candidate: Named, spec: AutoscalerSpec, found: Prediction) -> AutoscalerRun:
    shown = found.typical
    return AutoscalerRun(
        name=candidate.name,
        metric=metric_of(spec),
        origin=candidate.origin,
        manifest=candidate.manifest,
        demand=shown.demand,
        timeline=shown.timeline,
        seconds=shown.seconds,
        events=shown.events,
        scores=shown.scores,
        scores_high=shown.scores_high,
        settled=shown.settled,
        resting=shown.resting,
        predicted=found.scores,
        spread=found.spread,
    )


def _judged(name: str, found: Prediction) -> Judged | None:
    spread = spread_of_mean([one.scores for one in found.runs]).get("cost")
    if spread is None:
        return None
    return Judged(name, found.scores.cost, (found.scores_high or found.scores).cost, (spread.high - spread.low) / 2)


def profile_of(demand: Sequence[DemandStep], seconds: float) -> tuple[Step, ...]:
    """Return the profile that a run of this length had, by its steps of demand."""
    ends = [*(one.t for one in demand[1:]), seconds]
    return tuple(Step(end - one.t, one.workers, one.users) for one, end in zip(demand, ends, strict=True))


def predict_run(
    manifest: Mapping[str, Any],
    demand: Sequence[DemandStep],
    seconds: float,
    *,
    slo_ms: float = 100.0,
    clock_speed: float = 1.0,
    scrape_seconds: float = 10.0,
    pod_start: float = POD_START["kube"],
    repeats: int = REPEATS,
) -> Prediction | None:
    """Return what the simulation makes of a run in a lab: the same autoscaler under the same demand.

    Args:
        manifest: the autoscaler, a valid one.
        demand: its steps, on the autoscaler's clock.
        seconds: length of the run, on the same clock.
        slo_ms: objective for the wait of a worker's call.
        clock_speed: of the lab.
        scrape_seconds: between two scrapes, on the autoscaler's clock.
        pod_start: real seconds that an rng takes to be ready.
        repeats: simulated runs.

    Returns:
        None where the autoscaler cannot be simulated.
    """
    spec = parse_autoscaler(manifest)
    try:
        check_simulated(spec)
    except (NotSupported, InvalidInput):
        return None
    conditions = Conditions(
        profile=profile_of(demand, seconds),
        slo_ms=slo_ms,
        clock_speed=clock_speed,
        scrape_seconds=scrape_seconds,
        pod_start=pod_start,
    )
    return predict(spec, conditions, range(1, repeats + 1))
