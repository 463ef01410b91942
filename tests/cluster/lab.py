"""A DockerCoins in a namespace that a test made, driven with the official client alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from kubernetes.client import (
    ApiClient,
    ApiException,
    AppsV1Api,
    AutoscalingV2Api,
    BatchV1Api,
    CoreV1Api,
    CustomObjectsApi,
    V1ContainerStatus,
    V1Pod,
)
from kubernetes.stream import stream
from urllib3.exceptions import HTTPError

from dclab import manifests
from dclab.lab import Counter
from dclab.measure.rate import anonymous_rate
from dclab.results import Rate
from tests.cluster.apply import apply
from tests.cluster.waiting import wait_for


class Lab:
    """One namespace. Every wait ends, and says what did not come and why."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self.core = CoreV1Api(client)
        self.apps = AppsV1Api(client)
        self.autoscaling = AutoscalingV2Api(client)
        self.batch = BatchV1Api(client)
        self.custom = CustomObjectsApi(client)

    def apply(self, objects: Iterable[dict[str, Any]]) -> list[Any]:
        """Apply objects to the namespace."""
        return apply(self.client, objects, self.namespace)

    def deploy(self) -> None:
        """The manifests as they are; services first, since pods are told their addresses when they start."""
        self.apply(sorted(manifests.load(), key=lambda one: one["kind"] != "Service"))
        self.wait_ready()
        wait_for(self.counts, 30, "the first hash", every=0.2)

    def scale(self, name: str, replicas: int) -> None:
        """Set a deployment's replicas, and wait for them."""
        self.apps.patch_namespaced_deployment_scale(name, self.namespace, {"spec": {"replicas": replicas}})
        self.wait_ready()

    def pods(self, app: str | None = None) -> list[V1Pod]:
        """Pods of the namespace, or of one deployment."""
        selector = f"app={app}" if app else ""
        return self.core.list_namespaced_pod(self.namespace, label_selector=selector).items

    def settled(self) -> bool:
        """Whether every deployment has what it wants, and nothing is on its way out."""
        deployments = self.apps.list_namespaced_deployment(self.namespace).items
        return all(
            one.status.observed_generation == one.metadata.generation
            and (one.status.updated_replicas or 0)
            == (one.status.ready_replicas or 0)
            == (one.status.replicas or 0)
            == one.spec.replicas
            for one in deployments
        ) and not any(pod.metadata.deletion_timestamp for pod in self.pods())

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until the lab is settled; the error says what each pod is waiting for."""
        try:
            wait_for(self.settled, seconds, f"the pods of {self.namespace}", every=0.2)
        except TimeoutError as error:
            raise TimeoutError(f"{error} {'; '.join(map(describe, self.pods()))}") from None

    def webui(self) -> dict[str, Any] | None:
        """What the web UI says, through the API server; None while it does not answer."""
        try:
            answer = self.core.connect_get_namespaced_service_proxy_with_path(
                "webui:80", self.namespace, "json", _preload_content=False, _request_timeout=5
            )
        except (ApiException, HTTPError):
            return None
        return json.loads(answer.data)

    def counts(self) -> Counter | None:
        """The hash counter, once there is one."""
        said = self.webui()
        if not said or said.get("hashes") is None:
            return None
        return Counter(t=said["now"], hashes=int(said["hashes"]), coins=said["coins"])

    def rate(self, seconds: float) -> Rate:
        """Hashes per second over a window, five readings a second."""
        samples: list[Counter] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if counter := self.counts():
                samples.append(counter)
            time.sleep(0.2)
        return anonymous_rate(samples)

    def pod_metrics(self, app: str) -> list[dict[str, Any]]:
        """metrics.k8s.io of a deployment's pods."""
        listed = self.custom.list_namespaced_custom_object(
            "metrics.k8s.io", "v1beta1", self.namespace, "pods", label_selector=f"app={app}"
        )
        return listed["items"]

    def run(self, pod: str, *command: str) -> str:
        """Run a command in a pod; what it printed."""
        call = self.core.connect_get_namespaced_pod_exec
        return stream(call, pod, self.namespace, command=list(command), stdout=True, stderr=True, stdin=False)

    def container_statuses(self) -> list[tuple[V1Pod, V1ContainerStatus]]:
        """Each container's status, with its pod."""
        return [(pod, one) for pod in self.pods() for one in pod.status.container_statuses or ()]

    def events(self, name: str) -> list[Any]:
        """Events about an object."""
        listed = self.core.list_namespaced_event(self.namespace, field_selector=f"involvedObject.name={name}")
        return listed.items

    def autoscaler(self, name: str) -> Any:
        """A HorizontalPodAutoscaler's present state."""
        return self.autoscaling.read_namespaced_horizontal_pod_autoscaler(name, self.namespace)

    def conditions(self, name: str) -> dict[str, Any]:
        """An autoscaler's conditions by type; empty before its first pass."""
        return {one.type: one for one in self.autoscaler(name).status.conditions or ()}


def describe(pod: V1Pod) -> str:
    """A pod in a line: its phase, and what its containers or the scheduler wait for."""
    waiting = [one.state.waiting.reason for one in pod.status.container_statuses or () if one.state.waiting]
    unscheduled = [one.message for one in pod.status.conditions or () if one.type == "PodScheduled" and one.message]
    return f"{pod.metadata.name}: {', '.join([pod.status.phase, *waiting, *unscheduled])}"


def empty_namespace(client: ApiClient) -> Iterator[Lab]:
    """A namespace that enforces restricted Pod Security, and its end."""
    core = CoreV1Api(client)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    body = {"metadata": {"generateName": "dclab-test-", "labels": labels}}
    name = core.create_namespace(body).metadata.name
    try:
        # A pod is refused until the namespace's service account is there.
        wait_for(lambda: _there(core, name), 10, "the namespace's service account")
        yield Lab(client, name)
    finally:
        core.delete_namespace(name)
        core.delete_collection_namespaced_pod(name, grace_period_seconds=0)
        # The next test needs the CPU that these pods have claimed.
        wait_for(lambda: not core.list_namespaced_pod(name).items, 60, f"the end of {name}", every=0.2)


def _there(core: CoreV1Api, namespace: str) -> bool:
    try:
        core.read_namespaced_service_account("default", namespace)
    except ApiException:
        return False
    return True
