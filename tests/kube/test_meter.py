"""CPU and memory of a lab's pods on a cluster: from its metrics API, or why not, and what they request and may use."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from dclab.engines.kube import launch
from dclab.engines.kube.cluster.images import BUILD, Images
from dclab.engines.kube.faults import Forbidden
from dclab.engines.kube.labels import OURS
from dclab.errors import ExitCode, MissingTool
from dclab.results import Resources

LAB = "dockercoins"
PODS = f"/apis/metrics.k8s.io/v1beta1/namespaces/{LAB}/pods"


@pytest.fixture
def lab(cluster):
    """A lab with a pod of rng and two workers."""
    made, _ = launch.start(launch.place("mine", LAB), Images(BUILD), lambda _: None)
    for name, app in (("rng-1", "rng"), ("worker-1", "worker"), ("worker-2", "worker")):
        cluster.put("pods", LAB, name, metadata={"labels": {**OURS, "app": app}})
    yield made
    made.reach.close()


def published(name, *containers, window="15.034s", timestamp="2026-11-28T00:00:30Z"):
    usage = [{"name": "c", "usage": {"cpu": cpu, "memory": memory}} for cpu, memory in containers]
    return {"metadata": {"name": name}, "timestamp": timestamp, "window": window, "containers": usage}


def test_containers_of_a_pod_are_added_up_and_the_window_is_dated(cluster, lab):
    cluster.answers[PODS] = {
        "kind": "List",
        "items": [published("rng-1", ("11500000n", "12288Ki"), ("1u", "1Mi"), window="1m0.5s"), published("worker-1")],
    }
    found = lab.usage_meter().read()
    (one,) = found["rng"]
    assert one.cpu_millicores == pytest.approx(11.501)
    assert one.memory_mb == pytest.approx((12288 * 1024 + 2**20) / 1e6)
    assert one.window_seconds == 60.5
    assert one.at == datetime(2026, 11, 28, 0, 0, 30, tzinfo=UTC).timestamp()
    assert [one.replica for one in found["worker"]] == ["worker-1"]
    assert found["hasher"] == ()


@pytest.mark.parametrize(
    ("status", "what", "hint"),
    [
        (404, "the cluster has no metrics API", "minikube addons enable metrics-server"),
        (503, "metrics-server does not answer", "kubectl -n kube-system get pods"),
    ],
)
def test_without_metrics_it_is_said_at_once_with_what_to_do(cluster, lab, status, what, hint):
    cluster.fail = lambda method, path: status if path == PODS else None
    with pytest.raises(MissingTool) as told:
        lab.usage_meter()
    assert what in told.value.what
    assert hint in told.value.hint
    assert told.value.exit_code == ExitCode.ENVIRONMENT


def test_who_may_not_read_them_is_told_which_right(cluster, lab):
    cluster.fail = lambda method, path: 403 if path == PODS else None
    with pytest.raises(Forbidden):
        lab.usage_meter()


def test_cores_are_those_of_all_nodes_where_they_may_be_read(cluster, lab):
    cluster.answers[PODS] = {"kind": "List", "items": []}
    node = cluster.get("nodes", "", "node")
    node["status"]["capacity"] = {"cpu": "2"}
    cluster.put("nodes", "", "other", status={"capacity": {"cpu": "1500m"}})
    assert lab.usage_meter().cores == 3.5
    cluster.fail = lambda method, path: 403 if path.endswith("/nodes") else None
    assert lab.usage_meter().cores is None


def test_requests_and_limits_are_the_sum_over_containers(cluster, lab):
    rng = cluster.get("deployments", LAB, "rng")
    assert lab.resources()["rng"] == Resources(
        cpu_request_millicores=200, cpu_limit_millicores=500, memory_request_mib=64, memory_limit_mib=64
    )
    rng["spec"]["template"]["spec"]["containers"].append(
        {"name": "exporter", "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "32Mi"}}}
    )
    assert lab.resources()["rng"] == Resources(
        cpu_request_millicores=210, cpu_limit_millicores=None, memory_request_mib=64, memory_limit_mib=96
    )


def test_top_shows_what_kubectl_would(cluster, lab, dclab_here):
    """Millicores rounded up and MiB rounded down, as k8s.io/kubectl/pkg/metricsutil prints them."""
    cluster.answers[PODS] = {
        "kind": "List",
        "items": [
            published("rng-1", ("11500000n", "12900Ki")),
            published("worker-1", ("1200001n", "18204Ki")),
            published("worker-2", ("3m", "18432Ki")),
        ],
    }
    where = ("--context", "mine", "--name", LAB)
    done = dclab_here("top", *where)
    assert done.code == 0, done.err
    lines = {line.split("│")[1].strip(): line.split("│") for line in done.out.splitlines() if "│" in line}
    assert lines["rng-1"][2].strip() == f"{math.ceil(11.5)}m"
    assert lines["rng-1"][5].strip() == f"{12900 // 1024}Mi"
    assert [lines["rng-1"][index].strip() for index in (3, 4)] == ["6 %", "2 %"]
    assert [one.strip() for one in lines["worker"][2:5]] == ["2", "5m", "40m"]
    assert "windows of 15 s" in done.out
    data = dclab_here("top", *where, "--json").data
    assert data["services"]["worker"]["replicas"]["worker-1"]["window_seconds"] == 15.034
    cluster.fail = lambda method, path: 404 if path == PODS else None
    refused = dclab_here("top", *where)
    assert refused.code == ExitCode.ENVIRONMENT
    assert "no metrics API" in refused.err
