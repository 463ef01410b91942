"""Giving faults to the Kubernetes of the tests: its programs, its node, pods, and objects that somebody else changes."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from kubernetes.client import V1Eviction, V1ObjectMeta

from dclab import manifests
from tests.cluster import faults
from tests.cluster.settings import NAME
from tests.faults.fault import CannotGive
from tests.faults.kube_room import NAMESPACE, KubeRoom

Give = Callable[[Any], contextlib.AbstractContextManager[Any]]


# The cluster's own programs and its node.


def away(program: str) -> Give:
    """A program of the node is killed, and started again when the fault is over."""
    return lambda _room: faults.without(program)


def restarted(program: str) -> Give:
    """A program of the node is killed and started again at once."""

    @contextlib.contextmanager
    def give(_room: KubeRoom) -> Iterator[None]:
        with faults.without(program):
            pass
        yield

    return give


def frozen(_room: KubeRoom) -> contextlib.AbstractContextManager[None]:
    """The node has stopped: its kubelet is away, its containers stand still."""
    return faults.without_node()


# Pods.


def _pod(room: KubeRoom, app: str) -> str:
    found = room.processes(app)
    if not found:
        raise CannotGive(f"there is no pod of {app}")
    return found[0].name


def killed_pod(app: str) -> Give:
    """A pod is deleted without grace."""

    @contextlib.contextmanager
    def give(room: KubeRoom) -> Iterator[None]:
        room.core.delete_namespaced_pod(_pod(room, app), NAMESPACE, grace_period_seconds=0)
        yield

    return give


def evicted_pod(app: str) -> Give:
    """A pod is evicted, as a drain of its node does."""

    @contextlib.contextmanager
    def give(room: KubeRoom) -> Iterator[None]:
        pod = _pod(room, app)
        room.core.create_namespaced_pod_eviction(pod, NAMESPACE, V1Eviction(metadata=V1ObjectMeta(name=pod)))
        yield

    return give


def _inside(words: str) -> list[psutil.Process]:
    """Processes in containers of the node with these words in their command line."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error, OSError):
            cgroup = Path(f"/proc/{process.pid}/cgroup").read_text()
            if f"/{NAME}/kubepods" in cgroup and words in " ".join(process.info["cmdline"] or ()):
                found.append(process)
    return found


def killed_process(words: str) -> Give:
    """The program of a container is killed; the kubelet starts the container again."""

    @contextlib.contextmanager
    def give(_room: KubeRoom) -> Iterator[None]:
        there = _inside(words)
        if not there:
            raise CannotGive(f"nothing runs {words} in the node")
        for process in there[:1]:
            process.send_signal(signal.SIGKILL)
        yield

    return give


def hung_process(words: str) -> Give:
    """The program of a container stands still for a while."""

    @contextlib.contextmanager
    def give(_room: KubeRoom) -> Iterator[None]:
        there = _inside(words)[:1]
        for process in there:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in there:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(signal.SIGCONT)

    return give


# Objects, and other users.


def quota(room: KubeRoom) -> contextlib.AbstractContextManager[None]:
    """No pod more than there are may be made."""
    hard = {"pods": str(len(room.look().processes))}
    room.core.create_namespaced_resource_quota(NAMESPACE, {"metadata": {"name": "small"}, "spec": {"hard": hard}})
    return room.touched(lambda: room.core.delete_namespaced_resource_quota("small", NAMESPACE))


def spoiled(app: str, container: dict[str, Any]) -> Give:
    """Somebody edits a deployment so that its new pods cannot become ready; `up` mends it."""

    @contextlib.contextmanager
    def give(room: KubeRoom) -> Iterator[None]:
        spec = {"template": {"spec": {"containers": [{"name": app, **container}]}}}
        room.lab.apps.patch_namespaced_deployment(app, NAMESPACE, {"spec": spec})
        yield

    return give


def deleted(kind: str, name: str) -> Give:
    """Somebody deletes an object of the lab; `up` makes it again."""

    @contextlib.contextmanager
    def give(room: KubeRoom) -> Iterator[None]:
        api = room.core if kind == "service" else room.lab.apps
        getattr(api, f"delete_namespaced_{kind}")(name, NAMESPACE)
        yield

    return give


@contextlib.contextmanager
def autoscaled_by_another(room: KubeRoom) -> Iterator[None]:
    """Somebody else's HorizontalPodAutoscaler appears, and wants two rngs at least."""
    wanted = manifests.autoscaler("rng")
    wanted["metadata"] = {"name": "someone-elses"}
    wanted["spec"]["minReplicas"] = 2
    room.lab.autoscaling.create_namespaced_horizontal_pod_autoscaler(NAMESPACE, wanted)
    try:
        yield
    finally:
        room.lab.autoscaling.delete_namespaced_horizontal_pod_autoscaler("someone-elses", NAMESPACE)
        set_scale(room, "rng", 1)


def set_scale(room: KubeRoom, app: str, replicas: int) -> None:
    room.lab.apps.patch_namespaced_deployment_scale(app, NAMESPACE, {"spec": {"replicas": replicas}})


@contextlib.contextmanager
def scaled_by_hand(room: KubeRoom) -> Iterator[None]:
    """Somebody scales rng past dclab."""
    set_scale(room, "rng", 2)
    yield
