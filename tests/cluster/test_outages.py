"""An API server that goes away for a while, in every phase of a command: it is waited for, and what was begun is finished."""

from __future__ import annotations

import json
import os
import subprocess
import time

import pytest
from kubernetes.client import AppsV1Api, AutoscalingV2Api, BatchV1Api, CoordinationV1Api, CoreV1Api

from tests.cluster import faults
from tests.cluster.settings import KUBECONFIG, NAME
from tests.cluster.waiting import wait_for
from tests.conftest import CHECKOUT, COMMAND

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.usefixtures("own_cluster"),
]

LAB = "dclab-outages"
WHERE = ("--context", NAME, "--name", LAB)
ENV = {"KUBECONFIG": str(KUBECONFIG)}
AWAY = 10.0
"""Seconds, and those that the server takes to start: less than a request is patient for."""


@pytest.fixture
def command(tmp_path):
    """Run a command, during which the API server goes away after so many seconds; what it says in the end."""

    def run(*arguments, after=None):
        process = subprocess.Popen(
            [*COMMAND, *arguments, *WHERE, "--json", *(["--yes"] if arguments[0] == "up" else [])],
            cwd=tmp_path,
            env={**os.environ, **ENV, "PYTHONPATH": str(CHECKOUT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if after is not None:
            time.sleep(after)
            with faults.without("kube-apiserver"):
                time.sleep(AWAY)
        out, err = process.communicate(timeout=300)
        assert "Traceback" not in err, err
        return process.returncode, json.loads(out), err

    return run


@pytest.fixture(scope="module")
def lab(cluster, dclab, tmp_path_factory):
    folder = tmp_path_factory.mktemp("outages")
    assert dclab("up", "--yes", *WHERE, cwd=folder, env=ENV).code == 0
    yield
    assert dclab("down", *WHERE, cwd=folder, env=ENV).code == 0


def left(client):
    """What a command may have left: jobs, autoscalers, holds."""
    return [
        *BatchV1Api(client).list_namespaced_job(LAB).items,
        *AutoscalingV2Api(client).list_namespaced_horizontal_pod_autoscaler(LAB).items,
        *CoordinationV1Api(client).list_namespaced_lease(LAB).items,
    ]


VERBS = {
    "loadtest": ("loadtest", "--time", "15s"),
    "latency": ("latency", "--count", "5"),
    "monitor": ("monitor", "--seconds", "15s"),
}


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("after", [2.0, 6.0, 14.0])
@pytest.mark.parametrize("arguments", VERBS.values(), ids=VERBS)
def test_a_measurement_is_finished_and_leaves_nothing(cluster, command, arguments, after):
    code, said, err = command(*arguments, after=after)
    assert code == 0, (said["error"], err)
    wait_for(lambda: not left(cluster.client), 30, "the end of what it made", every=0.5)


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("after", [1.2, 2.0, 4.0])
def test_what_was_scaled_is_there_when_it_is_said_to_be(cluster, command, after):
    apps = AppsV1Api(cluster.client)
    wanted = 2 if apps.read_namespaced_deployment("worker", LAB).spec.replicas == 1 else 1
    code, said, err = command("scale", "worker", str(wanted), after=after)
    pods = CoreV1Api(cluster.client).list_namespaced_pod(LAB, label_selector="app=worker").items
    if code:  # it had not come to ask for anything
        assert said["error"]["code"] == "not-answering", err
    else:
        assert len(pods) == wanted
        assert all(one.status.container_statuses[0].ready for one in pods)
        assert not any(one.metadata.deletion_timestamp for one in pods)


@pytest.mark.parametrize("after", [2.0, 5.0])
def test_a_lab_comes_up_and_goes(cluster, command, after):
    try:
        code, said, err = command("up", after=after)
        assert code == 0, (said["error"], err)
        deployments = AppsV1Api(cluster.client).list_namespaced_deployment(LAB).items
        assert all(one.status.ready_replicas == one.spec.replicas for one in deployments)
    finally:
        code, said, err = command("down", after=after)
    assert code == 0, (said["error"], err)
    assert LAB not in [one.metadata.name for one in CoreV1Api(cluster.client).list_namespace().items]
