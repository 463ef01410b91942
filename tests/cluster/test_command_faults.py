"""What a user sees of a cluster's faults while dclab works on it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from itertools import pairwise

import pytest
from kubernetes.client import AppsV1Api, AutoscalingV2Api, BatchV1Api, CoreV1Api, V1Eviction, V1ObjectMeta

from dclab.errors import ExitCode
from tests.cluster import faults
from tests.cluster.settings import KUBECONFIG, NAME
from tests.cluster.waiting import wait_for
from tests.conftest import CHECKOUT, COMMAND

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("own_cluster")]

LAB = "dclab-faults"
WHERE = ("--context", NAME, "--name", LAB)
ENV = {"KUBECONFIG": str(KUBECONFIG)}


@pytest.fixture(scope="module")
def on_kube(cluster, dclab, tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")

    def run(verb, *arguments):
        return dclab(verb, *arguments, *WHERE, cwd=folder, env=ENV)

    up = run("up", "--yes")
    assert up.code == 0, up.err
    yield run
    assert run("down").code == 0


class Running:
    """A command under way."""

    def __init__(self, folder, *arguments):
        self.process = subprocess.Popen(
            [*COMMAND, *arguments, *WHERE, "--out", str(folder / "run"), "--json"],
            cwd=folder,
            env={**os.environ, **ENV, "PYTHONPATH": str(CHECKOUT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.results = folder / "run" / "results.json"

    def end(self, seconds):
        out, err = self.process.communicate(timeout=seconds)
        assert "Traceback" not in err
        return self.process.returncode, json.loads(out), err


@pytest.mark.timeout(360)
def test_a_sweep_goes_on_while_the_api_server_is_away(on_kube, tmp_path):
    sweep = Running(tmp_path, "scale-sweep", "--workers", "1,2,3", "--seconds", "10s")
    wait_for(sweep.results.exists, 60, "the first point", every=0.2)
    with faults.without("kube-apiserver"):
        time.sleep(20)
    code, said, err = sweep.end(300)
    assert code == 0, err
    assert [one["workers"] for one in said["data"]["sweep"]["points"]] == [1, 2, 3], said["warnings"]


def _kill(core, pod):
    core.delete_namespaced_pod(pod, LAB, grace_period_seconds=0)


def _evict(core, pod):
    core.create_namespaced_pod_eviction(pod, LAB, V1Eviction(metadata=V1ObjectMeta(name=pod)))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("end", [_kill, _evict])
def test_a_window_in_which_a_pod_went_is_measured_again(on_kube, cluster, tmp_path, end):
    core = CoreV1Api(cluster.client)
    assert on_kube("scale", "worker", "10").code == 0
    assert (
        on_kube("scale", "rng", "2").code == 0
    )  # by chance the rate wanders, so that the window lasts as long as it may
    try:
        sweep = Running(tmp_path, "scale-sweep", "--workers", "10", "--seconds", "12s")
        time.sleep(10)
        pod = core.list_namespaced_pod(LAB, label_selector="app=worker").items[0].metadata.name
        end(core, pod)
        code, said, err = sweep.end(150)
    finally:
        assert on_kube("scale", "rng", "1").code == 0
        assert on_kube("scale", "worker", "2").code == 0
    assert code == 0, err
    assert "disturbed" in {one["code"] for one in said["warnings"]}


@pytest.mark.timeout(300)
def test_an_autoscaler_that_someone_deletes_is_missed_and_what_was_measured_kept(on_kube, cluster, tmp_path):
    autoscaling = AutoscalingV2Api(cluster.client)
    demo = Running(tmp_path, "hpa-demo", "--workers", "3", "--load-time", "60s")
    wait_for(lambda: autoscaling.list_namespaced_horizontal_pod_autoscaler(LAB).items, 120, "the autoscaler", every=0.5)
    time.sleep(5)
    autoscaling.delete_namespaced_horizontal_pod_autoscaler("rng", LAB)
    code, said, err = demo.end(120)
    assert code == ExitCode.ERROR, err
    assert "There is no autoscaler 'rng'" in said["error"]["what"]
    assert json.loads(demo.results.read_text())["autoscale"]["timeline"]
    assert AppsV1Api(cluster.client).read_namespaced_deployment("rng", LAB).spec.replicas == 1


@pytest.mark.timeout(200)
def test_more_workers_than_there_is_cpu_for(on_kube, cluster):
    pods = CoreV1Api(cluster.client).list_namespaced_pod(LAB).items
    for command in (("scale", "worker", "40"), ("scale-sweep", "--workers", "1,40")):
        done = on_kube(*command)
        assert done.code == ExitCode.ENVIRONMENT
        assert "of CPU left, and a replica asks for 20m" in done.err
    assert len(CoreV1Api(cluster.client).list_namespaced_pod(LAB).items) == len(pods)
    done = on_kube("scale", "worker", "40", "--force")
    try:
        assert done.code == ExitCode.TIMEOUT
        assert "no node has enough CPU left" in done.err
        assert "Insufficient cpu" in done.err
    finally:
        assert on_kube("scale", "worker", "1").code == 0


@pytest.mark.timeout(200)
def test_an_image_that_is_not_there_is_named(on_kube, cluster):
    apps = AppsV1Api(cluster.client)
    image = {"name": "rng", "image": "dclab.test/absent:1", "imagePullPolicy": "Never"}
    apps.patch_namespaced_deployment("rng", LAB, {"spec": {"template": {"spec": {"containers": [image]}}}})
    done = on_kube("scale", "rng", "1")
    assert done.code == ExitCode.TIMEOUT
    assert "dclab.test/absent:1" in done.err
    mended = on_kube("up")
    assert mended.code == 0, mended.err


@pytest.mark.timeout(200)
def test_a_crash_loop_is_told_with_its_last_lines(on_kube, cluster):
    apps = AppsV1Api(cluster.client)
    broken = {"name": "rng", "command": ["sh", "-c", "echo no entropy left; exit 3"]}
    apps.patch_namespaced_deployment("rng", LAB, {"spec": {"template": {"spec": {"containers": [broken]}}}})
    done = on_kube("scale", "rng", "1")
    assert done.code == ExitCode.TIMEOUT
    assert "ends again and again (Error, exit code 3)" in done.err
    assert "It said: no entropy left" in done.err
    mended = on_kube("up")
    assert mended.code == 0, mended.err


@pytest.mark.timeout(200)
def test_a_quota_is_named(on_kube, cluster):
    core = CoreV1Api(cluster.client)
    pods = len(core.list_namespaced_pod(LAB).items)
    core.create_namespaced_resource_quota(LAB, {"metadata": {"name": "small"}, "spec": {"hard": {"pods": str(pods)}}})
    try:
        done = on_kube("scale", "worker", "5")
        assert done.code == ExitCode.TIMEOUT
        assert "exceeded quota: small" in done.err
    finally:
        core.delete_namespaced_resource_quota("small", LAB)
        assert on_kube("scale", "worker", "1").code == 0


@pytest.mark.timeout(200)
def test_a_load_test_whose_image_cannot_be_pulled_is_named_and_taken_away(on_kube, cluster):
    core = CoreV1Api(cluster.client)
    core.patch_namespace(LAB, {"metadata": {"annotations": {"dclab/images": "dclab.test/absent"}}})
    try:
        done = on_kube("loadtest", "--time", "5s")
    finally:
        core.patch_namespace(LAB, {"metadata": {"annotations": {"dclab/images": "build"}}})
    assert done.code == ExitCode.TIMEOUT
    assert "waits for its image dclab.test/absent/siege:" in done.err
    assert BatchV1Api(cluster.client).list_namespaced_job(LAB).items == []


@pytest.mark.timeout(400)
def test_without_metrics_server_the_lab_is_there_and_the_autoscaler_is_said_to_know_nothing(on_kube, cluster, tmp_path):
    apps = AppsV1Api(cluster.client)
    server = ("metrics-server", "kube-system")
    apps.patch_namespaced_deployment_scale(*server, {"spec": {"replicas": 0}})
    try:
        wait_for(lambda: not apps.read_namespaced_deployment(*server).status.replicas, 60, "its end", every=0.5)
        begin = time.monotonic()
        assert on_kube("status").code == 0
        assert time.monotonic() - begin < 8
        demo = Running(tmp_path, "hpa-demo", "--workers", "3", "--load-time", "75s")
        code, said, err = demo.end(260)
    finally:
        apps.patch_namespaced_deployment_scale(*server, {"spec": {"replicas": 1}})
        wait_for(lambda: apps.read_namespaced_deployment(*server).status.ready_replicas, 90, "its return", every=0.5)
    assert code == 0, err
    assert "metric-unknown" in {one["code"] for one in said["warnings"]}
    assert {one["desired"] for one in said["data"]["autoscale"]["timeline"]} == {1}


@pytest.mark.timeout(420)
def test_a_demonstration_goes_on_where_it_was_when_the_api_server_is_back(on_kube, tmp_path):
    demo = Running(tmp_path, "hpa-demo", "--workers", "3", "--load-time", "100s")
    wait_for(lambda: demo.results.exists() and "SuccessfulRescale" in demo.results.read_text(), 150, "a decision")
    with faults.without("kube-apiserver"):
        time.sleep(15)
    code, said, err = demo.end(320)
    assert code == 0, err
    autoscale = said["data"]["autoscale"]
    times = [one["t"] for one in autoscale["timeline"]]
    assert max(b - a for a, b in pairwise(times)) > 10
    assert autoscale["timeline"][-1]["phase"] == "after-load"
    after = next(b for a, b in pairwise(times) if b - a > 10)
    assert times[-1] - after > 30


@pytest.mark.timeout(200)
def test_without_a_server_status_ends_at_once(on_kube):
    with faults.without("kube-apiserver"):
        begin = time.monotonic()
        done = on_kube("status")
        assert time.monotonic() - begin < 8
    assert done.code == ExitCode.ERROR
    assert f"{NAME!r} does not answer" in done.err
