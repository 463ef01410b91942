"""A trace of a cluster's autoscaler, from what anyone may read: its status, the pods, and their metrics.

No API tells what the controller saw in a pass. But its status shows the utilization that it computed, so of the
readings around each change of the status the one that gives the same utilization is what it saw; of another metric than CPU the
status has the average itself. Between changes passes go on, every 15 s, and what they see can be read as well as by the controller.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Literal, NamedTuple

from dclab.autoscaler.observation import Observation, Pod, PodMetric
from dclab.autoscaler.trace import Outcome, Pass
from dclab.engines.kube import workloads
from dclab.engines.kube.lab.autoscaler_objects import AutoscalerState, Metric
from dclab.engines.kube.objects import ZERO, unix

__all__ = ["AutoscalerWatch", "Look", "pod_metric"]

SYNC_SECONDS = 15.0
"""--horizontal-pod-autoscaler-sync-period (cmd/kube-controller-manager, default)."""

LOOKS_BACK = 5
"""How many readings before a change of the status may be the one that the controller saw."""

LOOKS_BACK_SECONDS = 2 * SYNC_SECONDS
"""And how long before."""

Phase = Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"]
PHASES: dict[str, Phase] = {"Pending": "Pending", "Running": "Running", "Succeeded": "Succeeded", "Failed": "Failed"}


class Look(NamedTuple):
    """What was read at one moment."""

    at: float
    status: AutoscalerState
    pods: Sequence[workloads.Pod]
    metrics: Sequence[workloads.PodMetrics]
    pod_metrics: Mapping[str, Mapping[str, PodMetric]]
    """Of Pods metrics: by metric, by pod."""
    values: Mapping[str, float]
    """Of Object and External metrics, by metric."""


class AutoscalerWatch:
    """Looks at an autoscaler, taken every few seconds, and the passes that they show."""

    def __init__(self) -> None:
        self.looks: list[Look] = []

    def look(
        self,
        at: float,
        status: AutoscalerState,
        pods: Sequence[workloads.Pod],
        metrics: Sequence[workloads.PodMetrics],
        pod_metrics: Mapping[str, Mapping[str, PodMetric]],
        values: Mapping[str, float],
    ) -> None:
        """Add what is at a moment (unix seconds), as the API gives it."""
        self.looks.append(Look(at, status, pods, metrics, pod_metrics, values))

    def passes(self) -> list[Pass]:
        """Every pass that changed the status, and those between them that left it as it was."""
        found: list[Pass] = []
        unchanged: list[Pass] = []  # since the last one found; the newest may turn out to be the change itself
        for index, look in enumerate(self.looks):
            before = self.looks[index - 1].status if index else AutoscalerState()
            if not look.status.desired_replicas:
                continue  # before its first pass the status says 0
            if _told(look.status) != _told(before):
                changed = _pass(self._seen(index, look.status), look.status)
                found += [one for one in unchanged if one.at < changed.at - SYNC_SECONDS / 2]
                found.append(changed)
                unchanged = []
            elif found and look.at - (unchanged or found)[-1].at >= SYNC_SECONDS:
                unchanged.append(_pass(look, look.status))
        return list(_in_order([*found, *unchanged]))

    def _seen(self, index: int, status: AutoscalerState) -> Look:
        shown = _shown(status)
        here = self.looks[index]
        before = reversed(self.looks[max(0, index - LOOKS_BACK) : index])
        # After an outage of the API server the last look is from long before the pass.
        around = [*(one for one in before if one.at > here.at - LOOKS_BACK_SECONDS), here]
        for one in around:
            if _would_show(one, status) == shown:
                return one
        # A look may have begun before the pass, and have seen the pods that this has made.
        as_many = (one for one in around if sum(not _gone(pod) for pod in one.pods) == status.current_replicas)
        return next(as_many, around[0])


def _in_order(passes: Sequence[Pass]) -> Iterator[Pass]:
    last = -math.inf
    for one in passes:
        if one.at > last:
            yield one
            last = one.at


def _told(status: AutoscalerState) -> tuple[object, ...]:
    return status.desired_replicas, _shown(status), status.last_scale_time


def _first(status: AutoscalerState) -> Metric | None:
    """The first metric, where the autoscaler knows it."""
    return next((one for one in status.current_metrics[:1] if one.source is not None), None)


def _shown(status: AutoscalerState) -> Decimal | int | None:
    """The first metric as it is shown: percent of the request, or in its own unit."""
    first = _first(status)
    if first is None or first.source is None:
        return None
    now = first.source.current
    if now.average_utilization is not None:
        return now.average_utilization
    return now.value if now.average_value is None else now.average_value


def _would_show(look: Look, status: AutoscalerState) -> Decimal | int | None:
    """What the first metric of a status would be, had the autoscaler seen this."""
    first = _first(status)
    if first is None or first.source is None or first.type in ("Resource", "ContainerResource"):
        return _utilization(look)
    name = first.source.metric.name
    if first.type == "Pods":
        counted = {one.metadata.name for one in look.pods if not _gone(one) and one.status.phase == "Running"}
        milli = [_milli(one.value) for pod, one in look.pod_metrics.get(name, {}).items() if pod in counted]
        return Decimal(sum(milli) // len(milli)) / 1000 if milli else None
    if name not in look.values:
        return None
    if first.source.current.average_value is None:
        return Decimal(_milli(look.values[name])) / 1000
    return Decimal(math.ceil(_milli(look.values[name]) / max(1, status.current_replicas))) / 1000


def _as_shown(look: Look, status: AutoscalerState) -> Look:
    """The look with the first metric as the status shows it, which is what the autoscaler saw; of pods their average.

    CPU stays the same between two readings of metrics-server. A rate is another each time that it is asked for.
    """
    first, shown = _first(status), _shown(status)
    if first is None or first.source is None or shown is None or first.type in ("Resource", "ContainerResource"):
        return look
    if _would_show(look, status) == shown:
        return look
    name = first.source.metric.name
    if first.type == "Pods":
        pods = {pod: replace(one, value=float(shown)) for pod, one in look.pod_metrics.get(name, {}).items()}
        return look._replace(pod_metrics={**look.pod_metrics, name: pods})
    each = 1 if first.source.current.average_value is None else max(1, status.current_replicas)
    return look._replace(values={**look.values, name: float(shown) * each})


def _milli(value: float) -> int:
    """Whole milli-units, as Quantity.MilliValue rounds them."""
    return math.ceil(Decimal(str(value)) * 1000)


def _utilization(look: Look) -> int | None:
    """Percent of the request over the pods that have a reading, as metrics/utilization.go computes it."""
    requests = _requests(look)
    usage = {name: one.value for name, one in _usage(look).items() if name in requests}
    total = sum(requests[name] for name in usage)
    return int(100 * sum(usage.values()) / total) if total else None


def _pass(look: Look, status: AutoscalerState) -> Pass:
    look = _as_shown(look, status)
    seen = Observation(
        replicas=status.current_replicas,
        status_replicas=sum(not _gone(one) for one in look.pods),
        pods=tuple(map(_pod, look.pods)),
        usage=_usage(look),
        requests=_requests(look),
        pod_metrics=look.pod_metrics,
        values=look.values,
    )
    shown = _shown(status)
    outcome = Outcome(
        desired=status.desired_replicas,
        utilization=None if shown is None else round(shown),
        conditions={one.type: (one.status, one.reason) for one in status.conditions},
    )
    return Pass(at=look.at, seen=seen, outcome=outcome)


def _gone(pod: workloads.Pod) -> bool:
    """Whether a deployment no longer counts a pod in its status."""
    return pod.metadata.deletion_timestamp is not None or workloads.has_ended(pod)


def _requests(look: Look) -> dict[str, float]:
    """CPU by pod; one that has a container without a request has none."""
    asked = {
        one.metadata.name: [each.resources.requests.get("cpu") for each in one.spec.containers] for one in look.pods
    }
    return {
        name: sum(each.millicores for each in containers if each is not None)
        for name, containers in asked.items()
        if None not in containers
    }


def _container(pod: workloads.Pod) -> str:
    """The container that a message about a missing request names, or the first one."""
    containers = pod.spec.containers
    without = (one.name for one in containers if "cpu" not in one.resources.requests)
    return next(without, containers[0].name if containers else "")


def _usage(look: Look) -> dict[str, PodMetric]:
    return {item.metadata.name: pod_metric(item) for item in look.metrics}


def pod_metric(item: workloads.PodMetrics) -> PodMetric:
    """A reading of metrics.k8s.io: CPU in whole millicores, rounded up as Quantity.MilliValue does."""
    return PodMetric(
        value=sum(math.ceil(one.usage.get("cpu", ZERO).millicores) for one in item.containers),
        at=unix(item.timestamp),
        window=item.window_seconds,
    )


def _pod(pod: workloads.Pod) -> Pod:
    status = pod.status
    ready = next((one for one in status.conditions if one.type == "Ready"), None)
    return Pod(
        name=pod.metadata.name,
        ready=None if ready is not None and ready.status == "Unknown" else ready is not None and ready.status == "True",
        # A pod that has not started has no time of it, and is Pending.
        started=unix(status.start_time) if status.start_time else 0.0,
        ready_changed=unix(ready.last_transition_time) if ready and ready.last_transition_time else 0.0,
        phase=PHASES.get(status.phase, "Unknown"),
        deleted=pod.metadata.deletion_timestamp is not None,
        container=_container(pod),
    )
