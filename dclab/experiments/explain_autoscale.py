"""What a timeline shows about an autoscaler: facts, from the run's own figures. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from dclab.measure.mean import Mean, mean_interval, mean_of_known
from dclab.measure.ratio import quotient, ratio_of_means, verdict
from dclab.results import Caveat, Condition, Evidence, Rate, TimelinePoint

__all__ = ["explain", "never_known", "why_unknown"]

_SERVED = "No value came from the metrics API: it takes two scrapes until there is one, and Prometheus and the adapter have to run."
# As pkg/controller/podautoscaler and metrics-server word it.
_UNKNOWN = {
    "custom metrics API": _SERVED,
    "external metrics API": _SERVED,
    "missing request for cpu": "The pods must request CPU: the metric is a percentage of the request.",
    "could not find the requested resource": "The cluster has no metrics-server; on minikube: minikube addons enable metrics-server.",
    "unable to handle the request": "The metrics-server does not answer; see its pod in kube-system.",
    "no metrics returned": "The first reading is not there yet; it takes up to two of metrics-server's periods.",
    "did not receive metrics": "The first reading is not there yet; it takes up to two of metrics-server's periods.",
}


_CERTAIN = ("missing request for cpu", "could not find the requested resource")
"""Of these, what will not be otherwise after a while."""

TOLERANCE = 1.1
"""Kubernetes' default: a metric within 10 % of its target changes nothing."""
WAITS_MS = 20.0
"""Below this a probe did not wait for a call of 100 ms."""

Timeline = Sequence[TimelinePoint]


def explain(
    timeline: Timeline, request: float, *, at_rest: bool, rates: Mapping[str, Rate] | None = None
) -> tuple[Evidence, ...]:
    """The facts, in the order in which they happened.

    Args:
        timeline: the points, of all phases.
        request: CPU request of one replica in millicores.
        at_rest: whether the last point is one of rest.
        rates: hashes per second over a whole phase, by its name.
    """
    if not timeline:
        return ()
    target = next((m.target for point in timeline for m in point.metrics if (m.name, m.unit) == ("cpu", "%")), None)
    return (
        *_above_before_load(timeline, request, target),
        *_load_slowed_work(rates or {}),
        *_scaled_up(timeline),
        *_latency_fell(timeline),
        *_scaled_down(timeline),
        *(_rest(timeline, request, target) if at_rest else (_not_at_rest(timeline),)),
    )


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


def never_known(conditions: Sequence[Condition]) -> bool:
    """Whether it is certain that the autoscaler will not know its metric, rather than that it only takes a while."""
    unknown = (one.message for one in conditions if one.type == "ScalingActive" and one.status == "False")
    return any(sign in message for message in unknown for sign in _CERTAIN)


def _in(timeline: Timeline, *phases: str) -> list[TimelinePoint]:
    return [one for one in timeline if one.phase in phases]


def _cpu(points: Timeline) -> Mean | None:
    """Of all replicas, in millicores: a value that stays the same is the same window of the metrics, read again."""
    known = [one.cpu_millicores for one in points if one.cpu_millicores is not None]
    return mean_interval(value for value, _ in groupby(known))


def _latency(points: Timeline) -> Mean | None:
    return mean_interval(one.latency_ms for one in points)


def _above_before_load(timeline: Timeline, request: float, target: float | None) -> Iterator[Evidence]:
    points = _in(timeline, "baseline")
    cpu = _cpu(points)
    if cpu is None or target is None or not request:
        return
    each = request * max(1, points[-1].ready) / 100
    if verdict(cpu, TOLERANCE * target * each) == "more":
        yield Evidence(
            code="above-target-before-load",
            values={
                "metric_percent": cpu.mean / each,
                "target_percent": target,
                "cpu_millicores": cpu.mean,
                "request_millicores": request,
            },
        )


def _load_slowed_work(rates: Mapping[str, Rate]) -> Iterator[Evidence]:
    before, during = rates.get("baseline"), rates.get("load")
    if before and during and verdict(quotient(before, during), 1.0) == "more":
        yield Evidence(code="load-slowed-work", values={"before_rate": before.mean, "during_rate": during.mean})


def _scaled_up(timeline: Timeline) -> Iterator[Evidence]:
    points = _in(timeline, "autoscaled", "after-load")
    if not points:
        return
    first = points[0]
    top = max(points, key=lambda one: one.desired)
    if top.desired > first.desired:
        values = {"from_replicas": first.desired, "to_replicas": top.desired, "seconds": top.t - first.t}
        ready = max(one.ready for one in points)
        if ready < top.desired:
            yield Evidence(code="scaled-up-unready", values=values | {"ready_replicas": ready})
        else:
            yield Evidence(code="scaled-up", values=values)
        return
    shares = [m.current / m.target for one in points for m in one.metrics if m.current is not None and m.target]
    if not shares:
        yield Evidence(code="never-scaled-unknown", values={})
        return
    waited = _latency(_in(timeline, "autoscaled"))
    if waited and verdict(waited, WAITS_MS) == "more" and max(shares) <= TOLERANCE:
        values = {"highest_percent": 100 * max(shares), "latency_ms": waited.mean}
        yield Evidence(code="never-scaled-queued", values=values)
    else:
        yield Evidence(code="never-scaled", values={})


def _latency_fell(timeline: Timeline) -> Iterator[Evidence]:
    load, scaled = _in(timeline, "load"), _in(timeline, "autoscaled")
    late = scaled[len(scaled) // 2 :]
    before, after = _latency(load), _latency(late)
    if before is None or after is None or min(one.ready for one in late) <= max(one.ready for one in load):
        return
    if verdict(ratio_of_means(before, after), 1.0) == "more":
        yield Evidence(code="latency-fell", values={"before_ms": before.mean, "after_ms": after.mean})


def _scaled_down(timeline: Timeline) -> Iterator[Evidence]:
    points = _in(timeline, "after-load")
    if not points or points[-1].desired >= points[0].desired:
        return
    last = points[-1].desired
    when = next(one.t for index, one in enumerate(points) if all(later.desired == last for later in points[index:]))
    yield Evidence(
        code="scaled-down",
        values={"from_replicas": points[0].desired, "to_replicas": last, "seconds": when - points[0].t},
    )


def _rest(timeline: Timeline, request: float, target: float | None) -> Iterator[Evidence]:
    """Where it settled; and whether requests still wait there, which a target of CPU does not see."""
    points = _in(timeline, "after-load")
    settled = points[-1].desired if points else 0
    points = [one for one in points[-5:] if one.desired == one.ready == settled]
    cpu = mean_of_known(one.cpu_millicores for one in points)
    if cpu is None or not target or not request:
        return
    each = request * target / 100
    values = {"replicas": settled, "total_cpu_millicores": cpu, "per_replica_target_millicores": each}
    yield Evidence(code="rest-replicas", values=values)
    waited = _latency(points)
    if waited is None:
        return
    # As many as CPU asks for, give or take the tolerance.
    by_cpu = math.ceil(cpu / each / TOLERANCE) <= settled <= math.ceil(cpu / each * TOLERANCE)
    if by_cpu and verdict(waited, WAITS_MS) == "more":
        yield Evidence(code="rest-waits", values={"latency_ms": waited.mean})
    elif verdict(waited, WAITS_MS) == "no more":
        yield Evidence(code="rest-answers", values={"latency_ms": waited.mean})


def _not_at_rest(timeline: Timeline) -> Evidence:
    return Evidence(code="not-at-rest", values={"seconds": timeline[-1].t})
