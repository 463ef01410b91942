"""What the autoscaler saw and did in its demonstration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta

from dclab.results.bounds import Amount, Name, Replicas, Seconds, Text
from dclab.results.performance import Evidence, Rate

__all__ = ["Autoscale", "AutoscaleEvent", "Condition", "MetricReading", "TimelinePoint"]


@dataclass(frozen=True, kw_only=True)
class MetricReading:
    """What the autoscaler saw: for a CPU target, percent of the request."""

    type: Name
    name: Name
    current: Amount | None
    """None is Kubernetes' `<unknown>`."""
    target: Amount
    unit: Annotated[str, Meta(max_length=10)] = "%"
    """% of the request, m (millicores), MB, or empty for a metric's own unit."""

    @property
    def figures(self) -> str:
        """Current value and target, as kubectl shows them: `12%/5%`, `<unknown>/500m`, `0.5/1.5`."""
        return f"{self._shown(self.current)}/{self._shown(self.target)}"

    def _shown(self, value: float | None) -> str:
        if value is None:
            return "<unknown>"
        if self.unit in ("%", "m"):
            return f"{value:.0f}{self.unit}"
        return f"{value:.3f}".rstrip("0").rstrip(".") + self.unit


@dataclass(frozen=True, kw_only=True)
class TimelinePoint:
    """The lab at one moment of the autoscaler demonstration."""

    t: Seconds
    """Seconds since the demonstration began (real seconds, also when the clock is compressed)."""
    phase: Literal["baseline", "load", "autoscaled", "after-load"]
    current: Replicas
    desired: Replicas
    ready: Replicas
    metrics: Annotated[tuple[MetricReading, ...], Meta(max_length=10)] = ()
    latency_ms: Amount | None = None
    """Mean of httplat's probes of the target since the last point."""
    hashes_per_second: Amount | None = None
    cpu_millicores: Amount | None = None
    """CPU of all replicas of the target together."""
    memory_mb: Amount | None = None
    """Memory of all replicas of the target together."""

    @property
    def deciding(self) -> MetricReading | None:
        """The metric that asks for the most replicas: the one furthest above its target; the first while none is known."""
        known = [one for one in self.metrics if one.current is not None and one.target]
        return max(known, key=lambda one: (one.current or 0.0) / one.target, default=next(iter(self.metrics), None))


@dataclass(frozen=True, kw_only=True)
class AutoscaleEvent:
    """An event of the autoscaler, or a mark of the demonstration itself."""

    t: Annotated[float, Meta(ge=-1e10, le=1e10)]
    type: Name
    """Normal or Warning, as in Kubernetes; Demo for the demonstration's own marks."""
    reason: Name
    message: Text


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A condition of the autoscaler, as Kubernetes words it."""

    type: Name
    status: Name
    reason: Name
    message: Text


@dataclass(frozen=True, kw_only=True)
class Autoscale:
    """One autoscaler demonstration, from baseline to rest."""

    target: Name
    workers: Replicas
    manifest: Mapping[str, Any]
    """The HorizontalPodAutoscaler as applied."""
    clock_speed: Annotated[float, Meta(gt=0, le=1e4)]
    """1 is Kubernetes' clock; 5 means that every window and period ran five times faster."""
    request_millicores: Amount
    """CPU request of one replica: what the percentage is a percentage of."""
    timeline: Annotated[tuple[TimelinePoint, ...], Meta(max_length=200_000)]
    events: tuple[AutoscaleEvent, ...]
    conditions: tuple[Condition, ...] = ()
    rates: Mapping[Name, Rate] = field(default_factory=dict)
    """By phase: hashes per second over the whole of it, for `baseline` and `load`; none where it could not be measured."""
    at_rest: bool = False
    """True when desired stayed unchanged for one stabilization window plus two syncs after the load."""
    explanation: tuple[Evidence, ...] = ()
