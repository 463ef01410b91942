"""The protocol itself: what one can ask of a running DockerCoins, each verb with its errors; and how a list names one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from dclab.lab.counts import Counter, Quantities, Scrape, WorkerReport
from dclab.lab.deployments import (
    AutoscalerStatus,
    DeploymentState,
    LogLine,
    Replicas,
    ReplicaUsage,
    Room,
    TemplateChange,
    UsageMeter,
)
from dclab.lab.load import Job, LoadSpec, ProbeSample, ProbeSpec
from dclab.results import ReplicaHealth, Resources

__all__ = ["Lab", "LabSummary"]


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
