"""From a metric to a number of replicas.

Follows pkg/controller/podautoscaler/replica_calculator.go and metrics/utilization.go: pods are grouped by
what their metrics are worth, missing ones are assumed to hold the change back, and a ratio within the
tolerance changes nothing. All amounts are whole milli-units, and divisions are Go's of integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from dclab.autoscaler.observation import Observation, Pod, PodMetric
from dclab.autoscaler.spec import ControllerSettings, MetricSpec, Tolerance

__all__ = [
    "MetricUnavailable",
    "Proposal",
    "from_average_value",
    "from_pod_values",
    "from_utilization",
    "from_value",
    "utilization",
]


LARGEST = 2**31 - 1
"""Of a number of replicas, which is an int32."""


class MetricUnavailable(Exception):
    """A metric that cannot be used now; its text says why, in Kubernetes' words."""


class Proposal(NamedTuple):
    """Replicas wanted for one metric."""

    replicas: int
    current: int | None
    """The metric as it is shown: percent, or milli-units; None where there is no replica to divide it by."""
    near: bool = False
    """Whether the metric is within the tolerance of its target."""


class _Groups(NamedTuple):
    counted: dict[str, int]
    """Values of the pods that count."""
    ready: int
    """How many pods those are; a value may belong to a pod that is gone."""
    unready: set[str]
    missing: set[str]


def _milli(units: float) -> int:
    """Return milli-units, rounded up as Quantity.MilliValue does."""
    return math.ceil(Decimal(str(units)) * 1000)


def _whole(milli: float) -> int:
    return math.ceil(Decimal(str(milli)))


def _count(exact: float) -> int:
    """Return Go's int32 of a float; what does not fit becomes the smallest one on amd64."""
    if not math.isfinite(exact) or not -(2**31) <= math.ceil(exact) <= LARGEST:
        return -(2**31)
    return math.ceil(exact)


def _group(
    seen: Observation, metrics: Mapping[str, PodMetric], values: dict[str, int], starting: Callable[[Pod], bool]
) -> _Groups:
    """Sort pods into those that count, the not yet ready, and those without a metric."""
    if not seen.pods:
        raise MetricUnavailable("no pods returned by selector while calculating replica count")
    counted = dict(values)
    unready: set[str] = set()
    missing: set[str] = set()
    ready = 0
    for pod in seen.pods:
        if pod.deleted or pod.phase == "Failed":
            counted.pop(pod.name, None)
        elif pod.phase == "Pending":
            unready.add(pod.name)
        elif pod.name not in metrics:
            missing.add(pod.name)
        elif starting(pod):
            unready.add(pod.name)
        else:
            ready += 1
    for name in unready:
        counted.pop(name, None)
    if not counted:
        raise MetricUnavailable("did not receive metrics for targeted pods (pods might be unready)")
    return _Groups(counted, ready, unready, missing)


def _starting(seen: Observation, settings: ControllerSettings, now: float) -> Callable[[Pod], bool]:
    """Whether a pod's CPU says more about its start than about its load."""

    def check(pod: Pod) -> bool:
        metric = seen.usage[pod.name]
        if pod.started + settings.cpu_initialization_seconds > now:
            return pod.ready is False or metric.at < pod.ready_changed + metric.window
        return pod.ready is False and pod.started + settings.initial_readiness_seconds > pod.ready_changed

    return check


def utilization(values: Mapping[str, int], requests: Mapping[str, int]) -> int:
    """Usage over request in whole percent, of the pods that have both; MetricUnavailable when none has."""
    both = [name for name in values if name in requests]
    requested = sum(requests[name] for name in both)
    if not requested:
        raise MetricUnavailable("no metrics returned matched known pods")
    percent = sum(values[name] for name in both) * 100 // requested
    return (percent + 2**31) % 2**32 - 2**31  # an int32, as in Go


def _propose(
    current: int,
    groups: _Groups,
    amount: Callable[[Mapping[str, int]], int],
    target: int,
    when_down: Mapping[str, int],
    tolerance: Tolerance,
) -> Proposal:
    """Replicas for a ratio over pods; absent values are filled in so that they damp the change."""
    shown = amount(groups.counted)
    ratio = float(shown) / float(target)
    rising_unready = bool(groups.unready) and ratio > 1
    if not rising_unready and not groups.missing:
        if tolerance.covers(ratio):
            return Proposal(current, shown, near=True)
        return Proposal(_count(ratio * groups.ready), shown)
    filled = dict(groups.counted)
    if ratio < 1:
        filled |= {name: when_down[name] for name in groups.missing}
    elif ratio > 1:
        filled |= dict.fromkeys(groups.missing, 0)
    if rising_unready:
        filled |= dict.fromkeys(groups.unready, 0)
    new_ratio = float(amount(filled)) / float(target)
    if tolerance.covers(new_ratio):
        return Proposal(current, shown, near=True)
    replicas = _count(new_ratio * len(filled))
    turned = replicas > current if new_ratio < 1 else replicas < current
    if turned or (ratio < 1 < new_ratio) or (new_ratio < 1 < ratio):
        return Proposal(current, shown)
    return Proposal(replicas, shown)


def from_utilization(
    metric: MetricSpec, seen: Observation, now: float, settings: ControllerSettings, tolerance: Tolerance
) -> Proposal:
    """Replicas for a CPU target in percent of the request.

    Raises:
        MetricUnavailable: no usable metric, or a pod without a request.
    """
    values = {name: _whole(one.value) for name, one in seen.usage.items()}
    groups = _group(seen, seen.usage, values, _starting(seen, settings, now))
    requests = {name: _whole(request) for name, request in seen.requests.items()}
    for pod in seen.pods:
        if pod.name not in requests:
            container = f"container {pod.container} of " if pod.container else ""
            raise MetricUnavailable(f"missing request for cpu in {container}Pod {pod.name}")
    # A missing pod is taken to use its whole request (or the target, when that is more).
    when_down = {name: requests[name] * max(100, metric.target) // 100 for name in groups.missing}
    requests = {pod.name: requests[pod.name] for pod in seen.pods}
    return _propose(
        seen.replicas, groups, lambda values: utilization(values, requests), metric.target, when_down, tolerance
    )


def from_pod_values(
    metric: MetricSpec, seen: Observation, now: float, settings: ControllerSettings, tolerance: Tolerance
) -> Proposal:
    """Replicas for a target average over pods, of CPU or of a Pods metric; MetricUnavailable: no usable value."""
    if metric.type == "Resource":
        metrics: Mapping[str, PodMetric] = seen.usage
        values = {name: _whole(one.value) for name, one in metrics.items()}
        starting = _starting(seen, settings, now)
    else:
        metrics = seen.pod_metrics.get(metric.name, {})
        values = {name: _milli(one.value) for name, one in metrics.items()}
        starting = _never
    groups = _group(seen, metrics, values, starting)
    return _propose(
        seen.replicas,
        groups,
        lambda values: sum(values.values()) // len(values),
        metric.target,
        dict.fromkeys(groups.missing, metric.target),
        tolerance,
    )


def _never(_: Pod) -> bool:
    return False


def from_value(metric: MetricSpec, seen: Observation, settings: ControllerSettings, tolerance: Tolerance) -> Proposal:
    """Replicas for one value that all pods share (a `Value` target); MetricUnavailable: there are no pods."""
    usage = _milli(seen.values[metric.name])
    ratio = float(usage) / float(metric.target)
    if seen.replicas == 0:
        return Proposal(_count(ratio), usage)
    if tolerance.covers(ratio):
        return Proposal(seen.replicas, usage, near=True)
    if not seen.pods:
        why = "no pods returned by selector while calculating replica count"
        raise MetricUnavailable(f"unable to calculate ready pods: {why}")
    wanted = ratio * _ready(seen.pods)
    return Proposal(LARGEST if settings.caps_values and wanted > LARGEST else _count(wanted), usage)


def _ready(pods: Iterable[Pod]) -> int:
    return sum(pod.ready is True and pod.phase == "Running" for pod in pods)


def from_average_value(metric: MetricSpec, seen: Observation, tolerance: Tolerance) -> Proposal:
    """Replicas for one value that is to be divided among them (`AverageValue` target)."""
    usage, existing = _milli(seen.values[metric.name]), seen.existing_replicas
    if existing == 0:
        # Go divides by zero here: infinity, or for a value of zero no number, neither of which is within the tolerance.
        return Proposal(_wanted(metric, usage), None)
    ratio = float(usage) / (float(metric.target) * existing)
    near = tolerance.covers(ratio)
    return Proposal(existing if near else _wanted(metric, usage), math.ceil(float(usage) / existing), near)


def _wanted(metric: MetricSpec, usage: int) -> int:
    exact = float(usage) / float(metric.target)
    # Only the External metric's count is kept from overflowing.
    return min(math.ceil(exact), LARGEST) if metric.type == "External" else _count(exact)
