"""What the controller can see at one moment: the target's replica counts, its pods, and the metrics APIs' answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Observation", "Pod", "PodMetric"]


@dataclass(frozen=True, kw_only=True)
class Pod:
    """One pod as the controller sees it. Times in seconds, on the clock that `now` is on."""

    name: str
    """Its name, by which `usage`, `requests` and `pod_metrics` have their values."""
    ready: bool | None = True
    """Status of its Ready condition; null is Unknown: its node does not answer."""
    started: float
    """When its node accepted it (status.startTime)."""
    ready_changed: float
    """When `ready` last changed."""
    phase: Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"] = "Running"
    """A pending pod counts as not yet ready, a failed one not at all."""
    deleted: bool = False
    """Whether it is terminating."""
    container: str = ""
    """Name of its first container, which a message about a missing request names."""


@dataclass(frozen=True, kw_only=True)
class PodMetric:
    """A pod's value, averaged over the `window` seconds before `at`."""

    value: float
    """The average."""
    at: float
    """End of the time over which it is averaged."""
    window: float
    """Length of that time in seconds."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What the controller can see at one moment."""

    replicas: int
    """The deployment's desired count (spec.replicas)."""
    pods: tuple[Pod, ...]
    """All that the deployment's selector selects."""
    usage: Mapping[str, PodMetric] = field(default_factory=dict)
    """CPU per pod in millicores, for Resource metrics; empty when metrics.k8s.io has none."""
    requests: Mapping[str, float] = field(default_factory=dict)
    """CPU request per pod in millicores."""
    pod_metrics: Mapping[str, Mapping[str, PodMetric]] = field(default_factory=dict)
    """Pods metrics in their own unit: by metric, by pod."""
    values: Mapping[str, float] = field(default_factory=dict)
    """Object and External metrics in their own unit: by metric."""
    status_replicas: int | None = None
    """How many pods the deployment has (status.replicas), by which an average value is shown; null: as `replicas`."""

    @property
    def existing_replicas(self) -> int:
        """`status_replicas`, or `replicas` where nobody recorded it."""
        return self.replicas if self.status_replicas is None else self.status_replicas
