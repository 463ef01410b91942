"""The kube engine's lab, as experiments see it: requests to the API server, HTTP to its services."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from dclab import manifests
from dclab.engines.counter_reader import CounterReader
from dclab.engines.http_services import SEE_STATUS, read_httplat
from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.cluster.connect import check_version
from dclab.engines.kube.cluster.images import Images
from dclab.engines.kube.faults import Forbidden, NotFound, half_done
from dclab.engines.kube.lab import jobs, logs, reports, rollout, states
from dclab.engines.kube.lab.autoscaler_objects import Autoscaler
from dclab.engines.kube.lab.autoscaler_status import EventLog, autoscaler_status
from dclab.engines.kube.lab.autoscaler_trace import AutoscalerWatch
from dclab.engines.kube.lab.diagnose import cause, refusal, trouble
from dclab.engines.kube.lab.hold import Hold, check
from dclab.engines.kube.lab.instance import is_lab, why_ended
from dclab.engines.kube.lab.lease import Lease
from dclab.engines.kube.lab.namespace import ensure_ours, rendered
from dclab.engines.kube.lab.prometheus import PROMETHEUS, ensure_prometheus
from dclab.engines.kube.lab.reach import Reach
from dclab.engines.kube.lab.removal import remove, remove_objects
from dclab.engines.kube.labels import HOLD, SELECTOR
from dclab.engines.kube.objects import ZERO, Event, Node
from dclab.engines.kube.workloads import Deployment, Pod, PodMetrics, is_ready
from dclab.errors import DclabError, InvalidInput, LabEnded, LabLost, NotAnswering, TimedOut
from dclab.lab import (
    SERVICES,
    AutoscalerStatus,
    Counter,
    DeploymentState,
    LoadSpec,
    LogLine,
    ProbeSample,
    ProbeSpec,
    Replicas,
    ReplicaUsage,
    Scrape,
    WorkerReport,
)

__all__ = ["KubeLab"]

SYNC_SECONDS = 15.0
"""kube-controller-manager's --horizontal-pod-autoscaler-sync-period, which no API tells; this is its default."""


P = ParamSpec("P")
T = TypeVar("T")


def used(verb: Callable[Concatenate[KubeLab, P], T]) -> Callable[Concatenate[KubeLab, P], T]:
    """Have a verb of a lab say that the lab was ended, rather than that something of it is not there."""

    @wraps(verb)
    def asked(self: KubeLab, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._using():
            return verb(self, *args, **kwargs)

    return asked


class KubeLab:
    """The Lab protocol (`dclab.lab.Lab`) over one namespace."""

    engine = "kube"
    clock_speed = 1.0
    sync_seconds = SYNC_SECONDS

    def __init__(
        self,
        api: Api,
        namespace: str,
        images: Images,
        *,
        instance: str,
        context: str | None,
        options: str = "",
        lease: Lease | None = None,
    ) -> None:
        """Use the lab in a namespace.

        Args:
            api: of its cluster.
            namespace: its name.
            images: where its images come from.
            instance: which lab it is (`instance.instance_of`): another one in the namespace is not used.
            context: as the user named it; None for dclab's own profile.
            options: that name it in a command, each behind a space.
            lease: under which it was started, if it ends with this process.
        """
        self.api = api
        self.name = namespace
        self.images = images
        self.instance = instance
        self.options = options
        self._context = context
        self._kept = threading.local()
        self.reach = Reach(api, namespace)
        self._lease = lease
        self._hold: Hold | None = None
        self._watches: dict[str, AutoscalerWatch] = {}
        self._events: dict[str, EventLog] = {}
        """About autoscalers, by uid."""

    # What it is.

    def identity(self) -> Mapping[str, Any]:
        """What tells this lab from another of its name."""
        cluster = {"context": self.api.context, "server": self.api.server}
        return {**cluster, "namespace": self.name, "instance": self.instance}

    def deployments(self) -> Sequence[str]:
        """Names of its deployments."""
        found = rollout.names(self.api, self.name)
        if not found:
            self._check_there()
        return found

    def addresses(self) -> Mapping[str, str]:
        """URLs of services that stay reachable after this command: the NodePorts that answer."""
        return self.reach.addresses()

    def versions(self) -> Mapping[str, str]:
        """Versions of the programs the lab is made of."""
        found = {"kubernetes": check_version(self.api)}
        with contextlib.suppress(DclabError):  # whoever has rights in one namespace only may not see nodes
            for node in self.api.list(path_of("v1", "Node", ""), Node):
                info = node.status.node_info
                found["container runtime"] = info.container_runtime_version
                found["node"] = f"{info.os_image}, {info.architecture}, {node.status.capacity.get('cpu', '?')} CPUs"
        return found

    # Life.

    def deploy(self) -> None:
        """Apply the manifests; replica counts stay as they are.

        Raises:
            LabEnded: someone has ended the lab; nothing was made, and another lab in the namespace was left alone.
        """
        self._check_there()
        self.reach.forget()
        try:
            for one in rendered(self.name, self.images)[1:]:
                self.api.apply(one, self.name)
        except Forbidden:  # nothing can be made in a namespace that is being removed
            self._check_there()
            raise
        if ended := self._why_ended():  # meanwhile, so that `down` may not have seen what was just made
            if not is_lab(ensure_ours(self.api, self.name), self.api):
                remove_objects(self.api, self.name)
            raise ended

    @used
    def ready(self, timeout: float = 60.0) -> None:
        """Return when every deployment is ready and the hash counter rises; else TimedOut, with the cause."""
        end = time.monotonic() + timeout
        rollout.wait_settled(self.api, self.name, sorted({*SERVICES, *self.deployments()}), timeout)
        first: int | None = None
        while True:
            with contextlib.suppress(LabLost):
                now = self.counter().hashes
                if first is not None and now > first:
                    return
                first = now if first is None else min(first, now)
            if time.monotonic() > end:
                break
            time.sleep(0.1)
        why, hint = cause(self.api, self.name)
        raise TimedOut(f"The hash counter does not rise within {timeout:g} s.", why, hint)

    def down(self) -> None:
        """Remove what is dclab's; idempotent. Another lab that has taken the name is left alone."""
        self.reach.close()
        try:
            if self._why_ended() is None:
                remove(self.api, self.name)
        except NotAnswering as error:
            if self._lease is None:
                raise
            raise NotAnswering(
                error.what,
                f"{error.why} So the lab {self.name!r} could not be removed yet.",
                f"A process of dclab ({self._lease.pid}) does so once the cluster answers, within 15 minutes.",
            ) from error
        if self._lease:
            self._lease.over()

    @contextlib.contextmanager
    def hold(self, what: str) -> Iterator[None]:
        """Let nobody else change the lab for the duration; LabHeld when another command holds it."""
        if self._hold:
            yield
            return
        self._hold = Hold(self.api, self.name, what, self._context)
        try:
            self._check_there()
            with self._using():
                self._hold.take()
            yield
        finally:
            self._hold.release()
            self._hold = None

    def _held(self, manifest: Mapping[str, Any]) -> manifests.Manifest:
        """Return a manifest of what goes with the hold, if there is one, when the command is killed."""
        metadata = dict(manifest["metadata"])
        if self._hold:
            metadata["labels"] = {**metadata.get("labels", {}), HOLD: self._hold.token}
        return {**manifest, "metadata": metadata}

    def _may_change(self) -> None:
        """Raise LabHeld when another command holds the lab."""
        check(self.api, self.name, self._hold.token if self._hold else "")

    @contextlib.contextmanager
    def _using(self) -> Iterator[None]:
        """Turn a loss into LabEnded where the lab was ended."""
        try:
            yield
        except LabLost as error:
            if not isinstance(error, NotAnswering):
                with contextlib.suppress(NotAnswering):
                    self._check_there(self.api.impatient())
            raise

    def _check_there(self, api: Api | None = None) -> None:
        """Raise LabEnded when the lab was ended, or another one has taken its place."""
        if error := self._why_ended(api):
            raise error

    def _why_ended(self, api: Api | None = None) -> LabEnded | None:
        return why_ended(api or self.api, self.name, self.instance, self.options)

    # Deployments.

    @used
    def scale(self, deployment: str, replicas: int, timeout: float = 60.0) -> None:
        """Return when that many replicas are ready and none is terminating; else TimedOut."""
        self._may_change()
        path = self._deployment(deployment)
        try:
            self.api.merge(f"{path}/scale", {"spec": {"replicas": replicas}})
        except NotFound as error:
            raise self._unknown(deployment) from error
        self._wait_settled(deployment, f"to have {replicas} replicas", timeout)

    def _wait_settled(self, deployment: str, wanted: str, timeout: float) -> None:
        told = f"{deployment} has been told {wanted}, and will once the cluster is back."
        with half_done(told, f"`dclab status{self.options}` shows when it is back, and what there is."):
            rollout.wait_settled(self.api, self.name, [deployment], timeout)

    @used
    def states(self) -> Mapping[str, DeploymentState]:
        """Counts and usage of every deployment, by its name, in three requests."""
        return states.states(self.api, self.name)

    @used
    def replicas(self, deployment: str) -> Replicas:
        """Counts now."""
        try:
            found = self.api.get(self._deployment(deployment), Deployment)
        except NotFound as error:
            raise self._unknown(deployment) from error
        return states.counts(found, self._pods(deployment))

    @used
    def trouble(self, deployment: str) -> str | None:
        """Why replicas of it are not ready, in a sentence; None while they may only need time."""
        found = next((one for pod in self._pods(deployment) if not is_ready(pod) and (one := trouble(pod))), None)
        found = found or refusal(self.api.get(self._deployment(deployment), Deployment))
        return found.why if found else None

    def data_path_trouble(self) -> str | None:
        """None: what carries connections is the cluster's, and it does not tell."""
        return None

    @used
    def configure(self, deployment: str, env: Mapping[str, str], timeout: float = 60.0) -> None:
        """Run the deployment with these variables over its manifest's, and wait as `scale` does."""
        self._may_change()
        try:
            manifest = manifests.named(manifests.load(), "Deployment", deployment)
        except KeyError as error:
            raise self._unknown(deployment) from error
        (container,) = manifest["spec"]["template"]["spec"]["containers"]
        kept = [one for one in container.get("env", ()) if one["name"] not in env]
        container["env"] = [*kept, *({"name": key, "value": value} for key, value in env.items())]
        self.api.apply(self.images.fit([manifest])[0], self.name)
        self._wait_settled(deployment, f"to run with {', '.join(env) or 'its own variables'}", timeout)

    @used
    def cpu_request_millicores(self, deployment: str) -> float:
        """CPU request of one replica."""
        found = self.api.get(self._deployment(deployment), Deployment)
        containers = found.spec.template.spec.containers
        return sum(one.resources.requests.get("cpu", ZERO).millicores for one in containers)

    def usage(self, deployment: str) -> Sequence[ReplicaUsage]:
        """Usage per replica, from metrics.k8s.io; empty where no metrics-server answers."""
        return states.usage(self._metrics(deployment))

    def _metrics(self, app: str) -> Sequence[PodMetrics]:
        return states.metrics(self.api, self.name, f"app={app}")

    @used
    def logs(self, deployment: str, lines: int = 50) -> Sequence[LogLine]:
        """Return the last lines of every replica; InvalidInput when there is no such deployment."""
        self._check_known(deployment)
        return logs.last_lines(self.api, self.name, deployment, lines)

    def follow_logs(self, deployments: Sequence[str], lines: int = 50) -> Iterator[LogLine]:
        """Yield the last lines of every replica, then new ones as they come; ends only when the lab does."""
        for one in deployments:
            self._check_known(one)
        with self._using():
            yield from logs.follow(self.api, self.name, deployments, lines)

    def _check_known(self, deployment: str) -> None:
        if deployment not in self.deployments():
            raise self._unknown(deployment)

    # Services.

    load_balancing_policies = ("random",)
    """What kube-proxy does; a cluster with another proxy may do otherwise, and dclab changes nothing of it."""

    @property
    def load_balancing(self) -> str:
        """The only one."""
        return self.load_balancing_policies[0]

    def set_load_balancing(self, policy: str) -> None:
        """Nothing to change: there is one policy."""
        if policy not in self.load_balancing_policies:
            raise InvalidInput(
                f"A cluster's services do not balance by {policy!r}.", "kube-proxy chooses a replica at random."
            )

    @used
    def url(self, service: str) -> str:
        """Base URL that reaches the service from here, without a trailing slash."""
        return self.reach.url(service)

    @used
    def counter(self) -> Counter:
        """The hash counter; LabLost when Redis or the web UI does not answer."""
        return self._read("webui", self._counter_at)

    def _counter_at(self, url: str) -> Counter:
        """Read it over a connection that is kept: a new one through a forward costs several round trips."""
        reader: CounterReader | None = getattr(self._kept, "reader", None)
        if reader is None or reader.url != url:
            reader = self._kept.reader = CounterReader(url, SEE_STATUS)
        return reader.read()

    @used
    def worker_reports(self, since: float) -> Sequence[WorkerReport] | None:
        """Return every report from `since` until now, from the workers' logs; None where they leave a doubt.

        Its times are those of the nodes' clocks; the web UI's is the clock of its own node.
        """
        return reports.worker_reports(self.api, self.name, since)

    @used
    def httplat(self, target: str) -> Scrape:
        """What the target's httplat exporter has counted so far."""
        return self._read(f"httplat-{target}", read_httplat)

    def _read(self, service: str, read: Callable[[str], T]) -> T:
        """Read from a service; once more where it is forwarded, when the API server that forwards it is back."""
        url = self.url(service)
        try:
            return read(url)
        except LabLost:
            if not self.reach.forwards(service):
                raise
        check_version(self.api)
        return read(url)

    @used
    def probe(self, service: str, spec: ProbeSpec) -> Sequence[ProbeSample]:
        """Probe from within the cluster, through the Service, as a worker calls it."""
        job = self._held(jobs.probe_job(service, spec))
        return jobs.run_probe(self.api, self.name, self.images.fit([job])[0], spec)

    @used
    def prometheus_url(self) -> str | None:
        """Base URL of the lab's Prometheus, put beside it if need be; TimedOut when it does not get ready."""
        ensure_prometheus(self.api, self.name)
        return self.url(PROMETHEUS)

    # Load and autoscaling.

    @used
    def start_load(self, spec: LoadSpec) -> jobs.KubeJob:
        """Start a siege as a Job; returns when it runs."""
        self._may_change()
        (manifest,) = self.images.fit([self._held(manifests.load_test(spec))])
        return jobs.start(self.api, self.name, manifest, f"http://{spec.target}{spec.path}")

    @used
    def apply_autoscaler(self, manifest: Mapping[str, Any]) -> None:
        """Apply a HorizontalPodAutoscaler; InvalidInput when it is not a valid one."""
        self._may_change()
        self.api.apply(self._held(manifest), self.name)
        self._watches[manifest["metadata"]["name"]] = AutoscalerWatch()

    @used
    def remove_autoscaler(self, name: str) -> None:
        """Remove it; nothing happens when there is none. Replica counts stay as they are."""
        self._may_change()
        self.api.delete(self._autoscaler(name))

    @used
    def autoscalers(self) -> Mapping[str, str]:
        """Return the deployment that each autoscaler scales, by the autoscaler's name, whoever applied it."""
        found = self.api.list(path_of("autoscaling/v2", "HorizontalPodAutoscaler", self.name), Autoscaler)
        return {one.metadata.name: one.spec.scale_target_ref.name for one in found}

    @used
    def autoscaler(self, name: str) -> AutoscalerStatus:
        """Its status, read anew each time, so that there is no watch to drop; LabLost when there is none of that name."""
        try:
            found = self.api.get(self._autoscaler(name), Autoscaler)
        except NotFound as error:
            raise LabLost(
                f"There is no autoscaler {str(name)!r}.", "Someone has deleted it.", "Leave it alone while it is shown."
            ) from error
        if name in self._watches:
            target = found.spec.scale_target_ref.name
            self._watches[name].look(time.time(), found.status, self._pods(target), self._metrics(target))
        uid = found.metadata.uid
        return autoscaler_status(found, self._events.setdefault(uid, EventLog()).read(self._events_about(uid)))

    def autoscaler_passes(self, name: str) -> Sequence[Any]:
        """As far as looking at it since it was applied shows them."""
        watch = self._watches.get(name)
        return watch.passes() if watch else ()

    def _events_about(self, uid: str) -> Sequence[Event]:
        return self.api.list(path_of("v1", "Event", self.name), Event, fieldSelector=f"involvedObject.uid={uid}")

    def _autoscaler(self, name: str) -> str:
        return path_of("autoscaling/v2", "HorizontalPodAutoscaler", self.name, name)

    def _deployment(self, name: str) -> str:
        return path_of("apps/v1", "Deployment", self.name, name)

    def _pods(self, app: str) -> Sequence[Pod]:
        return self.api.list(path_of("v1", "Pod", self.name), Pod, labelSelector=f"app={app},{SELECTOR}")

    def _unknown(self, name: str) -> DclabError:
        known = rollout.names(self.api, self.name)
        if not known:
            return LabLost(f"There is no lab in the namespace {self.name!r}.", "", "`dclab up` makes one.")
        return InvalidInput(f"There is no deployment {str(name)!r}.", f"There are: {', '.join(known)}.")
