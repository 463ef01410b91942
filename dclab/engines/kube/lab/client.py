"""The kube engine's lab, as experiments see it: requests to the API server, HTTP to its services."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dclab import manifests
from dclab.engines.http_services import read_counter, read_httplat
from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.cluster.connect import check_version
from dclab.engines.kube.cluster.images import Images
from dclab.engines.kube.faults import NotFound
from dclab.engines.kube.lab import jobs, logs, reports, rollout, states
from dclab.engines.kube.lab.autoscaler_objects import Autoscaler
from dclab.engines.kube.lab.autoscaler_status import autoscaler_status
from dclab.engines.kube.lab.autoscaler_trace import AutoscalerWatch
from dclab.engines.kube.lab.diagnose import cause, trouble
from dclab.engines.kube.lab.namespace import ensure_ours, remove, rendered
from dclab.engines.kube.lab.prometheus import PROMETHEUS, ensure_prometheus
from dclab.engines.kube.lab.reach import Reach
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.objects import ZERO, Event, Node
from dclab.engines.kube.workloads import Deployment, Pod, PodMetrics, is_ready
from dclab.errors import DclabError, InvalidInput, LabLost, TimedOut
from dclab.lab import (
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


class KubeLab:
    """The Lab protocol (`dclab.lab.Lab`) over one namespace."""

    engine = "kube"
    clock_speed = 1.0
    sync_seconds = SYNC_SECONDS

    def __init__(self, api: Api, namespace: str, images: Images) -> None:
        self.api = api
        self.name = namespace
        self.images = images
        self.reach = Reach(api, namespace)
        self._watches: dict[str, AutoscalerWatch] = {}

    # What it is.

    def identity(self) -> Mapping[str, Any]:
        """What tells this lab from another of its name."""
        return {"context": self.api.context, "server": self.api.server, "namespace": self.name}

    def deployments(self) -> Sequence[str]:
        """Names of its deployments."""
        return rollout.names(self.api, self.name)

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
        """Apply the manifests; replica counts stay as they are."""
        if ensure_ours(self.api, self.name) is None:
            raise LabLost(f"The namespace {self.name!r} is gone.", "Someone has deleted it.", "`dclab up` makes it.")
        for one in rendered(self.name, self.images)[1:]:
            self.api.apply(one, self.name)

    def ready(self, timeout: float = 60.0) -> None:
        """Return when every deployment is ready and the hash counter rises; else TimedOut, with the cause."""
        end = time.monotonic() + timeout
        for name in rollout.names(self.api, self.name):
            rollout.wait_settled(self.api, self.name, name, end - time.monotonic())
        first: int | None = None
        while time.monotonic() < end:
            with contextlib.suppress(LabLost):
                now = self.counter().hashes
                if first is not None and now > first:
                    return
                first = now if first is None else min(first, now)
            time.sleep(0.1)
        why, hint = cause(self.api, self.name)
        raise TimedOut(f"The hash counter does not rise within {timeout:g} s.", why, hint)

    def down(self) -> None:
        """Remove what is dclab's; idempotent."""
        self.reach.close()
        remove(self.api, self.name)

    # Deployments.

    def hold(self, what: str) -> contextlib.AbstractContextManager[None]:
        """Let nobody else change the lab for the duration."""
        return contextlib.nullcontext()

    def scale(self, deployment: str, replicas: int, timeout: float = 60.0) -> None:
        """Return when that many replicas are ready and none is terminating; else TimedOut."""
        path = self._deployment(deployment)
        try:
            self.api.merge(f"{path}/scale", {"spec": {"replicas": replicas}})
        except NotFound as error:
            raise self._unknown(deployment) from error
        rollout.wait_settled(self.api, self.name, deployment, timeout)

    def states(self) -> Mapping[str, DeploymentState]:
        """Counts and usage of every deployment, by its name, in three requests."""
        return states.states(self.api, self.name)

    def replicas(self, deployment: str) -> Replicas:
        """Counts now."""
        try:
            found = self.api.get(self._deployment(deployment), Deployment)
        except NotFound as error:
            raise self._unknown(deployment) from error
        return states.counts(found, self._pods(deployment))

    def trouble(self, deployment: str) -> str | None:
        """Why replicas of it are not ready, in a sentence; None while they may only need time."""
        found = (trouble(pod) for pod in self._pods(deployment) if not is_ready(pod))
        return next((one[0] for one in found if one), None)

    def configure(self, deployment: str, env: Mapping[str, str], timeout: float = 60.0) -> None:
        """Run the deployment with these variables over its manifest's, and wait as `scale` does."""
        try:
            manifest = manifests.named(manifests.load(), "Deployment", deployment)
        except KeyError as error:
            raise self._unknown(deployment) from error
        (container,) = manifest["spec"]["template"]["spec"]["containers"]
        kept = [one for one in container.get("env", ()) if one["name"] not in env]
        container["env"] = [*kept, *({"name": key, "value": value} for key, value in env.items())]
        self.api.apply(self.images.fit([manifest])[0], self.name)
        rollout.wait_settled(self.api, self.name, deployment, timeout)

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

    def logs(self, deployment: str, lines: int = 50) -> Sequence[LogLine]:
        """Return the last lines of every replica; InvalidInput when there is no such deployment."""
        self._check_known(deployment)
        return logs.last_lines(self.api, self.name, deployment, lines)

    def follow_logs(self, deployments: Sequence[str], lines: int = 50) -> Iterator[LogLine]:
        """Yield the last lines of every replica, then new ones as they come; ends with LabLost when the lab does."""
        for one in deployments:
            self._check_known(one)
        return logs.follow(self.api, self.name, deployments, lines)

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

    def url(self, service: str) -> str:
        """Base URL that reaches the service from here, without a trailing slash."""
        return self.reach.url(service)

    def counter(self) -> Counter:
        """The hash counter; LabLost when Redis or the web UI does not answer."""
        return read_counter(self.url("webui"))

    def worker_reports(self, since: float) -> Sequence[WorkerReport] | None:
        """Return every report from `since` until now, from the workers' logs; None where they leave a doubt.

        Its times are those of the nodes' clocks; the web UI's is the clock of its own node.
        """
        return reports.worker_reports(self.api, self.name, since)

    def httplat(self, target: str) -> Scrape:
        """What the target's httplat exporter has counted so far."""
        return read_httplat(self.url(f"httplat-{target}"))

    def probe(self, service: str, spec: ProbeSpec) -> Sequence[ProbeSample]:
        """Probe from within the cluster, through the Service, as a worker calls it."""
        job = jobs.probe_job(service, spec)
        return jobs.run_probe(self.api, self.name, self.images.fit([job])[0], spec)

    def prometheus_url(self) -> str | None:
        """Base URL of the lab's Prometheus, put beside it if need be; TimedOut when it does not get ready."""
        ensure_prometheus(self.api, self.name)
        return self.url(PROMETHEUS)

    # Load and autoscaling.

    def start_load(self, spec: LoadSpec) -> jobs.KubeJob:
        """Start a siege as a Job; returns when it runs."""
        (manifest,) = self.images.fit([manifests.load_test(spec)])
        return jobs.start(self.api, self.name, manifest, f"http://{spec.target}{spec.path}")

    def apply_autoscaler(self, manifest: Mapping[str, Any]) -> None:
        """Apply a HorizontalPodAutoscaler; InvalidInput when it is not a valid one."""
        self.api.apply(dict(manifest), self.name)
        self._watches[manifest["metadata"]["name"]] = AutoscalerWatch()

    def remove_autoscaler(self, name: str) -> None:
        """Remove it; nothing happens when there is none. Replica counts stay as they are."""
        self.api.delete(self._autoscaler(name))

    def autoscalers(self) -> Mapping[str, str]:
        """Return the deployment that each autoscaler scales, by the autoscaler's name, whoever applied it."""
        found = self.api.list(path_of("autoscaling/v2", "HorizontalPodAutoscaler", self.name), Autoscaler)
        return {one.metadata.name: one.spec.scale_target_ref.name for one in found}

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
        return autoscaler_status(found, self._events(found.metadata.uid))

    def autoscaler_passes(self, name: str) -> Sequence[Any]:
        """As far as looking at it since it was applied shows them."""
        watch = self._watches.get(name)
        return watch.passes() if watch else ()

    def _events(self, uid: str) -> Sequence[Event]:
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
