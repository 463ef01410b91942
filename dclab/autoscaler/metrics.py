"""What each metric of an autoscaler asks for, or why it cannot be read.

Follows computeReplicasForMetric and computeStatusFor…Metric of pkg/controller/podautoscaler/horizontal.go, and
metrics/client.go for what the metrics APIs' silence is called.
"""

from __future__ import annotations

from typing import NamedTuple

from dclab.autoscaler.observation import Observation
from dclab.autoscaler.replica_count import (
    MetricUnavailable,
    Proposal,
    from_average_value,
    from_pod_values,
    from_utilization,
    from_value,
)
from dclab.autoscaler.spec import AutoscalerSpec, ControllerSettings, MetricSpec, Tolerance
from dclab.results import MetricReading

__all__ = ["Failure", "propose", "reading"]


class Failure(NamedTuple):
    """Why a metric cannot be used, in the words of its event and in those of the whole pass."""

    reason: str
    """Of the event and of the ScalingActive condition."""
    message: str
    error: str
    """How the pass tells it, if it fails for it."""


def propose(
    spec: AutoscalerSpec, metric: MetricSpec, seen: Observation, now: float, settings: ControllerSettings
) -> Proposal | Failure:
    """Return how many replicas one metric asks for."""
    tolerance = Tolerance.of(spec, settings)
    try:
        _answered(spec, metric, seen, settings)
        if metric.type == "Resource" and metric.target_type == "Utilization":
            return from_utilization(metric, seen, now, settings, tolerance)
        if metric.type in ("Resource", "Pods"):
            return from_pod_values(metric, seen, now, settings, tolerance)
        if metric.target_type == "Value":
            return from_value(metric, seen, settings, tolerance)
        return from_average_value(metric, seen, tolerance)
    except MetricUnavailable as error:
        return _failure(metric, str(error))


def _answered(spec: AutoscalerSpec, metric: MetricSpec, seen: Observation, settings: ControllerSettings) -> None:
    """Raise MetricUnavailable when the metrics API has nothing."""
    if metric.type == "Resource" and not seen.usage:
        what = f"unable to get metrics for resource {metric.name}"
        raise MetricUnavailable(f"{what}: no metrics returned from resource metrics API")
    if metric.type == "Pods" and not seen.pod_metrics.get(metric.name):
        raise MetricUnavailable(f"unable to get metric {metric.name}: no metrics returned from custom metrics API")
    if metric.type in ("Object", "External") and metric.name not in seen.values:
        if metric.type == "External":
            where = f"{spec.namespace}/{metric.name}/{metric.selector}"
            why = "no metrics returned from external metrics API"
            raise MetricUnavailable(f"unable to get external metric {where}: {why}")
        kind, name = metric.object_kind, metric.object_name
        why = "unable to fetch metrics from custom metrics API: no metrics returned"
        if settings.names_object_first:
            raise MetricUnavailable(f"unable to get metric {metric.name} on {kind} {spec.namespace}/{name}: {why}")
        # Kubernetes itself had the parts of this sentence in the wrong order.
        raise MetricUnavailable(f"unable to get metric {metric.name}: {kind} on {spec.namespace} {name}/{why}")


def _failure(metric: MetricSpec, why: str) -> Failure:
    name = metric.name
    if metric.type == "Resource":
        said = f"failed to get {name} {'utilization' if metric.target_type == 'Utilization' else 'usage'}: {why}"
        error = f"failed to get {name} resource metric value: {said}"
    elif metric.type == "Pods":
        said, error = why, f"failed to get pods metric value: {why}"
    elif metric.type == "Object":
        average = f"failed to get {name} object metric: " if metric.target_type == "AverageValue" else ""
        said, error = why, f"failed to get object metric value: {average}{why}"
    else:
        which = f"{name} external metric" if metric.target_type == "AverageValue" else f"external metric {name}"
        said, error = why, f"failed to get {name} external metric value: failed to get {which}: {why}"
    return Failure(f"FailedGet{metric.type}Metric", said, error)


def reading(metric: MetricSpec, found: Proposal | Failure | None) -> MetricReading:
    """Return a metric as the status shows it; unknown without a proposal."""
    current = found.current if isinstance(found, Proposal) else None
    return MetricReading(
        type=metric.type,
        name=metric.name,
        current=None if current is None else metric.shown(current),
        target=metric.shown(metric.target),
        unit=metric.unit,
    )
