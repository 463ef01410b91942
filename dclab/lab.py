"""The protocol between experiments and engines: what one can ask of a running DockerCoins.

An experiment never knows which engine it has. Each verb states its errors. From any of them may come, too:

- `LabLost`: a part of the lab does not answer, or (`LabCrashed`, `NotAnswering`) what runs it does not; `deploy` brings
  it back, and a run does so;
- `LabEnded`: the lab was ended by someone (it is gone, or another one has its name): nothing brings it back, and a command
  that gets it stops at once;
- `LabHeld`, from a verb that changes the lab: another command holds it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Protocol

from msgspec import Meta

from dclab.results import AutoscaleEvent, Condition, MetricReading, ReplicaHealth, Resources

__all__ = [
    "SERVICES",
    "AutoscalerStatus",
    "Counter",
    "DeploymentState",
    "HealthProbe",
    "Job",
    "JobStatus",
    "Lab",
    "LabSummary",
    "LoadSpec",
    "LogLine",
    "ProbeSample",
    "ProbeSpec",
    "Quantities",
    "ReplicaHealth",
    "ReplicaUsage",
    "Replicas",
    "Room",
    "Scrape",
    "TemplateChange",
    "UsageMeter",
    "WorkerReport",
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
class Counter:
    """The hash counter at one moment, read as the web UI reads it."""

    t: float
    """Unix seconds, on the web UI's clock; on this machine's where the web UI tells no time."""
    hashes: int
    coins: int


class WorkerReport(NamedTuple):
    """What one worker added to the counter, and when."""

    worker: str
    """Name of the replica."""
    t: float
    """Unix seconds when it said so, on the lab's clock (the one of `Counter.t`); the counter rises within a millisecond.

    Where workers run on several nodes, each is stamped on its own node's clock: times between reports of one worker
    are exact, those between two workers as far as the nodes' clocks agree.
    """
    units: int
    """Hashes since its last report; 0 in the first."""


@dataclass(frozen=True, kw_only=True)
class ProbeSpec:
    """What to ask of a service, how often, and how."""

    path: str = "/"
    method: Literal["GET", "POST"] = "GET"
    body: bytes | None = None
    count: int = 10
    interval: float = 0.1
    """Mean seconds from the end of one probe to the start of the next, jittered by ±50 %."""
    timeout: float = 10.0
    rate: float | None = None
    """Requests per second of an open loop, sent whether or not the ones before were answered, and timed from
    when each was due; None asks one after the other."""


@dataclass(frozen=True, kw_only=True)
class ProbeSample:
    """One timed request on a fresh connection. Milliseconds; a failed one has an error and no total."""

    at: float
    """Unix seconds at its start; in an open loop, when it was due."""
    late_ms: float = 0.0
    """How long after it was due an open loop's request was begun: the prober's own delay."""
    total_ms: float | None
    connect_ms: float | None = None
    first_byte_ms: float | None = None
    status: int | None = None
    error: str | None = None
    gave_up_ms: float | None = None
    """How long a request that timed out was waited for, from when it was due; None for any other."""
    sent: bool = True
    """False for an open loop's request that never was, because too many were under way until it timed out."""


@dataclass(frozen=True, kw_only=True)
class LoadSpec:
    """A siege: `concurrent` users without think time."""

    target: str
    path: str = "/"
    concurrent: int = 15
    seconds: float = 240.0


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """State of a load."""

    state: Literal["pending", "running", "succeeded", "failed", "stopped"]
    exit_code: int | None = None
    cores: float | None = None
    """CPU that the generator took on average, up to when it was last asked while it ran; None where it is not known."""


class Job(Protocol):
    """A load under way."""

    @property
    def generator(self) -> str:
        """The program that makes the load, and its version."""

    @property
    def url(self) -> str:
        """What it loads."""

    def status(self) -> JobStatus:
        """State now."""

    def log(self) -> str:
        """Everything it printed so far."""

    def stop(self) -> None:
        """End it early; its summary, if it prints one, is in the log afterwards."""


@dataclass(frozen=True, kw_only=True)
class AutoscalerStatus:
    """What `kubectl describe hpa` tells."""

    current: int
    desired: int
    metrics: tuple[MetricReading, ...]
    conditions: tuple[Condition, ...]
    events: tuple[AutoscaleEvent, ...]
    """With t in unix seconds."""


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


class LogLine(NamedTuple):
    """One line of a replica's log."""

    replica: str
    text: str
    """Without its line end."""


@dataclass(frozen=True, kw_only=True)
class LabSummary:
    """One lab, as `dclab list` shows it."""

    name: str
    engine: str
    state: Literal["running", "not answering", "other version", "crashed", "stopped"]
    """Whether its supervisor or cluster answers; crashed is one whose supervisor is gone though nobody has ended it, other
    version one that another dclab has started, stopped a cluster of dclab's own that is shut down."""
    context: str | None = None
    """Of its cluster; None on the embedded engine."""


class Scrape(NamedTuple):
    """What an httplat exporter has counted so far."""

    sum_seconds: float
    probes: float


class Quantities(NamedTuple):
    """What one replica has been asked so far; counters that begin at 0 with it."""

    t: float
    """Unix seconds of the reading."""
    in_flight_seconds: float
    """Requests that it held (waiting or served), integrated over time: the difference of two readings over the time between
    them is how many it held on average. An idle connection that is kept open holds none."""
    requests: float
    """Requests that it has accepted, or connections where one carries several."""
    full_seconds: float
    """How long its backlog was full meanwhile: then in-flight is a lower bound."""


class Lab(Protocol):
    """One running DockerCoins."""

    name: str
    engine: str

    @property
    def clock_speed(self) -> float:
        """1, or how many times faster than Kubernetes' the autoscaler's clock runs."""

    @property
    def sync_seconds(self) -> float:
        """Real seconds between two decisions of the autoscaler."""

    def identity(self) -> Mapping[str, Any]:
        """Return the identity of this lab instance, to detect one that was replaced by another with the same name."""

    def deployments(self) -> Sequence[str]:
        """Names of its deployments."""

    def addresses(self) -> Mapping[str, str]:
        """URLs of services that stay reachable after this command."""

    def deploy(self) -> None:
        """Bring everything up, or back to what the manifests say except replica counts; idempotent.

        A crashed lab comes back as the same instance, under the lease and the hold that it had for this command.

        Raises:
            LabEnded: the lab was ended meanwhile; nothing was brought back, and another with its name was left alone.
        """

    def ready(self, timeout: float = 60.0) -> None:
        """Return when every deployment is ready and the hash counter rises; else TimedOut, with the cause."""

    def hold(self, what: str) -> AbstractContextManager[None]:
        """Let nobody else change the lab for the duration: scale, configure, load, autoscaler, load-balancing policy.

        It is released when this process ends, however it ends. Held again within by the same object, it stays held.

        Args:
            what: holds it, for users who are refused, such as `dclab scale-sweep`.

        Raises:
            LabHeld: another command holds it.
        """

    def scale(self, deployment: str, replicas: int, timeout: float = 60.0) -> None:
        """Return when that many replicas are ready and none is terminating; else TimedOut."""

    def states(self) -> Mapping[str, DeploymentState]:
        """Return counts and usage of every deployment, by its name, asked for at once; each of `SERVICES` is there."""

    def replicas(self, deployment: str) -> Replicas:
        """Counts now."""

    def trouble(self, deployment: str) -> str | None:
        """Why replicas of it are not ready, in a sentence; None while they may only need time."""

    def room(self, deployment: str) -> Room | None:
        """For how many replicas of it there is room now, by what they use or ask for; None where that cannot be told."""

    def data_path_trouble(self) -> str | None:
        """Why ready replicas cannot be reached now, and what becomes of it; None while the engine knows of nothing."""

    def configure(self, deployment: str, env: Mapping[str, str], timeout: float = 60.0) -> None:
        """Intervene: run the deployment with these variables over its manifest's, and wait as `scale` does.

        An empty mapping takes the intervention back.
        """

    def health(self, deployment: str) -> Sequence[ReplicaHealth]:
        """Return every replica that there is, also those that are on their way out, by name."""

    def roll_out(self, deployment: str, change: TemplateChange) -> None:
        """Begin a rolling update to the template with this change; return at once, since it may never come to its end.

        To be called under a hold. The template is put back by `roll_back`, or when this process is killed.
        """

    def roll_back(self, deployment: str) -> None:
        """Begin to put back the template from before `roll_out`, as `kubectl rollout undo`; nothing happens without one."""

    def delete_replica(self, deployment: str, name: str) -> None:
        """Begin to end one replica, by SIGTERM, as `kubectl delete pod`; another takes its place. InvalidInput: there is none."""

    @property
    def load_balancing_policies(self) -> Sequence[str]:
        """Policies by which its services can send a connection to a replica; the first is Kubernetes' own."""

    @property
    def load_balancing(self) -> str:
        """The policy in force, one of `load_balancing_policies`."""

    def set_load_balancing(self, policy: str) -> None:
        """Set the policy of every service, one of `load_balancing_policies`, from the next connection on."""

    def url(self, service: str) -> str:
        """Base URL that reaches the service from here, without a trailing slash."""

    def counter(self) -> Counter:
        """The hash counter; LabLost when Redis or the web UI does not answer."""

    def worker_reports(self, since: float) -> Sequence[WorkerReport] | None:
        """Return every report of every worker from `since` (on the lab's clock) until now, in order of time.

        None where the engine cannot tell who reported: too many replicas to ask, or logs that say something else.
        """

    def httplat(self, target: str) -> Scrape:
        """What the target's httplat exporter has counted so far."""

    def probe(self, service: str, spec: ProbeSpec) -> Sequence[ProbeSample]:
        """Probe from where the result is not distorted."""

    def start_load(self, spec: LoadSpec) -> Job:
        """Start a siege as a job of the lab."""

    def serve_metrics(self, target: str, scrape_seconds: float) -> AbstractContextManager[None]:
        """For the duration have autoscalers find in-flight, requests and latency of the target's replicas in the metrics APIs.

        Whatever was added for it is taken away afterwards, also when this process is killed.

        Args:
            target: a deployment whose replicas are to be counted: rng or hasher.
            scrape_seconds: between two scrapes, on the autoscaler's clock; rates are taken over three of them.

        Raises:
            Refused: another metrics API of the cluster's is in the place, and does not serve them; or the user may not add one.
        """

    def served_metrics(self, target: str) -> Collection[str]:
        """Return the metrics that an autoscaler of the target can use now.

        As `resource/cpu`, `pods/NAME`, `services/httplat-rng/NAME` and `external/NAME`.
        """

    def quantities(self, target: str) -> Mapping[str, Quantities]:
        """What each replica of the target has been asked so far, by its name; empty where nobody counts."""

    def apply_autoscaler(self, manifest: Mapping[str, Any]) -> None:
        """Apply a HorizontalPodAutoscaler; InvalidInput when it is not a valid one, or asks for a metric that nobody serves."""

    def remove_autoscaler(self, name: str) -> None:
        """Remove it; nothing happens when there is none. Replica counts stay as they are."""

    def autoscalers(self) -> Mapping[str, str]:
        """Return the deployment that each autoscaler scales, by the autoscaler's name, no matter who applied it."""

    def autoscaler(self, name: str) -> AutoscalerStatus:
        """Its status; LabLost when there is none of that name."""

    def autoscaler_passes(self, name: str) -> Sequence[Any]:
        """What it saw and decided so far (`dclab.autoscaler.trace.Pass`), as far as the engine can tell."""

    def cpu_request_millicores(self, deployment: str) -> float:
        """CPU request of one replica."""

    def usage(self, deployment: str) -> Sequence[ReplicaUsage]:
        """Usage per replica; a replica too young to have been measured is left out."""

    def resources(self) -> Mapping[str, Resources]:
        """Return the requests and limits of one replica of every deployment, by its name."""

    def usage_meter(self) -> UsageMeter:
        """Return a meter of CPU and memory, which has read nothing yet.

        Raises:
            MissingTool: the lab's cluster has no metrics API, or does not let this user read it; the hint says what to do.
        """

    def logs(self, deployment: str, lines: int = 50) -> Sequence[LogLine]:
        """Return the last lines of every replica; InvalidInput when there is no such deployment."""

    def follow_logs(self, deployments: Sequence[str], lines: int = 50) -> Iterator[LogLine]:
        """Yield the last lines of every replica, then new ones as they come, also of new replicas.

        Ends only when the lab does, with LabLost.
        """

    def prometheus_url(self) -> str | None:
        """Base URL of the lab's Prometheus, started if need be; None where none is installed."""

    def versions(self) -> Mapping[str, str]:
        """Versions of the programs the lab is made of."""

    def down(self) -> None:
        """Remove the lab and everything it started; idempotent. Another lab that has taken its name is left alone."""
