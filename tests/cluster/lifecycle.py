"""The cluster's start and end."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests
import yaml
from kubernetes import config
from kubernetes.client import ApiClient, AppsV1Api, CoreV1Api

from dclab.engines.kube.cluster.images import BUILD, Images
from tests.cluster import binaries, daemons, identity, images, node
from tests.cluster.apply import apply
from tests.cluster.node import FIRST, Node
from tests.cluster.settings import (
    API_URL,
    CACHE,
    DEFAULT_VERSION,
    HERE,
    KUBECONFIG,
    MOST_NODES,
    NAME,
    NODE,
    NODES_VARIABLE,
    VERSION_VARIABLE,
    CannotRun,
)
from tests.cluster.waiting import wait_for

PROGRAMS = ("go", "gcc", "containerd", "runc", "buildah", "mmdebstrap", "iptables", "conntrack", "ip", "unshare")
PACKAGES = "containerd runc containernetworking-plugins buildah mmdebstrap iptables conntrack iproute2 gcc libc6-dev"
_MARK = "complete"
"""A file in the node's folder, there when `up` went to its end: it names what the node was made from."""


@contextmanager
def _alone(name: str = f"{NODE.name}.lock") -> Iterator[None]:
    """One `up` or `down` of this cluster at a time; and one of all of them that fills the cache."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def missing() -> list[str]:
    """What the machine lacks; empty when the cluster can run here."""
    lacking = [one for one in PROGRAMS if not shutil.which(one)]
    if not Path("/usr/lib/cni/bridge").exists():
        lacking.append("the CNI plugins")
    return lacking


def answers(path: str = "/readyz") -> bool:
    """Whether the API server answers with success."""
    try:
        answer = requests.get(
            API_URL + path,
            timeout=2,
            verify=str(identity.certificate("ca")),
            cert=(str(identity.certificate("admin")), str(identity.key("admin"))),
        )
    except (requests.RequestException, OSError):
        return False
    return answer.ok


def running() -> bool:
    """Whether a whole cluster runs, and answers."""
    return FIRST.exists() and (NODE / _MARK).exists() and answers()


def kubernetes_version() -> str:
    """Return the minor version of Kubernetes that was asked for, or else that which runs, or else the default."""
    if asked := os.environ.get(VERSION_VARIABLE):
        return asked
    of_kubelet = re.search(r"kubernetes-(\d+\.\d+)-", (NODE / _MARK).read_text()) if running() else None
    return of_kubelet[1] if of_kubelet else DEFAULT_VERSION


def nodes() -> list[Node]:
    """Return as many nodes as were asked for, or else those that run, or else one."""
    asked = os.environ.get(NODES_VARIABLE)
    if asked and not (asked.isascii() and asked.isdigit() and 1 <= int(asked) <= MOST_NODES):
        raise CannotRun(f"A cluster of {asked} nodes cannot be made; 1 to {MOST_NODES} can.")
    there = re.search(r"(\d+) nodes?$", (NODE / _MARK).read_text()) if running() else None
    return [Node(number) for number in range(int(asked or (there[1] if there else 1)))]


def up() -> None:
    """Start the cluster, or find it running; what is left of a start that was cut off is removed first.

    A cluster with another Kubernetes or another number of nodes than asked for is ended first, too.
    """
    lacking = missing()
    if lacking:
        raise CannotRun(
            f"The cluster needs {', '.join(lacking)}: apt install {PACKAGES}, and Go from https://go.dev/dl/."
        )
    wanted = nodes()
    with _alone():
        with _alone("lock"):
            programs = binaries.build(kubernetes_version())
            system = {f"dclab.test/{name}:1": programs[name] for name in ("coredns", "metrics-server")}
            archives = images.build(system, {"docker.io/prom/prometheus:v3.5.0": programs["prometheus"]})
        made_from = f"{archives.name} {programs['kubelet'].parent.name} {len(wanted)} nodes"
        if running() and (NODE / _MARK).read_text() == made_from:
            return
        node.end()
        for one in wanted:
            one.begin(images.pause())
        try:
            _start(wanted, programs, archives)
        except TimeoutError as error:
            raise CannotRun("\n".join([str(error), *daemons.last_words(wanted)])) from error
        (NODE / _MARK).write_text(made_from)


def _start(wanted: Sequence[Node], programs: Mapping[str, Path], archives: Path) -> None:
    """Start everything in empty nodes, and see it work."""
    identity.make(len(wanted))
    for name in ("etcd", "kube-apiserver"):
        daemons.start(name, programs)
    for one in wanted:
        daemons.start("containerd", programs, one)
    for one in wanted:
        wait_for(lambda one=one: _succeeds(one, *daemons.CTR, "version"), 10, "containerd")
        _import(one, archives / images.SYSTEM)
    wait_for(answers, 120, "the API server")
    for name in daemons.ARGUMENTS:
        for one in wanted if name in daemons.OF_EVERY_NODE else [FIRST]:
            daemons.start(name, programs, one)
    client = config.new_client_from_config(str(KUBECONFIG), NAME)
    for file in sorted((HERE / "addons").glob("*.yaml")):
        apply(client, yaml.safe_load_all(file.read_text()), "kube-system")
    # While metrics-server waits for its second look.
    for one in wanted:
        _import(one, archives / images.LAB)
    wait_for(lambda: _serve(client, len(wanted)), 90, "the nodes, CoreDNS and metrics-server", every=0.2)


def _succeeds(where: Node, *command: str) -> bool:
    try:
        where.run(*command)
    except RuntimeError:
        return False
    return True


def _import(where: Node, archive: Path) -> None:
    where.run(*daemons.CTR, "images", "import", "--all-platforms", archive)


def _serve(client: ApiClient, nodes: int) -> bool:
    """Whether every node is ready and tells that it has our images, and what kube-system has."""
    listed = CoreV1Api(client).list_node().items
    ready = [one for one in listed for it in one.status.conditions if (it.type, it.status) == ("Ready", "True")]
    rng = Images(BUILD).name("rng")
    told = [one for one in listed if any(rng in (image.names or ()) for image in one.status.images or ())]
    items = AppsV1Api(client).list_namespaced_deployment("kube-system").items
    return (
        len(ready) == len(told) == nodes
        and all(one.status.ready_replicas for one in items)
        and answers("/apis/metrics.k8s.io/v1beta1/nodes")
    )


def down() -> None:
    """Stop the cluster and remove all of it but the cache."""
    with _alone():
        node.end()
