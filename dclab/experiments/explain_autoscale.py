"""What a timeline shows about an autoscaler on a CPU target: facts, from the run's own figures. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from dclab.measure.mean import mean_of_known
from dclab.results import Caveat, Condition, Evidence, TimelinePoint

__all__ = ["explain", "why_unknown"]

# As pkg/controller/podautoscaler and metrics-server word it.
_UNKNOWN = {
    "missing request for cpu": "The pods must request CPU: the metric is a percentage of the request.",
    "could not find the requested resource": "The cluster has no metrics-server; on minikube: minikube addons enable metrics-server.",
    "unable to handle the request": "The metrics-server does not answer; see its pod in kube-system.",
    "no metrics returned": "The first reading is not there yet; it takes up to two of metrics-server's periods.",
    "did not receive metrics": "The first reading is not there yet; it takes up to two of metrics-server's periods.",
}


def explain(timeline: Sequence[TimelinePoint], request: float, *, at_rest: bool) -> tuple[Evidence, ...]:
    """The facts, in the order in which they happened.

    Args:
        timeline: the points, of all phases.
        request: CPU request of one replica in millicores.
        at_rest: whether the last point is one of rest.
    """
    if not timeline:
        return ()
    target = next((m.target for point in timeline for m in point.metrics), None)
    found = [
        _above_before_load(timeline, request, target),
        _load_slowed_work(timeline),
        _scaled_up(timeline),
        _latency_fell(timeline),
        _scaled_down(timeline),
        _rest(timeline, request, target)
        if at_rest
        else Evidence(code="not-at-rest", values={"seconds": timeline[-1].t}),
    ]
    return tuple(one for one in found if one)


def why_unknown(conditions: Sequence[Condition]) -> Caveat | None:
    """What keeps the autoscaler from knowing its metric (`<unknown>`), and what to do; None when it knows."""
    for one in conditions:
        if one.type == "ScalingActive" and one.status == "False":
            hint = next((hint for sign, hint in _UNKNOWN.items() if sign in one.message), "See `kubectl describe hpa`.")
            return Caveat(
                code="metric-unknown",
                message=f"The autoscaler does not know its metric ({one.reason}): {one.message}.",
                hint=hint,
            )
    return None


def _in(timeline: Sequence[TimelinePoint], *phases: str) -> list[TimelinePoint]:
    return [one for one in timeline if one.phase in phases]


def _above_before_load(timeline: Sequence[TimelinePoint], request: float, target: float | None) -> Evidence | None:
    points = _in(timeline, "baseline")
    cpu = mean_of_known([one.cpu_millicores for one in points])
    if cpu is None or target is None or not request:
        return None
    percent = 100 * cpu / request / max(1, points[-1].ready)
    if percent <= target:
        return None
    return Evidence(
        code="above-target-before-load",
        values={
            "metric_percent": percent,
            "target_percent": target,
            "cpu_millicores": cpu,
            "request_millicores": request,
        },
    )


def _load_slowed_work(timeline: Sequence[TimelinePoint]) -> Evidence | None:
    before = mean_of_known([one.hashes_per_second for one in _in(timeline, "baseline")])
    during = mean_of_known([one.hashes_per_second for one in _in(timeline, "load")])
    if before is None or during is None or during > 0.9 * before:
        return None
    return Evidence(code="load-slowed-work", values={"before_rate": before, "during_rate": during})


def _scaled_up(timeline: Sequence[TimelinePoint]) -> Evidence | None:
    points = _in(timeline, "autoscaled", "after-load")
    if not points:
        return None
    first = points[0]
    top = max(points, key=lambda one: one.desired)
    if top.desired <= first.desired:
        return Evidence(code="never-scaled", values={})
    return Evidence(
        code="scaled-up",
        values={"from_replicas": first.desired, "to_replicas": top.desired, "seconds": top.t - first.t},
    )


def _latency_fell(timeline: Sequence[TimelinePoint]) -> Evidence | None:
    before = mean_of_known([one.latency_ms for one in _in(timeline, "load")])
    points = _in(timeline, "autoscaled")
    after = mean_of_known([one.latency_ms for one in points[len(points) // 2 :]])
    if before is None or after is None or after > 0.8 * before:
        return None
    return Evidence(code="latency-fell", values={"before_ms": before, "after_ms": after})


def _scaled_down(timeline: Sequence[TimelinePoint]) -> Evidence | None:
    points = _in(timeline, "after-load")
    if not points or points[-1].desired >= points[0].desired:
        return None
    last = points[-1].desired
    when = next(one.t for index, one in enumerate(points) if all(later.desired == last for later in points[index:]))
    return Evidence(
        code="scaled-down",
        values={"from_replicas": points[0].desired, "to_replicas": last, "seconds": when - points[0].t},
    )


def _rest(timeline: Sequence[TimelinePoint], request: float, target: float | None) -> Evidence | None:
    last = timeline[-1]
    cpu = mean_of_known([one.cpu_millicores for one in timeline[-5:]])
    if cpu is None or target is None or last.phase != "after-load":
        return None
    return Evidence(
        code="rest-replicas",
        values={
            "replicas": last.desired,
            "total_cpu_millicores": cpu,
            "per_replica_target_millicores": request * target / 100,
        },
    )
