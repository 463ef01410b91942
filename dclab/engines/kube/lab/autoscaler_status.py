"""A HorizontalPodAutoscaler of the API, in the terms of every engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from dclab.lab import AutoscalerStatus
from dclab.results import AutoscaleEvent, Condition, MetricReading

__all__ = ["autoscaler_status", "unix"]


def autoscaler_status(found: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> AutoscalerStatus:
    """Its counts, readings, conditions and events; what it does not know yet is 0, None or empty."""
    status = found.get("status", {})
    told = (
        AutoscaleEvent(t=unix(_when(one)), type=one["type"], reason=one["reason"], message=one["message"])
        for one in events
    )
    return AutoscalerStatus(
        current=status.get("currentReplicas", 0),
        desired=status.get("desiredReplicas", 0),
        metrics=_readings(found),
        conditions=tuple(
            Condition(type=one["type"], status=one["status"], reason=one["reason"], message=one["message"])
            for one in status.get("conditions", ())
        ),
        events=tuple(sorted(told, key=lambda one: one.t)),
    )


def _readings(found: Mapping[str, Any]) -> tuple[MetricReading, ...]:
    """Each metric of the autoscaler, with what it is now, or None before the autoscaler knows."""
    now = {
        one["resource"]["name"]: one["resource"]["current"].get("averageUtilization")
        for one in found.get("status", {}).get("currentMetrics") or ()
        if one.get("type") == "Resource"
    }
    return tuple(
        MetricReading(
            type="Resource",
            name=one["resource"]["name"],
            current=now.get(one["resource"]["name"]),
            target=one["resource"]["target"]["averageUtilization"],
        )
        for one in found["spec"]["metrics"]
        if one["type"] == "Resource"
    )


def _when(event: Mapping[str, Any]) -> str:
    """Its time: recorders of the newer events API leave lastTimestamp empty."""
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"])


def unix(text: str) -> float:
    """Unix seconds of a time of the API, in RFC 3339."""
    return datetime.fromisoformat(text).timestamp()
