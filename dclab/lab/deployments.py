"""The deployments of a lab: what they count, use, print and have room for, what scales them, and what a rolling update changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, Protocol

from msgspec import Meta

from dclab.results import AutoscaleEvent, Condition, MetricReading

__all__ = [
    "SERVICES",
    "AutoscalerStatus",
    "DeploymentState",
    "HealthProbe",
    "LogLine",
    "ReplicaUsage",
    "Replicas",
    "Room",
    "TemplateChange",
    "UsageMeter",
]

SERVICES = ("redis", "rng", "hasher", "worker", "webui")
"""The deployments of DockerCoins itself; httplat and Prometheus stand beside them."""


@dataclass(frozen=True, kw_only=True)
class Replicas:
    """Counts of one deployment."""

    desired: int
    ready: int
    terminating: int
    restarts: int
    """Restarts of the replicas that exist now, added up."""
    names: tuple[str, ...]
    """The replicas that exist now, sorted. A window in which they or their restarts changed is worth redoing."""


@dataclass(frozen=True, kw_only=True)
class ReplicaUsage:
    """CPU and memory of one replica, averaged over the last metrics window."""

    replica: str
    cpu_millicores: float
    """On average over the window."""
    memory_mb: float
    """At its end: the resident set of its processes; on Kubernetes the working set of its containers."""
    at: float
    """Unix seconds at the end of the window, on the clock of its machine."""
    window_seconds: float


class UsageMeter(Protocol):
    """Reads CPU and memory of every replica, window after window."""

    source: str
    """Where the figures come from: `processes`, or `metrics.k8s.io`."""
    cores: float | None
    """CPUs that all replicas share; None where they may not be read."""
    every: float
    """Seconds from one reading to the next."""
    patience: float
    """Seconds within which two whole windows of a state are published; 0 where each reading ends a window."""

    def read(self) -> Mapping[str, Sequence[ReplicaUsage]]:
        """Return the latest window of every replica, by deployment; a replica without one is left out.

        A window is the time since the last reading, or that of the cluster's metrics API, which may be the same as before.
        """


@dataclass(frozen=True, kw_only=True)
class DeploymentState:
    """Counts and usage of one deployment; a replica too young to have been measured has no usage."""

    counts: Replicas
    usage: tuple[ReplicaUsage, ...]
    trouble: str | None = None
    """Why replicas of it are not ready, in a sentence; None where all are, or while they may only need time."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """For how many replicas of a deployment there is room, those that it has included."""

    replicas: int
    why: str
    """What there is no more of, in a sentence without its end."""


@dataclass(frozen=True, kw_only=True)
class HealthProbe:
    """An HTTP probe of a container, with the semantics and the defaults of Kubernetes (k8s.io/api/core/v1, Probe).

    It fails where no answer of status 200 to 399 is there within the timeout. After `failure_threshold` failures in a row a
    readiness probe takes the replica out of its services until the next success, and a liveness probe has it restarted.
    """

    kind: Literal["readiness", "liveness"]
    path: str = "/"
    period_seconds: Annotated[int, Meta(ge=1)] = 10
    timeout_seconds: Annotated[int, Meta(ge=1)] = 1
    failure_threshold: Annotated[int, Meta(ge=1)] = 3


@dataclass(frozen=True, kw_only=True)
class TemplateChange:
    """What a rolling update changes of a deployment's pods."""

    probe: HealthProbe | None = None
    """A readiness probe takes the place of the manifest's, a liveness probe comes beside it."""
    bad_image: bool = False
    """Whether the new image cannot run: there is no such image, or on the embedded engine no such program."""
    deaf: bool = False
    """Whether SIGTERM does not reach the program, as behind a shell that does not pass it on: it is killed after its grace
    period."""


@dataclass(frozen=True, kw_only=True)
class AutoscalerStatus:
    """What `kubectl describe hpa` tells."""

    current: int
    desired: int
    metrics: tuple[MetricReading, ...]
    conditions: tuple[Condition, ...]
    events: tuple[AutoscaleEvent, ...]
    """With t in unix seconds."""


class LogLine(NamedTuple):
    """One line of a replica's log."""

    replica: str
    text: str
    """Without its line end."""
