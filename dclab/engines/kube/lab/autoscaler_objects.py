"""A HorizontalPodAutoscaler as the API server gives it (autoscaling/v2), as far as dclab reads it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from dclab.engines.kube.objects import Condition, Object, Part, Quantity, Reference

__all__ = ["Autoscaler", "AutoscalerState", "Metric", "MetricSource", "MetricValue"]


class MetricValue(Part, frozen=True):
    """A target, or what a metric is now; of the numbers those are there that its type has."""

    type: str = ""
    """Of a target: Utilization, AverageValue or Value."""
    average_utilization: int | None = None
    """Percent of the request."""
    average_value: Quantity | None = None
    value: Quantity | None = None


class MetricSelector(Part, frozen=True):
    """Labels that a metric is to have."""

    match_labels: dict[str, str] = msgspec.field(default_factory=dict)


class MetricName(Part, frozen=True):
    """A metric of Pods, Object or External, which anyone may name."""

    name: str = ""
    selector: MetricSelector = MetricSelector()


class MetricSource(Part, frozen=True):
    """Where a metric comes from, with its target in a specification, with what it is now in a status."""

    name: str = ""
    """Of a resource, such as cpu."""
    container: str = ""
    metric: MetricName = MetricName()
    described_object: Reference = Reference()
    """Of an Object metric."""
    target: MetricValue = MetricValue()
    current: MetricValue = MetricValue()


class Metric(Part, frozen=True):
    """One metric; of its sources the one that its type names is there."""

    type: str = ""
    """Resource, ContainerResource, Pods, Object or External; empty for one that is not known yet."""
    resource: MetricSource | None = None
    container_resource: MetricSource | None = None
    pods: MetricSource | None = None
    object: MetricSource | None = None
    external: MetricSource | None = None

    @property
    def source(self) -> MetricSource | None:
        """The source that is there."""
        sources = (self.resource, self.container_resource, self.pods, self.object, self.external)
        return next((one for one in sources if one is not None), None)


class ScaleTarget(Part, frozen=True):
    """What is scaled."""

    kind: str = ""
    name: str = ""


class AutoscalerSpec(Part, frozen=True):
    """What was asked for."""

    scale_target_ref: ScaleTarget = ScaleTarget()
    metrics: tuple[Metric, ...] = ()


class AutoscalerState(Part, frozen=True):
    """Its status: what it saw and wants."""

    current_replicas: int = 0
    desired_replicas: int = 0
    last_scale_time: datetime | None = None
    current_metrics: tuple[Metric, ...] = ()
    conditions: tuple[Condition, ...] = ()


class Autoscaler(Object, frozen=True):
    """A HorizontalPodAutoscaler."""

    spec: AutoscalerSpec = AutoscalerSpec()
    status: AutoscalerState = AutoscalerState()
