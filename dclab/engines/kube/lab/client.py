"""The kube engine's lab, as experiments see it: requests to the API server, HTTP to its services."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dclab import manifests
from dclab.engines.counter_reader import CounterReader
from dclab.engines.http_services import SEE_STATUS, read_counter, read_httplat
from dclab.engines.kube.api import path_of
from dclab.engines.kube.cluster.connect import check_version
from dclab.engines.kube.faults import NotFound, half_done
from dclab.engines.kube.lab import jobs, logs, meter, reports, rollout, states
from dclab.engines.kube.lab import room as rooms
from dclab.engines.kube.lab.diagnose import cause
from dclab.engines.kube.lab.prometheus import PROMETHEUS, ensure_prometheus
from dclab.engines.kube.lab.rolled import RolledLab
from dclab.engines.kube.lab.tenancy import used
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.objects import ZERO, Node, Service
from dclab.engines.kube.workloads import Deployment
from dclab.errors import DclabError, InvalidInput, LabLost, NotAnswering, TimedOut
from dclab.lab import (
    SERVICES,
    Counter,
    DeploymentState,
    LoadSpec,
    LogLine,
    ProbeSample,
    ProbeSpec,
    Replicas,
    ReplicaUsage,
    Room,
    Scrape,
    WorkerReport,
)
from dclab.results import Resources

__all__ = ["KubeLab"]

POD_SECONDS = 0.5
"""For a pod of many to be started: a kubelet starts about five a second."""

SYNC_SECONDS = 15.0
"""kube-controller-manager's --horizontal-pod-autoscaler-sync-period, which no API tells; this is its default."""


class KubeLab(RolledLab):
    """The Lab protocol (`dclab.lab.Lab`) over one namespace."""

    engine = "kube"
    clock_speed = 1.0
    sync_seconds = SYNC_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As for any `Tenancy`."""
        super().__init__(*args, **kwargs)
        self._kept = threading.local()

    # What it is.

    def deployments(self) -> Sequence[str]:
        """Names of its deployments."""
        found = rollout.names(self.api, self.name)
        if not found:
            self.check_there()
        return found

    def addresses(self) -> Mapping[str, str]:
        """URLs of services that stay reachable after this command: the NodePorts that answer."""
        return self.reach.addresses()

    def versions(self) -> Mapping[str, str]:
        """Versions of the programs the lab is made of."""
        found = {"kubernetes": check_version(self.api)}
        with contextlib.suppress(DclabError):  # a user with rights in one namespace only may not see nodes
            for node in self.api.list(path_of("v1", "Node", ""), Node):
                info = node.status.node_info
                found["container runtime"] = info.container_runtime_version
                found["node"] = f"{info.os_image}, {info.architecture}, {node.status.capacity.get('cpu', '?')} CPUs"
        return found

    # Life.

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

    # Deployments.

    @used
    def scale(self, deployment: str, replicas: int, timeout: float = 60.0) -> None:
        """Return when that many replicas are ready and none is terminating; else TimedOut.

        The pods of hundreds are started one after the other, so they are waited for the longer.
        """
        self.may_change()
        path = self._deployment(deployment)
        try:
            self.api.merge(f"{path}/scale", {"spec": {"replicas": replicas}})
        except NotFound as error:
            raise self._unknown(deployment) from error
        self._wait_settled(deployment, f"to have {replicas} replicas", timeout + POD_SECONDS * replicas)

    def _wait_settled(self, deployment: str, wanted: str, timeout: float) -> None:
        told = f"{deployment} has been told {wanted}, and will once the cluster is back."
        with half_done(told, f"`dclab status{self.options}` shows when it is back, and what there is."):
            rollout.wait_settled(self.api, self.name, [deployment], timeout)

    @used
    def states(self) -> Mapping[str, DeploymentState]:
        """Counts and usage of every deployment, by its name, in three requests; LabCrashed when a service has none."""
        found = states.states(self.api, self.name)
        rollout.check_there(self.name, SERVICES, found)
        return found

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
        return states.why_unready(self.api.get(self._deployment(deployment), Deployment), self._pods(deployment))

    @used
    def room(self, deployment: str) -> Room | None:
        """For how many replicas of it the nodes have room; None where the user may not see nodes."""
        return rooms.room(self.api, self.name, self.api.get(self._deployment(deployment), Deployment))

    def data_path_trouble(self) -> str | None:
        """Return which services are gone, or why the web UI does not answer.

        Kubernetes counts the pods of a node as ready for 40 s after it was last heard of.
        """
        wanted = {one["metadata"]["name"] for one in manifests.of_kind(manifests.load(), "Service")}
        there = self.api.list(path_of("v1", "Service", self.name), Service, labelSelector=SELECTOR)
        if missing := sorted(wanted - {one.metadata.name for one in there}):
            again = f"`dclab up{self.options}` makes them again."
            return f"Someone has deleted services, so that they cannot be reached: {', '.join(missing)}. {again}"
        try:
            self._read("webui", read_counter)
        except NotAnswering:
            raise
        except LabLost as error:
            return f"{error.what} {error.why}"
        return None

    @used
    def configure(self, deployment: str, env: Mapping[str, str], timeout: float = 60.0) -> None:
        """Run the deployment with these variables over its manifest's, and wait as `scale` does."""
        self.may_change()
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

    @used
    def resources(self) -> Mapping[str, Resources]:
        """Requests and limits of one replica of every deployment, as its pods' template has them."""
        return meter.resources(self.api, self.name)

    @used
    def usage_meter(self) -> meter.PublishedMeter:
        """A meter over metrics.k8s.io; MissingTool where the cluster has no metrics API, with what to do."""
        return meter.PublishedMeter(self.api, self.name)

    @used
    def logs(self, deployment: str, lines: int = 50) -> Sequence[LogLine]:
        """Return the last lines of every replica; InvalidInput when there is no such deployment."""
        self._check_known(deployment)
        return logs.last_lines(self.api, self.name, deployment, lines)

    def follow_logs(self, deployments: Sequence[str], lines: int = 50) -> Iterator[LogLine]:
        """Yield the last lines of every replica, then new ones as they come; ends only when the lab does."""
        for one in deployments:
            self._check_known(one)
        with self.using():
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

    @used
    def probe(self, service: str, spec: ProbeSpec) -> Sequence[ProbeSample]:
        """Probe from within the cluster, through the Service, as a worker calls it."""
        job = self.held(jobs.probe_job(service, spec))
        return jobs.run_probe(self.api, self.name, self.images.fit([job])[0], spec)

    @used
    def prometheus_url(self) -> str | None:
        """Base URL of the lab's Prometheus, put beside it if need be; TimedOut when it does not get ready."""
        ensure_prometheus(self.api, self.name)
        return self.url(PROMETHEUS)

    # Load.

    @used
    def start_load(self, spec: LoadSpec) -> jobs.KubeJob:
        """Start a siege as a Job; returns when it runs."""
        self.may_change()
        (manifest,) = self.images.fit([self.held(manifests.load_test(spec))])
        return jobs.start(self.api, self.name, manifest, f"http://{spec.target}{spec.path}")

    def _deployment(self, name: str) -> str:
        return path_of("apps/v1", "Deployment", self.name, name)
