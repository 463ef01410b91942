"""Breaking our own cluster on purpose, and mending it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kubernetes.client import CoreV1Api

from tests.cluster import binaries, daemons, lifecycle
from tests.cluster.node import FIRST, Node
from tests.cluster.waiting import wait_for


def start(name: str, node: Node = FIRST) -> None:
    """Start a program of a node again; the API server's start is waited for."""
    daemons.start(name, binaries.build(lifecycle.kubernetes_version()), node)
    if name == "kube-apiserver":
        wait_for(lifecycle.answers, 60, "the API server")


@contextmanager
def without(name: str, node: Node = FIRST) -> Iterator[None]:
    """A while in which a program of a node does not run: `kube-apiserver`, `kubelet`, `kube-controller-manager` …"""
    node.stop(name)
    try:
        yield
    finally:
        start(name, node)


@contextmanager
def without_node(node: Node = FIRST) -> Iterator[None]:
    """A node that has stopped, for the control plane: nobody reports for it, and its containers stand still."""
    with without("kubelet", node):
        node.freezer.write_text("FROZEN")
        try:
            yield
        finally:
            node.freezer.write_text("THAWED")


def expired_version(core: CoreV1Api) -> str:
    """A resource version that was good, and that a watch can no longer begin at.

    The API server remembers changes from its own start on, so it is started anew after the version was taken
    and something changed.
    """
    version = core.list_namespace().metadata.resource_version
    core.patch_namespace("default", {"metadata": {"annotations": {"dclab-tests": version}}})
    with without("kube-apiserver"):
        pass
    return version


def ready(core: CoreV1Api, node: Node = FIRST) -> str:
    """The Ready condition of a node: True, False or Unknown."""
    conditions: dict[str, Any] = {one.type: one.status for one in core.read_node(node.name).status.conditions}
    return str(conditions["Ready"])
