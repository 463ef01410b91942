"""What an embedded lab can be asked: a class for each verb, with its arguments and the type of its answer.

The client encodes an object of it, the supervisor decodes it (`verbs` answers it): both sides read the same types.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args

import msgspec

from dclab.engines.embedded.wire import Settings
from dclab.lab import (
    AutoscalerStatus,
    DeploymentState,
    JobStatus,
    Quantities,
    ReplicaHealth,
    Replicas,
    ReplicaUsage,
    Room,
    TemplateChange,
    WorkerReport,
)
from dclab.manifests import Workload

__all__ = [
    "About",
    "ApplyAutoscaler",
    "AskAbout",
    "AskAutoscaler",
    "AskCpuRequest",
    "AskHealth",
    "AskJob",
    "AskJobLog",
    "AskPasses",
    "AskPrometheus",
    "AskQuantities",
    "AskReplicas",
    "AskReports",
    "AskRoom",
    "AskServedMetrics",
    "AskSpent",
    "AskStates",
    "AskTrouble",
    "AskUsage",
    "Configure",
    "DeleteReplica",
    "Down",
    "Hold",
    "Question",
    "Ready",
    "RemoveAutoscaler",
    "ReplicaSpent",
    "ReplicaState",
    "RollBack",
    "RollOut",
    "Scale",
    "ScrapeEvery",
    "SetLoadBalancing",
    "StartLoad",
    "StopJob",
    "answer_type",
]

T = TypeVar("T")

Seconds = Annotated[float, msgspec.Meta(ge=0)]
Pid = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


@dataclass(frozen=True, kw_only=True)
class ReplicaState:
    """One replica."""

    name: str
    pid: Pid | None
    """None while it waits to be restarted."""
    port: Port | None
    """Its own, behind its service; None for one that does not listen."""
    ready: bool
    restarts: int


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


@dataclass(frozen=True, kw_only=True)
class About:
    """What a supervisor says of itself and of its processes."""

    settings: Settings
    pid: Pid
    proxy_pid: Pid | None
    """Of the data path; None while it is being restarted."""
    data_path_trouble: str | None
    """Why it does not serve now; None while it does."""
    ports: dict[str, Port]
    """Port of every service."""
    load_balancing: str
    """The policy of every service."""
    redis: str
    """Path of the Redis-protocol server."""
    control_loop_worst_delay_seconds: float
    """By which the latest of all decisions of the autoscaler was late."""
    replicas: dict[str, tuple[ReplicaState, ...]]
    """Of every deployment."""
    autoscalers: dict[str, str]
    """The deployment that each scales, by its own name."""


class Question(msgspec.Struct, Generic[T], frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A verb with its arguments; T is the type of the answer."""

    verb: ClassVar[str]

    @property
    def patience(self) -> float:
        """Seconds that answering it may take by what it asks."""
        return 0.0


class _Waiting(Question[T], frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question that is answered once a state is reached, or not reached in time."""

    timeout: Seconds

    @property
    def patience(self) -> float:
        """The time-out that it names."""
        return self.timeout


def answer_type(question: type[Question[Any]]) -> Any:
    """Return the type of the answer, as the class states it: str for `class X(Question[str])`."""
    (base,) = question.__orig_bases__  # type: ignore[attr-defined]
    (answer,) = get_args(base)
    return answer


class AskAbout(Question[About], frozen=True):
    """What it is made of."""

    verb: ClassVar[str] = "about"


class AskStates(Question[dict[str, DeploymentState]], frozen=True):
    """Counts and usage of every deployment, by its name."""

    verb: ClassVar[str] = "states"


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


class Ready(_Waiting[None], frozen=True):
    """Wait until every deployment is ready."""

    verb: ClassVar[str] = "ready"


class Scale(_Waiting[None], frozen=True):
    """Scale a deployment, and wait for it."""

    verb: ClassVar[str] = "scale"
    deployment: str
    replicas: Annotated[int, msgspec.Meta(ge=0)]


class Configure(_Waiting[None], frozen=True):
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


class SetLoadBalancing(Question[None], frozen=True):
    """Set the load-balancing policy of every service."""

    verb: ClassVar[str] = "set_load_balancing"
    policy: str


class StartLoad(Question[str], frozen=True):
    """Run a Job; its name is the answer."""

    verb: ClassVar[str] = "start_load"
    workload: Workload


class AskJob(Question[JobStatus], frozen=True):
    """State of a job."""

    verb: ClassVar[str] = "job_status"
    name: str


class AskJobLog(Question[str], frozen=True):
    """Everything that a job printed so far."""

    verb: ClassVar[str] = "job_log"
    name: str


class StopJob(Question[None], frozen=True):
    """End a job."""

    verb: ClassVar[str] = "job_stop"
    name: str


class ScrapeEvery(Question[float | None], frozen=True):
    """Set the seconds between two scrapes on the autoscaler's clock, None for the default; what it was is the answer."""

    verb: ClassVar[str] = "scrape_every"
    seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] | None


class AskServedMetrics(Question[tuple[str, ...]], frozen=True):
    """Metrics that an autoscaler of a deployment can use."""

    verb: ClassVar[str] = "served_metrics"
    deployment: str


class AskQuantities(Question[dict[str, Quantities]], frozen=True):
    """What each replica of a deployment has been asked so far, by its name."""

    verb: ClassVar[str] = "quantities"
    deployment: str

    @property
    def patience(self) -> float:
        """The data path is asked first, and may just be replaced."""
        return 5.0


class ApplyAutoscaler(Question[None], frozen=True):
    """Apply a HorizontalPodAutoscaler."""

    verb: ClassVar[str] = "apply_autoscaler"
    manifest: dict[str, Any]


class RemoveAutoscaler(Question[None], frozen=True):
    """Remove an autoscaler."""

    verb: ClassVar[str] = "remove_autoscaler"
    name: str


class AskAutoscaler(Question[AutoscalerStatus], frozen=True):
    """Status of an autoscaler."""

    verb: ClassVar[str] = "autoscaler"
    name: str


class AskPasses(Question[msgspec.Raw], frozen=True):
    """Every pass of an autoscaler: a list of `dclab.autoscaler.trace.Pass`, which only its reader needs to import."""

    verb: ClassVar[str] = "autoscaler_passes"
    name: str


class AskPrometheus(_Waiting[Port | None], frozen=True):
    """Port of the lab's Prometheus, started if need be; None where none is installed."""

    verb: ClassVar[str] = "prometheus"


class Hold(Question[str], frozen=True):
    """Let nobody else change the lab while the connection stays open; the token of the hold is the answer."""

    verb: ClassVar[str] = "hold"
    what: Annotated[str, msgspec.Meta(max_length=100)]


class Down(Question[None], frozen=True):
    """End everything, then the supervisor itself. Supervisors of every version understand it."""

    verb: ClassVar[str] = "down"
