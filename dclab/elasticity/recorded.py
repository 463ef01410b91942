"""An autoscaler demonstration as one run of a comparison, so that it is scored and predicted as such."""

from __future__ import annotations

from dclab.autoscaler import parse_autoscaler
from dclab.elasticity.demand import demand_steps, wait_ms
from dclab.elasticity.metrics import metric_of
from dclab.elasticity.profile import Step
from dclab.elasticity.score import score_run
from dclab.elasticity.settling import settled
from dclab.results import Autoscale, AutoscalerRun, ElasticPoint, TimelinePoint

__all__ = ["demonstrated"]


def demonstrated(found: Autoscale, users: int, slo_ms: float) -> AutoscalerRun | None:
    """Return a demonstration from the moment on at which its autoscaler was applied; None where it never was.

    Its wait is that of the workers' rate, by Little's law; its demand changes once, at the siege's end.

    Args:
        found: the demonstration.
        users: of its siege.
        slo_ms: objective for the wait of a worker's call.
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
        name="recorded",
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
