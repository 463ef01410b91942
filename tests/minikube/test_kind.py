"""dclab on a real kind: a cluster that is not dclab's, without metrics-server, into which kind itself loads an image."""

from __future__ import annotations

import json
import time

import pytest

from dclab.engines.kube.cluster.images import BUILD, Images
from tests.cluster.images import PYTHON, buildah
from tests.cluster.waiting import wait_for
from tests.minikube import kind, lifecycle, outer
from tests.minikube.settings import HOME, MACHINE

pytestmark = [pytest.mark.minikube, pytest.mark.slow]

WHERE = ("--context", kind.CONTEXT)
HASHER = Images(BUILD).name("hasher")
NODE = f"{kind.NAME}-control-plane"


def data(done):
    return json.loads(done.stdout)["data"]


def _node():
    return outer.run("kubectl", "--context", kind.CONTEXT, "get", "nodes", "--output=json", user=True).stdout


@pytest.fixture(scope="module")
def lab(dclab):
    """What `dclab up` says of a lab in it, one of whose images has to be built and loaded."""
    begin = time.monotonic()
    kind.create(lifecycle.programs())
    print(f"kind create cluster: {time.monotonic() - begin:.0f} s")
    base = MACHINE / "python.tar"
    base.unlink(missing_ok=True)  # buildah changes no archive
    buildah("push", PYTHON, f"docker-archive:{base}:{PYTHON.removeprefix('docker.io/library/')}")
    outer.run("docker", "load", "--input", base)
    outer.run("docker", "exec", NODE, "crictl", "rmi", HASHER)
    wait_for(lambda: HASHER not in _node(), 120, "the kubelet to see that the image is gone", every=1)
    begin = time.monotonic()
    done = dclab("up", "--yes", *WHERE, "--json")
    print(f"dclab up: {time.monotonic() - begin:.0f} s")
    yield data(done)
    dclab("down", *WHERE)
    kind.delete()
    assert outer.run("docker", "ps", "--all", "--quiet").stdout == ""


def test_what_the_node_lacks_is_built_and_loaded(lab, dclab):
    assert (lab["engine"], lab["context"]) == ("kube", kind.CONTEXT)
    assert "hasher" in outer.run("docker", "exec", NODE, "crictl", "images").stdout
    assert data(dclab("status", *WHERE, "--json"))["ready"] is True


def test_a_sweep(lab, dclab):
    found = data(dclab("scale-sweep", "--workers", "1,3,10", *WHERE, "--json", "--out", str(HOME / "kind-sweep")))
    one, three, ten = (point["hashes_per_second"]["mean"] for point in found["sweep"]["points"])
    assert 3.0 < one < 3.6
    assert 8.8 < three < 10.2
    assert 8.8 < ten < 10.5


def test_latency_names_rng(lab, dclab):
    found = data(dclab("latency", *WHERE, "--json", "--out", str(HOME / "kind-latency")))
    assert found["bottleneck"]["service"] == "rng"


def test_without_metrics_server_the_autoscaler_is_refused_at_once(lab, dclab):
    begin = time.monotonic()
    done = dclab("hpa-demo", *WHERE, "--out", str(HOME / "kind-demo"), code=5)
    assert "metrics" in done.stderr
    assert time.monotonic() - begin < 30


def test_monitoring(lab, dclab):
    found = data(dclab("monitor", "--seconds", "30s", *WHERE, "--json", "--out", str(HOME / "kind-monitor")))
    assert set(found["monitoring"]["series"]) == {"rng", "hasher"}
