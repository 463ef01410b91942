"""What an autoscaler is told: its target, bounds, metrics and behaviour; and the controller's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["AutoscalerSpec", "ControllerSettings", "MetricSpec", "Policy", "Rules"]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """At most so many pods, or so many percent, within a period."""

    type: Literal["Pods", "Percent"]
    value: int
    period_seconds: float


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Behaviour in one direction."""

    window_seconds: float
    """Stabilization window: the most cautious recommendation in it counts."""
    policies: tuple[Policy, ...]
    select: Literal["Max", "Min", "Disabled"] = "Max"
    """Which policy counts: the one that allows most change, or least."""
    tolerance: float | None = None
    """None takes the controller's."""


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """One metric and its target. CPU is in millicores, other quantities in their own unit."""

    type: Literal["Resource", "Pods", "Object", "External"]
    name: str
    target_type: Literal["Utilization", "AverageValue", "Value"]
    target: float
    """Percent of the request, or a quantity."""

    @property
    def described(self) -> str:
        """The metric as events and conditions name it."""
        if self.target_type == "Utilization":
            return f"{self.name} resource utilization (percentage of request)"
        if self.type == "Resource":
            return f"{self.name} resource"
        return f"{self.type.lower()} metric {self.name}"


@dataclass(frozen=True, kw_only=True)
class AutoscalerSpec:
    """A HorizontalPodAutoscaler, with Kubernetes' defaults filled in."""

    name: str
    target: str
    """Name of the deployment that it scales."""
    min_replicas: int
    max_replicas: int
    metrics: tuple[MetricSpec, ...]
    scale_up: Rules
    scale_down: Rules


@dataclass(frozen=True, kw_only=True)
class ControllerSettings:
    """kube-controller-manager's flags (pkg/controller/podautoscaler/config/v1alpha1/defaults.go)."""

    tolerance: float = 0.1
    cpu_initialization_seconds: float = 300.0
    """A pod younger than this is only counted with a sample taken wholly while it was ready."""
    initial_readiness_seconds: float = 30.0
    """An older pod that became unready this soon after its start was never ready."""
