"""What an autoscaler is told: its target, bounds, metrics and behaviour; and the controller's settings.

Quantities are whole milli-units, as Kubernetes computes with them: millicores of CPU, thousandths of any other metric.
A utilization is in whole percent of the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = [
    "ALGORITHM",
    "EMBEDDED",
    "AutoscalerSpec",
    "Behavior",
    "ControllerSettings",
    "MetricSpec",
    "Policy",
    "Rules",
    "Tolerance",
]

ALGORITHM = "1.34"
"""The Kubernetes release with whose code the algorithm is compared (tests/autoscaler/upstream)."""


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
    """None takes the controller's; see ControllerSettings.configurable_tolerance."""

    @property
    def longest_period(self) -> float:
        """Seconds for which a change of the replica count can matter to a policy of this direction."""
        return max((one.period_seconds for one in self.policies), default=0.0)


@dataclass(frozen=True, kw_only=True)
class Behavior:
    """`behavior` of an autoscaler, with the defaults filled in."""

    up: Rules
    down: Rules


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """One metric and its target."""

    type: Literal["Resource", "Pods", "Object", "External"]
    name: str
    target_type: Literal["Utilization", "AverageValue", "Value"]
    """Which amount is compared with the target."""
    target: int
    """Percent of the request (Utilization), else milli-units."""
    selector: str = "nil"
    """The metric's label selector as Go prints it, for messages."""
    object_kind: str = ""
    """Of an Object metric: what it describes."""
    object_name: str = ""
    labels: tuple[tuple[str, str], ...] | None = ()
    """What the selector asks for, sorted; None where it asks for more than equal labels."""

    @property
    def served_as(self) -> str:
        """The metric as `Lab.served_metrics` names it: `resource/cpu`, `pods/NAME`, `services/OBJECT/NAME`, `external/NAME`."""
        if self.type == "Object":
            return f"{self.object_kind.lower()}s/{self.object_name}/{self.name}"
        return f"{self.type.lower()}/{self.name}"

    @property
    def described(self) -> str:
        """The metric as events and conditions name it."""
        if self.type == "Resource":
            utilization = " utilization (percentage of request)" if self.target_type == "Utilization" else ""
            return f"{self.name} resource{utilization}"
        if self.type == "Pods":
            return f"pods metric {self.name}"
        if self.type == "Object" and self.target_type == "Value":
            return f"{self.object_kind} metric {self.name}"
        # Kubernetes calls an Object metric with an average value external, too.
        return f"external metric {self.name}({self.selector})"

    @property
    def unit(self) -> str:
        """Of the figures that are shown: % of the request, m (millicores), or empty for the metric's own unit."""
        return "%" if self.target_type == "Utilization" else "m" if self.type == "Resource" else ""

    def shown(self, amount: int) -> float:
        """Return an amount (percent or milli-units) in `unit`."""
        return float(amount) if self.unit else amount / 1000


@dataclass(frozen=True, kw_only=True)
class AutoscalerSpec:
    """A HorizontalPodAutoscaler, with Kubernetes' defaults filled in."""

    name: str
    namespace: str = "default"
    target: str
    """Name of the deployment that it scales."""
    min_replicas: int
    max_replicas: int
    metrics: tuple[MetricSpec, ...]
    behavior: Behavior | None = None
    """None is not the same as an empty `behavior`: without one, Kubernetes has neither periods nor policies."""


@dataclass(frozen=True, kw_only=True)
class ControllerSettings:
    """The Kubernetes release whose feature gates are followed, and kube-controller-manager's flags.

    The flags' defaults are those of pkg/controller/podautoscaler/config/v1alpha1/defaults.go. The algorithm is that of ALGORITHM;
    other releases up to 1.37 differ from it in what the properties below say.
    """

    kubernetes: tuple[int, int] = (1, 34)
    """Major and minor version."""
    tolerance_gate: bool = False
    """Whether HPAConfigurableTolerance is on where it is off by default."""
    tolerance: float = 0.1
    downscale_stabilization_seconds: float = 300.0
    """Of an autoscaler without `behavior`."""
    cpu_initialization_seconds: float = 300.0
    """A pod younger than this is only counted with a sample taken wholly while it was ready."""
    initial_readiness_seconds: float = 30.0
    """An older pod that became unready this soon after its start was never ready."""

    @property
    def configurable_tolerance(self) -> bool:
        """Whether `tolerance` of a behavior counts.

        The gate HPAConfigurableTolerance is alpha and off in 1.33 and 1.34, and on by default from 1.35.
        """
        return self.tolerance_gate or self.kubernetes >= (1, 35)

    @property
    def caps_values(self) -> bool:
        """Whether a count that follows from a `Value` target and fits no int32 is the largest one, which is so from 1.35 on."""
        return self.kubernetes >= (1, 35)

    @property
    def scale_to_zero(self) -> bool:
        """Whether a change of the count says in a condition that it is not to zero.

        The gate HPAScaleToZero is off before 1.37, and on by default from then on.
        """
        return self.kubernetes >= (1, 37)

    @property
    def names_object_first(self) -> bool:
        """Whether the message about a missing Object metric has its parts in order, which is so from 1.37 on."""
        return self.kubernetes >= (1, 37)


EMBEDDED = ControllerSettings(tolerance_gate=True)
"""Of dclab's own autoscaler, which lets no field of a valid one be without effect."""


class Tolerance(NamedTuple):
    """How far the ratio to the target may be off, in each direction."""

    up: float
    down: float

    @classmethod
    def of(cls, spec: AutoscalerSpec, settings: ControllerSettings) -> Tolerance:
        """Return the autoscaler's where the followed Kubernetes knows it, else the controller's."""
        if spec.behavior is None or not settings.configurable_tolerance:
            return cls(settings.tolerance, settings.tolerance)
        up, down = (
            settings.tolerance if rules.tolerance is None else rules.tolerance
            for rules in (spec.behavior.up, spec.behavior.down)
        )
        return cls(up, down)

    def covers(self, ratio: float) -> bool:
        """Whether the ratio is near enough to 1."""
        return 1 - self.down <= ratio <= 1 + self.up
