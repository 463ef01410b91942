"""An autoscaler demonstration as one run of a comparison, so that it is scored and predicted as such."""

from __future__ import annotations

from dclab.autoscaler import parse_autoscaler
from dclab.elasticity.demand import demand_steps, wait_ms
from dclab.elasticity.metrics import metric_of
from dclab.elasticity.profile import Step
from dclab.elasticity.score import score_run
from dclab.elasticity.settling import settled
from dclab.results import Autoscale, AutoscalerRun, Comparison, ElasticPoint, Results, TimelinePoint

__all__ = ["demonstrated"]


SCRAPE_SECONDS = 10.0
"""The demonstration's autoscaler needs no scrapes; one on another metric had them this often."""


def demonstrated(results: Results, slo_ms: float) -> Comparison | None:
    """Return a run's demonstration as a comparison of one autoscaler; None where there is none, or it was not applied.

    Args:
        results: of the run.
        slo_ms: objective for the wait of a worker's call.
    """
    found = results.autoscale
    if found is None:
        return None
    run = _run(found, results.loadtest.concurrent if results.loadtest else 0, slo_ms)
    if run is None:
        return None
    return Comparison(
        target=found.target,
        slo_ms=slo_ms,
        clock_speed=found.clock_speed,
        scrape_seconds=SCRAPE_SECONDS,
        runs=(run,),
    )


def _run(found: Autoscale, users: int, slo_ms: float) -> AutoscalerRun | None:
    """Return a demonstration from the moment on at which its autoscaler was applied.

    Its wait is that of the workers' rate, by Little's law; its demand changes once, at the siege's end.
    """
    points = [one for one in found.timeline if one.phase in ("autoscaled", "after-load")]
    if len(points) < 2:
        return None
    begin, speed = points[0].t, found.clock_speed
    seconds = speed * (points[-1].t - begin)
    loaded = [one for one in points if one.phase == "autoscaled"]
    siege = speed * (loaded[-1].t - begin) if loaded else 0.0
    steps = [Step(siege, found.workers, users)] if siege else []
    steps.append(Step(seconds - siege, found.workers, 0))
    spec = parse_autoscaler(found.manifest)
    demand = demand_steps([one for one in steps if one.seconds > 0], slo_ms, spec.max_replicas, target=found.target)
    timeline = tuple(_point(one, found, speed * (one.t - begin)) for one in points)
    scores, high = score_run(demand, timeline, seconds, slo_ms)
    rests, resting = settled(timeline, spec, seconds, demand[-1].t)
    return AutoscalerRun(
        name=metric_of(spec),
        metric=metric_of(spec),
        origin="course",
        manifest=found.manifest,
        demand=demand,
        timeline=timeline,
        seconds=seconds,
        events=found.events,
        conditions=found.conditions,
        scores=scores,
        scores_high=high,
        settled=rests,
        resting=resting,
    )


def _point(one: TimelinePoint, found: Autoscale, t: float) -> ElasticPoint:
    rate = one.hashes_per_second
    return ElasticPoint(
        t=t,
        desired=one.desired,
        ready=one.ready,
        metrics=one.metrics,
        wait_ms=None if rate is None or found.target != "rng" else wait_ms(found.workers, rate),
        hashes_per_second=rate,
    )
