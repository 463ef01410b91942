"""One pass of the autoscaler: from what is observed to what is wanted, with its reasons.

Follows reconcileAutoscaler and computeReplicasForMetrics of pkg/controller/podautoscaler/horizontal.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dclab.autoscaler.behavior import limit, stabilize, stabilize_down
from dclab.autoscaler.history import History, Timed, remember
from dclab.autoscaler.metrics import Failure, propose, reading
from dclab.autoscaler.observation import Observation
from dclab.autoscaler.replica_count import Proposal
from dclab.autoscaler.spec import AutoscalerSpec, ControllerSettings, MetricSpec
from dclab.results import AutoscaleEvent, Condition, MetricReading

__all__ = ["Decision", "decide"]

ABLE_MESSAGES = {
    "SucceededGetScale": "the HPA controller was able to get the target's current scale",
    "ReadyForNewScale": "recommended size matches current size",
    "ScaleUpStabilized": (
        "recent recommendations were lower than current one, applying the lowest recent recommendation"
    ),
    "ScaleDownStabilized": (
        "recent recommendations were higher than current one, applying the highest recent recommendation"
    ),
}
LIMIT_MESSAGES = {
    "DesiredWithinRange": "the desired count is within the acceptable range",
    "TooFewReplicas": "the desired replica count is less than the minimum replica count",
    "TooManyReplicas": "the desired replica count is more than the maximum replica count",
    "ScaleUpLimit": "the desired replica count is increasing faster than the maximum scale rate",
    "ScaleDownLimit": "the desired replica count is decreasing faster than the maximum scale rate",
}


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What one pass came to."""

    desired: int
    metrics: tuple[MetricReading, ...]
    conditions: tuple[Condition, ...]
    """All that stand after the pass, in the order in which they first came; some may be of earlier passes."""
    events: tuple[AutoscaleEvent, ...]
    history: History
    near: bool = False
    """Whether the metric that decided is within the tolerance of its target."""


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
    history = _with(history, "AbleToScale", True, "SucceededGetScale", ABLE_MESSAGES["SucceededGetScale"])
    unread = tuple(reading(one, None) for one in spec.metrics)
    if current == 0 and spec.min_replicas != 0:
        message = "scaling is disabled since the replica count of the target is zero"
        history = _with(history, "ScalingActive", False, "ScalingDisabled", message)
        return Decision(desired=0, metrics=unread, conditions=history.conditions, events=(), history=history)
    for bound, outside, side in (
        (spec.max_replicas, current > spec.max_replicas, "above Spec.MaxReplicas"),
        (spec.min_replicas, current < spec.min_replicas, "below Spec.MinReplicas"),
    ):
        if outside:
            kept = Decision(desired=current, metrics=unread, conditions=(), events=(), history=history)
            return _rescaled(kept, spec, current, bound, f"Current number of replicas {side}", now, settings)
    return _by_metrics(spec, history, seen, now, settings)


def _by_metrics(
    spec: AutoscalerSpec, history: History, seen: Observation, now: float, settings: ControllerSettings
) -> Decision:
    current = seen.replicas
    found = [propose(spec, one, seen, now, settings) for one in spec.metrics]
    readings = tuple(reading(metric, one) for metric, one in zip(spec.metrics, found, strict=True))
    failures = [one for one in found if isinstance(one, Failure)]
    events = tuple(_event(now, "Warning", one.reason, one.message) for one in failures)
    metric, proposal = _highest(spec.metrics, found)
    # One failed metric forbids a scale-down: it might have wanted more.
    if len(failures) == len(found) or (failures and proposal.replicas < current):
        why = f"the HPA was unable to compute the replica count: {failures[0].message}"
        history = _with(history, "ScalingActive", False, failures[0].reason, why)
        counts = f"invalid metrics ({len(failures)} invalid out of {len(found)})"
        text = f"{counts}, first error is: {failures[0].error}"
        events = (*events, _event(now, "Warning", "FailedComputeMetricsReplicas", text))
        return Decision(
            desired=current, metrics=readings, conditions=history.conditions, events=events, history=history
        )
    message = f"the HPA was able to successfully calculate a replica count from {metric}"
    history = _with(history, "ScalingActive", True, "ValidMetricFound", message)
    wanted = max(0, proposal.replicas)
    # A count that only an earlier recommendation asked for has no reason.
    reason = f"{metric} above target" if wanted > current else "All metrics below target" if wanted < current else ""
    limited, history = _normalized(spec, history, current, wanted, now, settings)
    decision = Decision(
        desired=current,
        metrics=readings,
        conditions=history.conditions,
        events=events,
        history=history,
        near=proposal.near,
    )
    return decision if limited == current else _rescaled(decision, spec, current, limited, reason, now, settings)


def _highest(metrics: Sequence[MetricSpec], found: Sequence[Proposal | Failure]) -> tuple[str, Proposal]:
    """Return the metric that asks for most, as messages name it; a count of zero gives way to any other."""
    metric, highest = "", Proposal(0, None)
    for spec, one in zip(metrics, found, strict=True):
        if isinstance(one, Proposal) and (highest.replicas == 0 or one.replicas > highest.replicas):
            metric, highest = spec.described, one
    return metric, highest


def _normalized(
    spec: AutoscalerSpec, history: History, current: int, wanted: int, now: float, settings: ControllerSettings
) -> tuple[int, History]:
    """Return the count within windows, policies and bounds, and the history with what was wanted."""
    if spec.behavior is None:
        window = settings.downscale_stabilization_seconds
        stable = stabilize_down(history.recommendations, wanted, window, now)
        held = "ScaleDownStabilized"
    else:
        window = max(spec.behavior.up.window_seconds, spec.behavior.down.window_seconds)
        stable = stabilize(history.recommendations, current, wanted, spec.behavior, now)
        held = "ScaleUpStabilized" if wanted >= current else "ScaleDownStabilized"
    history = replace(history, recommendations=remember(history.recommendations, wanted, window, now))
    able = "ReadyForNewScale" if stable == wanted else held
    history = _with(history, "AbleToScale", True, able, ABLE_MESSAGES[able])
    limited = limit(spec, history, current, stable, now)
    message = LIMIT_MESSAGES[limited.reason]
    return limited.replicas, _with(history, "ScalingLimited", limited.replicas != stable, limited.reason, message)


def _rescaled(
    decision: Decision,
    spec: AutoscalerSpec,
    current: int,
    desired: int,
    reason: str,
    now: float,
    settings: ControllerSettings,
) -> Decision:
    message = f"the HPA controller was able to update the target scale to {desired}"
    history = _with(decision.history, "AbleToScale", True, "SucceededRescale", message)
    if settings.scale_to_zero:
        message = "the HPA controller did not scale the workload to zero"
        history = _with(history, "ScaledToZero", False, "NotScaledToZero", message)
    event = _event(now, "Normal", "SuccessfulRescale", f"New size: {desired}; reason: {reason}")
    return replace(
        decision,
        desired=desired,
        conditions=history.conditions,
        events=(*decision.events, event),
        history=history.changed(spec, current, desired, now),
    )


def _event(now: float, kind: str, reason: str, message: str) -> AutoscaleEvent:
    return AutoscaleEvent(t=now, type=kind, reason=reason, message=message)


def _with(history: History, kind: str, status: bool, reason: str, message: str) -> History:
    """Set one condition and leave the others, as setCondition does."""
    new = Condition(type=kind, status=str(status), reason=reason, message=message)
    return replace(history, conditions=_replaced(history.conditions, new))


def _replaced(conditions: Iterable[Condition], new: Condition) -> tuple[Condition, ...]:
    listed = tuple(new if one.type == new.type else one for one in conditions)
    return listed if any(one.type == new.type for one in listed) else (*listed, new)
