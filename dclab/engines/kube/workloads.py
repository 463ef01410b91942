"""Pods, and what makes them: deployments, replica sets and jobs, as the API gives them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import msgspec

from dclab.engines.kube.objects import Condition, Object, Part, Quantity, Reference

__all__ = [
    "Deployment",
    "EndpointSlice",
    "Job",
    "Pod",
    "PodMetrics",
    "PodStatus",
    "ReplicaSet",
    "Waiting",
    "has_ended",
    "is_ending",
    "is_lost",
    "is_ready",
    "looked_at",
    "main_container",
    "node_is_silent",
    "rolled_out",
]

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d*)?|\.\d+)(ms|s))?", re.ASCII)


class Requirements(Part, frozen=True):
    """What a container asks for, and what it may use at most."""

    requests: dict[str, Quantity] = msgspec.field(default_factory=dict)
    limits: dict[str, Quantity] = msgspec.field(default_factory=dict)


class ContainerPort(Part, frozen=True):
    """A port of a container."""

    container_port: int
    name: str = ""


class Container(Part, frozen=True):
    """A container of a pod's specification."""

    name: str = ""
    args: tuple[str, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    resources: Requirements = Requirements()


class Toleration(Part, frozen=True):
    """How long a pod stays on a node with a taint."""

    key: str = ""
    toleration_seconds: int | None = None


class PodSpec(Part, frozen=True):
    """What a pod is to be."""

    node_name: str = ""
    tolerations: tuple[Toleration, ...] = ()
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()


class Waiting(Part, frozen=True):
    """Why a container waits."""

    reason: str = ""
    message: str = ""


class Terminated(Part, frozen=True):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Running(Part, frozen=True):
    """Since when a container runs."""

    started_at: datetime | None = None


class ContainerState(Part, frozen=True):
    """One of three, or none."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Part, frozen=True):
    """State of one container of a pod."""

    name: str = ""
    image: str = ""
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodStatus(Part, frozen=True):
    """State of a pod."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    start_time: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Object, frozen=True):
    """A pod."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class Template(Part, frozen=True):
    """The pods that a deployment makes."""

    spec: PodSpec = PodSpec()


class Selector(Part, frozen=True):
    """The pods that a deployment looks after."""

    match_labels: dict[str, str] = msgspec.field(default_factory=dict)


class DeploymentSpec(Part, frozen=True):
    """What a deployment is to be."""

    replicas: int = 1
    selector: Selector = Selector()
    template: Template = Template()


class DeploymentStatus(Part, frozen=True):
    """State of a deployment, or of a replica set."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    conditions: tuple[Condition, ...] = ()


class Deployment(Object, frozen=True):
    """A deployment."""

    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


class ReplicaSet(Object, frozen=True):
    """A replica set."""

    status: DeploymentStatus = DeploymentStatus()


class EndpointConditions(Part, frozen=True):
    """Whether an endpoint is sent connections; the API reference has a missing value mean true."""

    ready: bool = True


class Endpoint(Part, frozen=True):
    """One address of a service."""

    conditions: EndpointConditions = EndpointConditions()
    target_ref: Reference = Reference()


class EndpointSlice(Object, frozen=True):
    """Some of the addresses of a service."""

    endpoints: tuple[Endpoint, ...] = ()


class JobStatus(Part, frozen=True):
    """State of a job: how many of its pods did what."""

    active: int = 0
    succeeded: int = 0
    failed: int = 0
    conditions: tuple[Condition, ...] = ()


class Job(Object, frozen=True):
    """A job."""

    status: JobStatus = JobStatus()


class ContainerMetrics(Part, frozen=True):
    """Usage of one container."""

    usage: dict[str, Quantity] = msgspec.field(default_factory=dict)


class PodMetrics(Object, frozen=True):
    """Usage of a pod over a window, of metrics.k8s.io."""

    timestamp: datetime
    window: str
    containers: tuple[ContainerMetrics, ...] = ()

    @property
    def window_seconds(self) -> float:
        """The window, which is in Go's form of a duration: `11.37s`, `1m0.5s`."""
        found = _DURATION.fullmatch(self.window)
        hours, minutes, rest, unit = found.groups() if found else (None, None, None, None)
        return 3600 * float(hours or 0) + 60 * float(minutes or 0) + float(rest or 0) / (1000 if unit == "ms" else 1)


def main_container(pod: Pod) -> str:
    """Name of the container that a pod is for: that of its deployment's name, or the first one."""
    names = [one.name for one in pod.spec.containers]
    app = pod.metadata.labels.get("app", "")
    return app if app in names else next(iter(names), "")


def is_ready(pod: Pod) -> bool:
    """Whether a pod takes requests: ready, and not on its way out."""
    if pod.metadata.deletion_timestamp is not None:
        return False
    return any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions)


def node_is_silent(pod: Pod) -> bool:
    """Whether a pod's node does not report: the pod is not ready any more, and its containers were when last heard of."""
    statuses = pod.status.container_statuses
    unready = any(one.type == "Ready" and one.status != "True" for one in pod.status.conditions)
    return unready and bool(statuses) and all(one.ready for one in statuses)


def is_ending(pod: Pod) -> bool:
    """Whether a pod is on its way out; on a node that does not report it stays so until the node is back, and is gone for the lab."""
    return pod.metadata.deletion_timestamp is not None and not node_is_silent(pod)


def is_lost(pod: Pod) -> bool:
    """Whether a pod is deleted, and its node does not report that it has ended."""
    return pod.metadata.deletion_timestamp is not None and node_is_silent(pod)


def has_ended(pod: Pod) -> bool:
    """Whether all containers of a pod have ended, and none will be started again."""
    return pod.status.phase in ("Succeeded", "Failed")


def looked_at(pod: Pod) -> bool:
    """Whether a pod was scheduled and its containers are known, or it was said why it cannot be scheduled."""
    scheduled = [one for one in pod.status.conditions if one.type == "PodScheduled"]
    return bool(pod.status.container_statuses or any(one.status == "False" for one in scheduled))


def rolled_out(deployments: Sequence[Deployment]) -> bool:
    """Whether each has as many replicas as it should, all of its newest form, all ready."""
    for one in deployments:
        status = one.status
        counts = {status.replicas, status.updated_replicas, status.ready_replicas}
        if status.observed_generation != one.metadata.generation or counts != {one.spec.replicas}:
            return False
    return bool(deployments)
