"""A HorizontalPodAutoscaler of the API, in the terms of every engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from dclab.engines.kube.lab.autoscaler_objects import Autoscaler, Metric, MetricSource, MetricValue
from dclab.engines.kube.objects import Event, unix
from dclab.lab import AutoscalerStatus
from dclab.results import AutoscaleEvent, Condition, MetricReading

__all__ = ["EventLog", "autoscaler_status"]

IN = {"cpu": (Decimal(1000), "m"), "memory": (Decimal("1e-6"), "MB")}
"""Resources that are shown in a unit of their own: times what, and which."""


class EventLog:
    """Events about an autoscaler as they are read again and again, each occurrence once.

    The API makes one event of those that repeat, with the times of the first and the last, and forgets them after an hour.
    """

    def __init__(self) -> None:
        self._told: dict[tuple[str, float], AutoscaleEvent] = {}

    def read(self, events: Iterable[Event]) -> tuple[AutoscaleEvent, ...]:
        """Take what is there now; return all there was, in order of time."""
        for one in events:
            for t in _times(one):
                told = AutoscaleEvent(t=t, type=one.type, reason=one.reason, message=one.message)
                self._told[one.metadata.uid or one.metadata.name, t] = told
        return tuple(sorted(self._told.values(), key=lambda one: one.t))


def autoscaler_status(found: Autoscaler, events: Sequence[AutoscaleEvent]) -> AutoscalerStatus:
    """Return its counts, readings, conditions and events; what it does not know yet is 0, None or empty."""
    status = found.status
    return AutoscalerStatus(
        current=status.current_replicas,
        desired=status.desired_replicas,
        metrics=tuple(_reading(one, index, status.current_metrics) for index, one in enumerate(found.spec.metrics)),
        conditions=tuple(
            Condition(type=one.type, status=one.status, reason=one.reason, message=one.message)
            for one in status.conditions
        ),
        events=tuple(events),
    )


def _reading(metric: Metric, index: int, now: Sequence[Metric]) -> MetricReading:
    """Return a metric's target and what it is now, or None before the autoscaler knows.

    A utilization is in percent of the request, CPU in millicores, memory in MB (millions of bytes), and any other metric
    in its own unit; an average is per replica.
    """
    source = metric.source or MetricSource()
    # The controller keeps the order of the specification; but after that has changed, its status is of another one.
    ordered = (*now[index : index + 1], *now)
    known = [
        one.source.current for one in ordered if one.type == metric.type and one.source and _same(one.source, source)
    ]
    resource = source.name if metric.type in ("Resource", "ContainerResource") else ""
    target, unit = _number(source.target, source.target, resource)
    current, _ = _number(source.target, known[0], resource) if known else (None, "")
    name = source.name or source.metric.name
    return MetricReading(
        type=metric.type,
        name=f"{source.container}/{name}" if source.container else name,
        current=current,
        target=target or 0.0,
        unit=unit,
    )


def _same(one: MetricSource, other: MetricSource) -> bool:
    return (one.name, one.container, one.metric) == (other.name, other.container, other.metric)


def _number(target: MetricValue, value: MetricValue, resource: str) -> tuple[float | None, str]:
    """Return that number of a value which the target is about, and its unit."""
    if target.average_utilization is not None:
        percent = value.average_utilization
        return None if percent is None else float(percent), "%"
    factor, unit = IN.get(resource, (Decimal(1), ""))
    quantity = value.average_value if target.average_value is not None else value.value
    return None if quantity is None else float(quantity * factor), unit


def _times(event: Event) -> set[float]:
    """Return its first and its last time: recorders of the newer events API leave both empty, and have one of their own."""
    last = event.last_timestamp or event.event_time or event.metadata.creation_timestamp
    return {unix(one) for one in (event.first_timestamp, last) if one} or {0.0}
