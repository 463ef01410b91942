"""dclab on a real minikube, in the order of the exercise; one profile for all of it."""

from __future__ import annotations

import json
import time

import pytest

from tests.minikube import outer
from tests.minikube.settings import HOME, KUBERNETES

pytestmark = pytest.mark.minikube


def data(done):
    return json.loads(done.stdout)["data"]


@pytest.fixture(scope="module")
def lab(dclab):
    """What `dclab up` says of a lab in a minikube that it has started."""
    begin = time.monotonic()
    done = dclab("up", "--engine", "kube", "--driver", "docker", "--kubernetes-version", KUBERNETES, "--json")
    print(f"dclab up: {time.monotonic() - begin:.0f} s")
    yield data(done)
    dclab("down", "--cluster", "--engine", "kube")


def test_it_was_started_by_dclab(lab, dclab):
    assert (lab["engine"], lab["context"], lab["started"]) == ("kube", "dclab", True)
    assert data(dclab("status", "--json"))["ready"] is True
    known = outer.run("kubectl", "config", "get-contexts", "--output=name", user=True).stdout
    assert known == ""  # the user's own kubeconfig
    begin = time.monotonic()
    assert data(dclab("up", "--driver", "docker", "--json"))["started"] is False
    print(f"dclab up again: {time.monotonic() - begin:.0f} s")


def test_a_sweep(lab, dclab):
    found = data(dclab("scale-sweep", "--workers", "1,10", "--json", "--out", str(HOME / "sweep")))
    one, ten = found["sweep"]["points"]
    assert 3.0 < one["hashes_per_second"]["mean"] < 3.6
    assert 8.8 < ten["hashes_per_second"]["mean"] < 10.5


def test_latency_names_rng(lab, dclab):
    found = data(dclab("latency", "--json", "--out", str(HOME / "latency")))
    assert found["bottleneck"]["service"] == "rng"


@pytest.mark.timeout(900)
def test_the_autoscaler_knows_the_usage(lab, dclab):
    found = data(dclab("hpa-demo", "--load-time", "30s", "--json", "--out", str(HOME / "demo")))
    known = [one for point in found["autoscale"]["timeline"] for one in point["metrics"] if one["current"] is not None]
    assert known


@pytest.mark.slow
def test_monitoring(lab, dclab):
    """With the Prometheus that the node has; its image could not be pulled."""
    found = data(dclab("monitor", "--seconds", "40s", "--json", "--out", str(HOME / "monitor")))
    assert set(found["monitoring"]["series"]) == {"rng", "hasher"}


def test_down_with_the_cluster_leaves_nothing_of_it(lab, dclab):
    assert data(dclab("down", "--cluster", "--json"))["ended"] is True
    assert outer.run("docker", "ps", "--all", "--quiet").stdout == ""
    assert outer.run("docker", "volume", "ls", "--quiet").stdout == ""
    assert not (HOME / ".minikube" / "profiles" / "dclab").exists()
