"""One pass of the autoscaler: from what is observed to what is wanted, with its reasons.

Follows reconcileAutoscaler and computeReplicasForMetrics of pkg/controller/podautoscaler/horizontal.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dclab.autoscaler.behavior import Timed, limit, remember, stabilize
from dclab.autoscaler.replica_count import (
    MetricUnavailable,
    Pod,
    PodMetric,
    Proposal,
    Tolerance,
    from_average_value,
    from_pod_values,
    from_utilization,
    from_value,
)
from dclab.autoscaler.spec import AutoscalerSpec, ControllerSettings, MetricSpec, Rules
from dclab.results import AutoscaleEvent, Condition, MetricReading

__all__ = ["Decision", "History", "Observation", "decide"]

LIMIT_MESSAGES = {
    "DesiredWithinRange": "the desired count is within the acceptable range",
    "TooFewReplicas": "the desired replica count is less than the minimum replica count",
    "TooManyReplicas": "the desired replica count is more than the maximum replica count",
    "ScaleUpLimit": "the desired replica count is increasing faster than the maximum scale rate",
    "ScaleDownLimit": "the desired replica count is decreasing faster than the maximum scale rate",
}


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What the controller can see at one moment."""

    replicas: int
    """The deployment's desired count."""
    pods: tuple[Pod, ...]
    usage: Mapping[str, PodMetric] = field(default_factory=dict)
    """CPU per pod in millicores, for Resource metrics."""
    requests: Mapping[str, float] = field(default_factory=dict)
    """CPU request per pod in millicores."""
    pod_metrics: Mapping[str, Mapping[str, PodMetric]] = field(default_factory=dict)
    """Pods metrics: by metric, by pod."""
    values: Mapping[str, float] = field(default_factory=dict)
    """Object and External metrics: by metric."""


@dataclass(frozen=True, kw_only=True)
class History:
    """What the controller remembers from pass to pass."""

    recommendations: tuple[Timed, ...] = ()
    ups: tuple[Timed, ...] = ()
    downs: tuple[Timed, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What one pass came to."""

    desired: int
    metrics: tuple[MetricReading, ...]
    conditions: tuple[Condition, ...]
    events: tuple[AutoscaleEvent, ...]
    history: History


def decide(
    spec: AutoscalerSpec,
    history: History,
    seen: Observation,
    now: float,
    settings: ControllerSettings | None = None,
) -> Decision:
    """One pass at `now` (seconds, on the clock of the observation and the history)."""
    settings = settings or ControllerSettings()
    current = seen.replicas
    if not history.recommendations:
        # recordInitialRecommendation: a new autoscaler holds the count it finds for as long as its windows are.
        history = replace(history, recommendations=(Timed(now, current),))
    unread = tuple(_reading(one, None) for one in spec.metrics)
    if current == 0 and spec.min_replicas != 0:
        message = "scaling is disabled since the replica count of the target is zero"
        return Decision(
            desired=0,
            metrics=unread,
            conditions=(
                _able("ReadyForNewScale"),
                _condition("ScalingActive", False, "ScalingDisabled", message),
            ),
            events=(),
            history=history,
        )
    for bound, outside, side in (
        (spec.max_replicas, current > spec.max_replicas, "above Spec.MaxReplicas"),
        (spec.min_replicas, current < spec.min_replicas, "below Spec.MinReplicas"),
    ):
        if outside:
            reason = f"Current number of replicas {side}"
            return _rescaled(spec, history, current, bound, reason, now, unread, ())
    return _by_metrics(spec, history, seen, now, settings)


def _by_metrics(
    spec: AutoscalerSpec, history: History, seen: Observation, now: float, settings: ControllerSettings
) -> Decision:
    current = seen.replicas
    proposals, failures = _proposals(spec, seen, now, settings)
    readings = tuple(
        _reading(one, proposals[index].current if index in proposals else None)
        for index, one in enumerate(spec.metrics)
    )
    most = max(proposals, key=lambda index: proposals[index].replicas, default=None)
    wanted = current if most is None else proposals[most].replicas
    # One failed metric forbids a scale-down: it might have wanted more.
    if most is None or (failures and wanted < current):
        return _failed(spec, history, current, now, readings, failures)
    metric = spec.metrics[most].described
    reason = f"{metric} above target" if wanted > current else "All metrics below target"
    stable = stabilize(history.recommendations, current, wanted, spec.scale_up, spec.scale_down, now)
    window = max(spec.scale_up.window_seconds, spec.scale_down.window_seconds)
    history = replace(history, recommendations=remember(history.recommendations, wanted, window, now))
    limited = limit(
        current,
        stable,
        spec.min_replicas,
        spec.max_replicas,
        spec.scale_up,
        spec.scale_down,
        history.ups,
        history.downs,
        now,
    )
    if stable == wanted:
        able = _able("ReadyForNewScale")
    else:
        able = _able("ScaleUpStabilized" if wanted >= current else "ScaleDownStabilized")
    conditions = (
        able,
        _condition(
            "ScalingActive",
            True,
            "ValidMetricFound",
            f"the HPA was able to successfully calculate a replica count from {metric}",
        ),
        _condition(
            "ScalingLimited",
            limited.reason != "DesiredWithinRange",
            limited.reason,
            LIMIT_MESSAGES[limited.reason],
        ),
    )
    if limited.replicas == current:
        return Decision(desired=current, metrics=readings, conditions=conditions, events=(), history=history)
    return _rescaled(spec, history, current, limited.replicas, reason, now, readings, conditions[1:])


def _proposals(
    spec: AutoscalerSpec, seen: Observation, now: float, settings: ControllerSettings
) -> tuple[dict[int, Proposal], list[tuple[MetricSpec, str]]]:
    proposals: dict[int, Proposal] = {}
    failures: list[tuple[MetricSpec, str]] = []
    tolerance = Tolerance(_tolerance(spec.scale_up, settings), _tolerance(spec.scale_down, settings))
    for index, metric in enumerate(spec.metrics):
        try:
            proposals[index] = _propose(metric, seen, now, settings, tolerance)
        except MetricUnavailable as error:
            failures.append((metric, str(error)))
    return proposals, failures


def _tolerance(rules: Rules, settings: ControllerSettings) -> float:
    return settings.tolerance if rules.tolerance is None else rules.tolerance


def _propose(
    metric: MetricSpec, seen: Observation, now: float, settings: ControllerSettings, tolerance: Tolerance
) -> Proposal:
    current = seen.replicas
    if metric.type == "Resource" and metric.target_type == "Utilization":
        return from_utilization(current, metric.target, seen.pods, seen.usage, seen.requests, now, settings, tolerance)
    if metric.type in ("Resource", "Pods"):
        cpu = metric.type == "Resource"
        values = seen.usage if cpu else seen.pod_metrics.get(metric.name, {})
        return from_pod_values(current, metric.target, seen.pods, values, now, settings, tolerance, cpu=cpu)
    if metric.name not in seen.values:
        raise MetricUnavailable(f"unable to get metric {metric.name}: no metrics returned")
    value = seen.values[metric.name]
    if metric.target_type == "Value":
        return from_value(current, metric.target, value, seen.pods, tolerance)
    return from_average_value(current, metric.target, value, tolerance)


def _failed(
    spec: AutoscalerSpec,
    history: History,
    current: int,
    now: float,
    readings: tuple[MetricReading, ...],
    failures: list[tuple[MetricSpec, str]],
) -> Decision:
    metric, why = failures[0]
    reason = f"FailedGet{metric.type}Metric"
    text = f"failed to get {metric.described}: {why}"
    counts = f"invalid metrics ({len(failures)} invalid out of {len(spec.metrics)})"
    return Decision(
        desired=current,
        metrics=readings,
        conditions=(
            _able("SucceededGetScale"),
            _condition("ScalingActive", False, reason, f"the HPA was unable to compute the replica count: {text}"),
        ),
        events=(
            AutoscaleEvent(t=now, type="Warning", reason=reason, message=text),
            AutoscaleEvent(
                t=now,
                type="Warning",
                reason="FailedComputeMetricsReplicas",
                message=f"{counts}, first error is: {text}",
            ),
        ),
        history=history,
    )


def _rescaled(
    spec: AutoscalerSpec,
    history: History,
    current: int,
    desired: int,
    reason: str,
    now: float,
    readings: tuple[MetricReading, ...],
    conditions: tuple[Condition, ...],
) -> Decision:
    longest = max((one.period_seconds for one in (*spec.scale_up.policies, *spec.scale_down.policies)), default=0.0)
    ups = tuple(one for one in history.ups if one.at > now - longest)
    downs = tuple(one for one in history.downs if one.at > now - longest)
    if desired > current:
        ups = (*ups, Timed(now, desired - current))
    else:
        downs = (*downs, Timed(now, current - desired))
    succeeded = _condition(
        "AbleToScale",
        True,
        "SucceededRescale",
        f"the HPA controller was able to update the target scale to {desired}",
    )
    event = AutoscaleEvent(
        t=now, type="Normal", reason="SuccessfulRescale", message=f"New size: {desired}; reason: {reason}"
    )
    return Decision(
        desired=desired,
        metrics=readings,
        conditions=(succeeded, *conditions),
        events=(event,),
        history=replace(history, ups=ups, downs=downs),
    )


ABLE_MESSAGES = {
    "ReadyForNewScale": "recommended size matches current size",
    "SucceededGetScale": "the HPA controller was able to get the target's current scale",
    "ScaleUpStabilized": "recent recommendations were lower than this one; the lowest of them counts",
    "ScaleDownStabilized": "recent recommendations were higher than this one; the highest of them counts",
}


def _able(reason: str) -> Condition:
    return _condition("AbleToScale", True, reason, ABLE_MESSAGES[reason])


def _condition(kind: str, status: bool, reason: str, message: str) -> Condition:
    return Condition(type=kind, status=str(status), reason=reason, message=message)


def _reading(metric: MetricSpec, current: float | None) -> MetricReading:
    unit = "%" if metric.target_type == "Utilization" else "m" if metric.type == "Resource" else ""
    return MetricReading(type=metric.type, name=metric.name, current=current, target=metric.target, unit=unit)
