"""Health probes and rolling updates on a real cluster: the same contract as of the embedded engine, and a killed command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from kubernetes.client import AppsV1Api

from dclab.engines.kube import launch
from dclab.engines.kube.cluster.images import BUILD, Images
from tests import rolling_updates
from tests.cluster.settings import KUBECONFIG, NAME
from tests.cluster.waiting import wait_for
from tests.conftest import CHECKOUT

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("own_cluster"), pytest.mark.timeout(300)]

LAB = "dclab-rolling"


@pytest.fixture(scope="module")
def lab(cluster):
    before = os.environ.get("KUBECONFIG")
    os.environ["KUBECONFIG"] = str(KUBECONFIG)
    try:
        made, _ = launch.start(launch.place(NAME, LAB), Images(BUILD), lambda _: None)
        made.ready(60)
        yield made
        made.down()
    finally:
        os.environ.pop("KUBECONFIG") if before is None else os.environ.update(KUBECONFIG=before)


def containers(cluster, name):
    found = AppsV1Api(cluster.client).read_namespaced_deployment(name, LAB)
    return cluster.client.sanitize_for_serialization(found.spec.template)


def test_refusals(lab):
    rolling_updates.check_refusals(lab)


def test_a_replica_that_gets_no_sigterm(lab, cluster):
    before = containers(cluster, "worker")
    rolling_updates.check_deaf(lab)
    assert containers(cluster, "worker") == before


def test_a_deleted_replica(lab):
    rolling_updates.check_deleted(lab)


@pytest.mark.parametrize("check", ["readiness", "liveness"])
def test_a_probe(lab, cluster, check):
    before = containers(cluster, "rng")
    getattr(rolling_updates, f"check_{check}")(lab)
    assert containers(cluster, "rng") == before


def test_a_bad_image(lab, cluster):
    before = containers(cluster, "worker")
    rolling_updates.check_bad_image(lab)
    assert containers(cluster, "worker") == before


def test_what_a_killed_command_has_rolled_out_is_put_back(lab, cluster):
    before = containers(cluster, "hasher")
    code = (
        "import os, signal\n"
        "from dclab.engines.kube import launch\n"
        "from dclab.lab import TemplateChange\n"
        f"lab = launch.find_lab(launch.place({NAME!r}, {LAB!r}))\n"
        "with lab.hold('a test'):\n"
        "    lab.roll_out('hasher', TemplateChange(bad_image=True))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ, "PYTHONPATH": str(CHECKOUT)})
    assert done.returncode == -signal.SIGKILL
    wait_for(lambda: containers(cluster, "hasher") == before, 30, "the containers from before")
    lab.scale("hasher", 1)
