"""Reports of workers on a real Kubernetes: the contract that both engines keep, and what a restart or a rollout does."""

from __future__ import annotations

import time

import pytest

from dclab.engines.kube import launch
from dclab.engines.kube.cluster.images import BUILD, Images
from tests.cluster.settings import KUBECONFIG, NAME
from tests.cluster.waiting import wait_for
from tests.worker_reports import check_sum, check_worker_reports

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("own_cluster")]


@pytest.mark.timeout(240)
def test_reports_of_workers(cluster, monkeypatch, say):
    monkeypatch.setenv("KUBECONFIG", str(KUBECONFIG))
    lab, _ = launch.start(launch.place(NAME, "dclab-reports"), Images(BUILD), lambda _: None)
    try:
        lab.ready(60)
        check_worker_reports(lab)
        _after_a_restart(lab)
        lab.scale("worker", 10)
        time.sleep(2)
        since = lab.counter().t
        time.sleep(2)
        begin = time.monotonic()
        assert len({one.worker for one in lab.worker_reports(since)}) == 10
        say(f"reports of 10 workers took {time.monotonic() - begin:.2f} s")
        lab.configure("worker", {"BACKOFF": "3"})  # every pod is replaced, and its log is gone
        assert lab.worker_reports(since) is None
    finally:
        lab.down()


def _after_a_restart(lab):
    """The log of the container before is read, too."""
    (name,) = lab.replicas("worker").names
    time.sleep(1.5)
    before = lab.counter()
    time.sleep(1.5)
    _kill(lab, name)
    wait_for(lambda: lab.replicas("worker").restarts == 1 and lab.replicas("worker").ready == 1, 30, "the restart")
    time.sleep(3)
    after = lab.counter()
    reports = lab.worker_reports(before.t - 0.05)
    check_sum(reports, before, after)
    assert {one.worker for one in reports} == {name}
    assert 0 in [one.units for one in reports], "the new one begins at nothing"
    assert lab.replicas("worker").names == (name,)


def _kill(lab, name):
    """End the container's process as a crash would."""
    from kubernetes.client import CoreV1Api
    from kubernetes.config import new_client_from_config
    from kubernetes.stream import stream

    core = CoreV1Api(new_client_from_config(str(KUBECONFIG), NAME))
    call = core.connect_get_namespaced_pod_exec
    command = ["python", "-c", "import os, signal; os.kill(1, signal.SIGTERM)"]
    stream(call, name, lab.name, command=command, stdout=True, stderr=True, stdin=False)
