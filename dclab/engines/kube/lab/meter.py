"""CPU and memory of a lab's pods as the cluster's metrics API publishes them, beside what they request and may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.cluster.connect import check_version
from dclab.engines.kube.faults import Forbidden, NotFound
from dclab.engines.kube.lab.states import METRICS, states
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.objects import Node, Quantity
from dclab.engines.kube.workloads import Container, Deployment, PodMetrics
from dclab.errors import MissingTool, NotAnswering
from dclab.lab import ReplicaUsage
from dclab.results import Resources

__all__ = ["PublishedMeter", "resources"]

POLL_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
"""metrics-server looks every 15 s at what the kubelet has read within the last 10 to 20 s, and a window is the time between
two of its looks: the second one that lies wholly in a state is there some 50 s after the state began."""


class PublishedMeter:
    """A `UsageMeter` over metrics.k8s.io. The CPU of a pod is the sum over its containers, as `kubectl top pods` has it."""

    source = "metrics.k8s.io"
    every = POLL_SECONDS
    patience = PATIENCE_SECONDS

    def __init__(self, api: Api, namespace: str) -> None:
        """Use the metrics API of a cluster; MissingTool: it has none, or none that this user may read."""
        self._api = api
        self._namespace = namespace
        self._check()
        self.cores = _cores(api)

    def read(self) -> Mapping[str, Sequence[ReplicaUsage]]:
        """Return the window of every pod that is published now."""
        return {name: one.usage for name, one in states(self._api, self._namespace).items()}

    def _check(self) -> None:
        try:
            self._api.list(f"{METRICS}/namespaces/{self._namespace}/pods", PodMetrics, labelSelector=SELECTOR)
        except NotFound as error:
            raise MissingTool(
                "CPU and memory of pods are not known: the cluster has no metrics API (metrics.k8s.io).",
                "No metrics-server is installed.",
                "Install metrics-server (on minikube: `minikube addons enable metrics-server`); it has figures after a minute.",
            ) from error
        except NotAnswering as error:
            check_version(self._api)  # the API server itself may be away
            raise MissingTool(
                "CPU and memory of pods are not known: the cluster's metrics-server does not answer.",
                error.why,
                "See `kubectl -n kube-system get pods`; after its start it needs about a minute.",
            ) from error


def _cores(api: Api) -> float | None:
    """Return the CPUs of all nodes; None where the user may not list them."""
    try:
        nodes = api.list(path_of("v1", "Node", ""), Node)
    except Forbidden:
        return None
    return float(sum(one.status.capacity.get("cpu", Quantity(0)) for one in nodes)) or None


def resources(api: Api, namespace: str) -> dict[str, Resources]:
    """Return what one pod of every deployment of the lab requests and may use at most."""
    found = api.list(path_of("apps/v1", "Deployment", namespace), Deployment, labelSelector=SELECTOR)
    return {one.metadata.name: _resources(one.spec.template.spec.containers) for one in found}


def _resources(containers: Sequence[Container]) -> Resources:
    """The sum over containers; a pod with a container that has no limit has none."""
    requests = [one.resources.requests for one in containers]
    limits = [one.resources.limits for one in containers]
    cpu, memory = _sum(requests, "cpu"), _sum(requests, "memory")
    cpu_limit, memory_limit = (
        _sum(limits, name) if all(name in one for one in limits) else None for name in ("cpu", "memory")
    )
    return Resources(
        cpu_request_millicores=None if cpu is None else cpu.millicores,
        cpu_limit_millicores=None if cpu_limit is None else cpu_limit.millicores,
        memory_request_mib=None if memory is None else memory.mebibytes,
        memory_limit_mib=None if memory_limit is None else memory_limit.mebibytes,
    )


def _sum(parts: Sequence[Mapping[str, Quantity]], name: str) -> Quantity | None:
    known = [one[name] for one in parts if name in one]
    return Quantity(sum(known)) if known else None
