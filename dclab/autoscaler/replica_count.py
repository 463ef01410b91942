"""From a metric to a number of replicas.

Follows pkg/controller/podautoscaler/replica_calculator.go and metrics/utilization.go: pods are grouped by
what their metrics are worth, missing ones are assumed to hold the change back, and a ratio within the
tolerance changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from dclab.autoscaler.spec import ControllerSettings

__all__ = [
    "MetricUnavailable",
    "Pod",
    "PodMetric",
    "Proposal",
    "Tolerance",
    "from_average_value",
    "from_pod_values",
    "from_utilization",
    "from_value",
    "utilization",
]


class MetricUnavailable(Exception):
    """A metric that cannot be used now; its text says why."""


@dataclass(frozen=True, kw_only=True)
class Pod:
    """One pod as the controller sees it. Times in seconds, on the clock that `now` is on."""

    name: str
    ready: bool = True
    started: float
    ready_changed: float
    """When `ready` last changed."""
    phase: Literal["Pending", "Running", "Failed"] = "Running"
    deleted: bool = False
    """Whether it is terminating."""


@dataclass(frozen=True, kw_only=True)
class PodMetric:
    """A pod's value, averaged over the `window` seconds before `at`."""

    value: float
    at: float
    window: float


class Proposal(NamedTuple):
    """Replicas wanted for one metric, and the metric as it is shown (percent, or the quantity)."""

    replicas: int
    current: float


class Tolerance(NamedTuple):
    """How far the ratio to the target may be off, in each direction."""

    up: float
    down: float

    def covers(self, ratio: float) -> bool:
        """Whether the ratio is near enough to 1."""
        return 1 - self.down <= ratio <= 1 + self.up


class _Groups(NamedTuple):
    counted: dict[str, float]
    """Values of the pods that count."""
    ready: int
    """How many pods those are; a value may belong to a pod that is gone."""
    unready: set[str]
    missing: set[str]


def _group(
    pods: Iterable[Pod],
    metrics: Mapping[str, PodMetric],
    now: float,
    settings: ControllerSettings,
    *,
    cpu: bool,
) -> _Groups:
    """Sort pods into those that count, the not yet ready, and those without a metric."""
    counted = {name: metric.value for name, metric in metrics.items()}
    unready: set[str] = set()
    missing: set[str] = set()
    ready = 0
    for pod in pods:
        if pod.deleted or pod.phase == "Failed":
            counted.pop(pod.name, None)
        elif pod.phase == "Pending":
            unready.add(pod.name)
        elif pod.name not in metrics:
            missing.add(pod.name)
        elif cpu and _still_starting(pod, metrics[pod.name], now, settings):
            unready.add(pod.name)
        else:
            ready += 1
    for name in unready:
        counted.pop(name, None)
    return _Groups(counted, ready, unready, missing)


def _still_starting(pod: Pod, metric: PodMetric, now: float, settings: ControllerSettings) -> bool:
    """Whether a pod's CPU says more about its start than about its load."""
    if pod.started + settings.cpu_initialization_seconds > now:
        return not pod.ready or metric.at < pod.ready_changed + metric.window
    return not pod.ready and pod.started + settings.initial_readiness_seconds > pod.ready_changed


def utilization(values: Mapping[str, float], requests: Mapping[str, float]) -> int:
    """Usage over request in whole percent, of the pods that have both; MetricUnavailable when none has."""
    both = [name for name in values if name in requests]
    requested = sum(requests[name] for name in both)
    if not requested:
        raise MetricUnavailable("no metrics returned matched known pods")
    return int(sum(values[name] for name in both) * 100 // requested)


def _propose(
    current: int,
    groups: _Groups,
    ratio_of: Callable[[Mapping[str, float]], float],
    when_down: Mapping[str, float],
    tolerance: Tolerance,
) -> int:
    """Replicas for a ratio over pods; absent values are filled in so that they damp the change."""
    values = groups.counted
    ratio = ratio_of(values)
    rising_unready = bool(groups.unready) and ratio > 1
    if not rising_unready and not groups.missing:
        return current if tolerance.covers(ratio) else math.ceil(ratio * groups.ready)
    filled = dict(values)
    if ratio < 1:
        filled |= {name: when_down[name] for name in groups.missing}
    elif ratio > 1:
        filled |= dict.fromkeys(groups.missing, 0.0)
    if rising_unready:
        filled |= dict.fromkeys(groups.unready, 0.0)
    new_ratio = ratio_of(filled)
    if tolerance.covers(new_ratio) or (ratio < 1 < new_ratio) or (new_ratio < 1 < ratio):
        return current
    replicas = math.ceil(new_ratio * len(filled))
    turned = replicas > current if new_ratio < 1 else replicas < current
    return current if turned else replicas


def _checked(pods: Sequence[Pod], groups: _Groups) -> None:
    if not pods:
        raise MetricUnavailable("no pods returned by selector while calculating replica count")
    if not groups.counted:
        raise MetricUnavailable("did not receive metrics for targeted pods (pods might be unready)")


def from_utilization(
    current: int,
    target_percent: float,
    pods: Sequence[Pod],
    metrics: Mapping[str, PodMetric],
    requests: Mapping[str, float],
    now: float,
    settings: ControllerSettings,
    tolerance: Tolerance,
) -> Proposal:
    """Replicas for a CPU target in percent of the request; `requests` per pod, in the metrics' unit.

    Raises:
        MetricUnavailable: no usable metric, or a pod without a request.
    """
    groups = _group(pods, metrics, now, settings, cpu=True)
    _checked(pods, groups)
    for pod in pods:
        if pod.name not in requests:
            raise MetricUnavailable(f"missing request for cpu in pod {pod.name}")
    # A missing pod is taken to use its whole request (or the target, when that is more).
    when_down = {name: requests[name] * max(100, target_percent) / 100 for name in groups.missing}
    replicas = _propose(
        current,
        groups,
        lambda values: utilization(values, requests) / target_percent,
        when_down,
        tolerance,
    )
    return Proposal(replicas, utilization(groups.counted, requests))


def from_pod_values(
    current: int,
    target: float,
    pods: Sequence[Pod],
    metrics: Mapping[str, PodMetric],
    now: float,
    settings: ControllerSettings,
    tolerance: Tolerance,
    *,
    cpu: bool = False,
) -> Proposal:
    """Replicas for a target average over pods; the average is a whole number of the metrics' unit."""

    def average(values: Mapping[str, float]) -> float:
        return sum(values.values()) // len(values)

    groups = _group(pods, metrics, now, settings, cpu=cpu)
    _checked(pods, groups)
    replicas = _propose(
        current,
        groups,
        lambda values: average(values) / target,
        dict.fromkeys(groups.missing, target),
        tolerance,
    )
    return Proposal(replicas, average(groups.counted))


def from_value(current: int, target: float, value: float, pods: Sequence[Pod], tolerance: Tolerance) -> Proposal:
    """Replicas for one value that all pods share (Object or External with a `Value` target)."""
    ratio = value / target
    if current == 0:
        return Proposal(math.ceil(ratio), value)
    if tolerance.covers(ratio):
        return Proposal(current, value)
    ready = sum(pod.ready and pod.phase == "Running" for pod in pods)
    return Proposal(math.ceil(ratio * ready), value)


def from_average_value(current: int, target: float, value: float, tolerance: Tolerance) -> Proposal:
    """Replicas for one value that is to be divided among them (`AverageValue` target)."""
    replicas = current
    if current == 0 or not tolerance.covers(value / (target * current)):
        replicas = math.ceil(value / target)
    return Proposal(replicas, math.ceil(value / current) if current else value)
