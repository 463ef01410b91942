"""The exercise with images that behave as the course's public ones: root, port 80, no readiness, no settings, no answer to SIGTERM."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from kubernetes.client import CoreV1Api

from dclab.engines.kube.cluster.upstream import IMAGES
from tests.cluster import daemons, images
from tests.cluster.node import FIRST
from tests.cluster.settings import KUBECONFIG, NAME
from tests.conftest import CHECKOUT, COMMAND

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("own_cluster"), pytest.mark.timeout(600)]

LAB = "dclab-upstream"
WHERE = ("--context", NAME, "--name", LAB)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A verb's data, of a lab that runs on such images."""
    folder = tmp_path_factory.mktemp("upstream")
    FIRST.run(*daemons.CTR, "images", "import", images.as_upstream(folder))

    def verb(*arguments):
        done = subprocess.run(
            [*COMMAND, *arguments, *WHERE, "--json"],
            check=False,
            cwd=folder,
            env={**os.environ, "KUBECONFIG": str(KUBECONFIG), "PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)["data"]

    verb("up", "--yes", "--images", "upstream")
    yield verb
    verb("down")
    FIRST.run(*daemons.CTR, "images", "remove", *IMAGES.values())


def test_the_pods_run_them(run, cluster):
    pods = CoreV1Api(cluster.client).list_namespaced_pod(LAB).items
    used = {one.metadata.labels["app"]: one.spec.containers[0].image for one in pods}
    assert {app: used[app] for app in ("rng", "hasher", "worker", "webui")}.items() <= IMAGES.items()
    assert {used["httplat-rng"], used["httplat-hasher"]} == {IMAGES["httplat"]}
    assert run("status")["ready"] is True


def test_a_sweep_is_exact(run):
    """The original rng lingers, so that it serves somewhat less than ten a second; each worker is known by its own log."""
    points = run("scale-sweep", "--workers", "1,3,10")["sweep"]["points"]
    one, three, ten = (point["hashes_per_second"] for point in points)
    assert 3.1 < one["mean"] < 3.4
    assert 8.8 < three["mean"] < 10
    assert 9 < ten["mean"] < 10
    for rate in (one, three, ten):
        assert (rate["ci95_high"] - rate["ci95_low"]) / 2 < 0.02 * rate["mean"]
        assert rate["reports"] is not None


def test_rng_is_the_limit(run):
    assert run("latency", "--workers", "10")["bottleneck"]["service"] == "rng"


def test_the_autoscaler_scales_it(run):
    autoscale = run("hpa-demo", "--load-time", "60s")["autoscale"]
    assert max(point["desired"] for point in autoscale["timeline"]) > 1
