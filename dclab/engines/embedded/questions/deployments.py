"""Questions about deployments and their replicas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec

from dclab.engines.embedded.questions.lab import Pid
from dclab.engines.embedded.questions.question import Question, Seconds, Waiting
from dclab.lab import ReplicaHealth, Replicas, ReplicaUsage, Room, TemplateChange, WorkerReport

__all__ = [
    "AskCpuRequest",
    "AskHealth",
    "AskReplicas",
    "AskReports",
    "AskRoom",
    "AskSpent",
    "AskTrouble",
    "AskUsage",
    "Configure",
    "DeleteReplica",
    "ReplicaSpent",
    "RollBack",
    "RollOut",
    "Scale",
]


@dataclass(frozen=True, kw_only=True)
class ReplicaSpent:
    """What the processes of a replica have used since it started, and hold now."""

    replica: str
    pid: Pid
    """Another one after a restart: its CPU begins at 0."""
    at: float
    """Unix seconds of the reading."""
    cpu_seconds: Seconds
    memory_mb: Annotated[float, msgspec.Meta(ge=0)]


class AskReplicas(Question[Replicas], frozen=True):
    """Counts of one deployment."""

    verb: ClassVar[str] = "replicas"
    deployment: str


class AskUsage(Question[tuple[ReplicaUsage, ...]], frozen=True):
    """Usage of one deployment's replicas."""

    verb: ClassVar[str] = "usage"
    deployment: str


class AskSpent(Question[dict[str, tuple[ReplicaSpent, ...]]], frozen=True):
    """CPU time and memory of every replica now, by deployment."""

    verb: ClassVar[str] = "spent"


class AskTrouble(Question[str | None], frozen=True):
    """Why replicas of a deployment are not ready."""

    verb: ClassVar[str] = "trouble"
    deployment: str


class AskRoom(Question[Room], frozen=True):
    """For how many replicas of a deployment there is room."""

    verb: ClassVar[str] = "room"
    deployment: str


class AskCpuRequest(Question[float], frozen=True):
    """CPU request of one replica, in millicores."""

    verb: ClassVar[str] = "cpu_request"
    deployment: str


class Scale(Waiting[None], frozen=True):
    """Scale a deployment, and wait for it."""

    verb: ClassVar[str] = "scale"
    deployment: str
    replicas: Annotated[int, msgspec.Meta(ge=0)]


class Configure(Waiting[None], frozen=True):
    """Replace a deployment's replicas by ones with these variables."""

    verb: ClassVar[str] = "configure"
    deployment: str
    env: dict[str, str]


class AskHealth(Question[tuple[ReplicaHealth, ...]], frozen=True):
    """Every replica of a deployment."""

    verb: ClassVar[str] = "health"
    deployment: str


class RollOut(Question[None], frozen=True):
    """Begin a rolling update of a deployment."""

    verb: ClassVar[str] = "roll_out"
    deployment: str
    change: TemplateChange


class RollBack(Question[None], frozen=True):
    """Begin to put back what was there before `RollOut`."""

    verb: ClassVar[str] = "roll_back"
    deployment: str


class DeleteReplica(Question[None], frozen=True):
    """Begin to end one replica."""

    verb: ClassVar[str] = "delete_replica"
    deployment: str
    name: str


class AskReports(Question[tuple[WorkerReport, ...] | None], frozen=True):
    """Every report of every worker since a moment, in unix seconds; None when some are not kept any more."""

    verb: ClassVar[str] = "worker_reports"
    since: float
