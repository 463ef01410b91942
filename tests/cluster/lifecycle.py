"""The cluster's start and end."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests
import yaml
from kubernetes import config
from kubernetes.client import AppsV1Api

from tests.cluster import binaries, daemons, identity, images, node
from tests.cluster.apply import apply
from tests.cluster.settings import (
    API_URL,
    CACHE,
    DEFAULT_VERSION,
    HERE,
    KUBECONFIG,
    NAME,
    NODE,
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
    return node.exists() and (NODE / _MARK).exists() and answers()


def kubernetes_version() -> str:
    """Return the minor version of Kubernetes that was asked for, or else that which runs, or else the default."""
    if asked := os.environ.get(VERSION_VARIABLE):
        return asked
    of_kubelet = re.search(r"kubernetes-(\d+\.\d+)-", (NODE / _MARK).read_text()) if running() else None
    return of_kubelet[1] if of_kubelet else DEFAULT_VERSION


def up() -> None:
    """Start the cluster, or find it running; what is left of a start that was cut off is removed first.

    A cluster with another Kubernetes than the one that was asked for is ended first, too.
    """
    lacking = missing()
    if lacking:
        raise CannotRun(
            f"The cluster needs {', '.join(lacking)}: apt install {PACKAGES}, and Go from https://go.dev/dl/."
        )
    with _alone():
        with _alone("lock"):
            programs = binaries.build(kubernetes_version())
            system = {f"dclab.test/{name}:1": programs[name] for name in ("coredns", "metrics-server")}
            archives = images.build(system, {"docker.io/prom/prometheus:v3.5.0": programs["prometheus"]})
        made_from = f"{archives.name} {programs['kubelet'].parent.name}"
        if running() and (NODE / _MARK).read_text() == made_from:
            return
        node.end()
        node.begin(images.pause())
        try:
            _start(programs, archives)
        except TimeoutError as error:
            raise CannotRun("\n".join([str(error), *daemons.last_words()])) from error
        (NODE / _MARK).write_text(made_from)


def _start(programs: Mapping[str, Path], archives: Path) -> None:
    """Start everything in an empty node, and see it work."""
    identity.make()
    for name in ("etcd", "containerd", "kube-apiserver"):
        daemons.start(name, programs)
    wait_for(lambda: _succeeds(*daemons.CTR, "version"), 10, "containerd")
    _import(archives / images.SYSTEM)
    wait_for(answers, 120, "the API server")
    for name in daemons.ARGUMENTS:
        daemons.start(name, programs)
    apps = _add()
    # While metrics-server waits for its second look.
    _import(archives / images.LAB)
    wait_for(lambda: _serve(apps), 90, "CoreDNS and metrics-server", every=0.2)


def _succeeds(*command: str) -> bool:
    try:
        node.run(*command)
    except RuntimeError:
        return False
    return True


def _import(archive: Path) -> None:
    node.run(*daemons.CTR, "images", "import", "--all-platforms", archive)


def _add() -> AppsV1Api:
    """Have CoreDNS and metrics-server."""
    client = config.new_client_from_config(str(KUBECONFIG), NAME)
    for file in sorted((HERE / "addons").glob("*.yaml")):
        apply(client, yaml.safe_load_all(file.read_text()), "kube-system")
    return AppsV1Api(client)


def _serve(apps: AppsV1Api) -> bool:
    items = apps.list_namespaced_deployment("kube-system").items
    return all(one.status.ready_replicas for one in items) and answers("/apis/metrics.k8s.io/v1beta1/nodes")


def down() -> None:
    """Stop the cluster and remove all of it but the cache."""
    with _alone():
        node.end()
