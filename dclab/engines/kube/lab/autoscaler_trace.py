"""A trace of a cluster's autoscaler, from what anyone may read: its status, the pods, and their metrics.

No API tells what the controller saw in a pass. But its status shows the utilization that it computed, so of the
readings around each change of the status the one that gives the same utilization is what it saw. Between changes
passes go on, every 15 s, and what they see can be read as well as by the controller.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from dclab.autoscaler.observation import Observation, Pod, PodMetric
from dclab.autoscaler.trace import Outcome, Pass
from dclab.engines.kube import workloads
from dclab.engines.kube.lab.autoscaler_objects import AutoscalerState
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

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)(ms|s))?")


class Look(NamedTuple):
    """What was read at one moment."""

    at: float
    status: AutoscalerState
    pods: Sequence[workloads.Pod]
    metrics: Sequence[workloads.PodMetrics]


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
    ) -> None:
        """Add what is at a moment (unix seconds), as the API gives it."""
        self.looks.append(Look(at, status, pods, metrics))

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
            if _utilization(one) == shown:
                return one
        return around[0]


def _in_order(passes: Sequence[Pass]) -> Iterator[Pass]:
    last = -math.inf
    for one in passes:
        if one.at > last:
            yield one
            last = one.at


def _told(status: AutoscalerState) -> tuple[object, ...]:
    return status.desired_replicas, _shown(status), status.last_scale_time


def _shown(status: AutoscalerState) -> int | None:
    current = [one.resource.current for one in status.current_metrics if one.resource is not None]
    return current[0].average_utilization if current else None


def _utilization(look: Look) -> int | None:
    """Percent of the request over the pods that have a reading, as metrics/utilization.go computes it."""
    requests = _requests(look)
    usage = {name: one.value for name, one in _usage(look).items() if name in requests}
    total = sum(requests[name] for name in usage)
    return int(100 * sum(usage.values()) / total) if total else None


def _pass(look: Look, status: AutoscalerState) -> Pass:
    seen = Observation(
        replicas=status.current_replicas,
        status_replicas=sum(not _gone(one) for one in look.pods),
        pods=tuple(map(_pod, look.pods)),
        usage=_usage(look),
        requests=_requests(look),
    )
    outcome = Outcome(
        desired=status.desired_replicas,
        utilization=_shown(status),
        conditions={one.type: (one.status, one.reason) for one in status.conditions},
    )
    return Pass(at=look.at, seen=seen, outcome=outcome)


def _gone(pod: workloads.Pod) -> bool:
    """Whether a deployment no longer counts a pod in its status."""
    return pod.metadata.deletion_timestamp is not None or pod.status.phase in ("Failed", "Succeeded")


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
        window=_seconds(item.window),
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


def _seconds(duration: str) -> float:
    """Go's form of a duration: `11.37s`, `1m0.5s`."""
    found = _DURATION.fullmatch(duration)
    hours, minutes, rest, unit = found.groups() if found else (None, None, None, None)
    return 3600 * float(hours or 0) + 60 * float(minutes or 0) + float(rest or 0) / (1000 if unit == "ms" else 1)
