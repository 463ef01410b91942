"""dclab's own minikube around a lab: the stand-in for minikube, in front of an API server that keeps objects."""

from __future__ import annotations

import json

import pytest

from dclab import manifests
from dclab.engines.kube import launch
from dclab.engines.kube.cluster import minikube
from dclab.engines.kube.cluster.images import BUILD, Images
from dclab.errors import ExitCode, MissingTool
from dclab.experiments.autoscalers import served, shipped
from tests.minikube_stand_in import minikube_environment, profile_folder, verbs

LAB = "dockercoins"


@pytest.fixture
def machine(tmp_path, cluster, monkeypatch):
    """Environment of a machine whose minikube stands in front of that server."""
    found = minikube_environment(tmp_path, STAND_IN_CLUSTER=str(tmp_path / "behind"))
    entry = {"clusters": [{"name": "c", "cluster": {"server": cluster.url}}], "users": [{"name": "u", "user": {}}]}
    (tmp_path / "behind").write_text(json.dumps(entry))
    for key, value in found.items():
        monkeypatch.setenv(key, value)
    return found


@pytest.fixture
def lab(dclab_here, cluster, machine, tmp_path):
    """A lab in dclab's own cluster. Its pods never come, as no controller is there to make them."""
    minikube.ensure_running(minikube.MinikubeSettings(driver="ssh"), lambda _: None)
    made, _ = launch.start(launch.place(None, LAB), Images(BUILD), lambda _: None)
    return made


def there(cluster):
    return ("namespaces", "", LAB) in cluster.objects


@pytest.mark.parametrize("state", ["Running", "Paused"])
def test_down_removes_the_lab_and_stops_the_cluster(dclab_here, cluster, lab, tmp_path, state):
    (profile_folder(tmp_path) / "state").write_text(state)
    if state == "Paused":  # and its API server not reached meanwhile
        (tmp_path / "state" / "dclab" / "kubeconfig").write_text("contexts: []")
    done = dclab_here("down", "--json")
    assert done.code == 0, done.out
    assert done.data["ended"] is True
    assert not there(cluster)
    assert verbs(tmp_path) == ["start", *["unpause"] * (state == "Paused"), "stop"]
    # Its context is gone from dclab's kubeconfig, and it is still known.
    assert dclab_here("doctor", "--json").data["engine"] == "kube"
    assert "is stopped" in dclab_here("status").err


def test_down_says_when_the_cluster_cannot_be_stopped(dclab_here, cluster, lab):
    done = dclab_here("down", env={"STAND_IN_REFUSES": "stop"})
    assert done.code == ExitCode.ENVIRONMENT
    assert not there(cluster)
    assert "GUEST_STOP_TIMEOUT" in done.err
    assert "minikube stop -p dclab" in done.err


def test_an_autoscaler_on_cpu_needs_a_metrics_api_before_anything_begins(cluster, lab):
    before = len(cluster.asked)
    with pytest.raises(MissingTool, match=r"metrics\.k8s\.io"), served(lab, "rng", [shipped("rng", "cpu")], 10.0):
        pass
    assert {method for method, _ in cluster.asked[before:]} == {"GET"}
    # One that is registered and does not answer yet may only need time.
    cluster.answers["/apis/metrics.k8s.io"] = {"preferredVersion": {"groupVersion": "metrics.k8s.io/v1beta1"}}
    with served(lab, "rng", [shipped("rng", "cpu")], 10.0):
        lab.apply_autoscaler(manifests.autoscaler("rng"))
