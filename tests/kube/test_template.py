"""Rolling updates of the lab's deployments: what is sent, what is kept, and that exactly what was there comes back."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys

import pytest

from dclab.engines.kube import launch, watchdog
from dclab.engines.kube.cluster.images import BUILD, Images
from dclab.engines.kube.lab import template
from dclab.errors import InvalidInput, LabHeld, NotAnswering
from dclab.lab import HealthProbe, ReplicaHealth, TemplateChange
from dclab.manifests import BAD_IMAGE
from tests.conftest import CHECKOUT

LAB = "dockercoins"
PROBE = HealthProbe(kind="readiness", period_seconds=5, timeout_seconds=1, failure_threshold=3)


@pytest.fixture
def lab(cluster):
    launch.start(launch.place("mine", LAB), Images(BUILD), lambda _: None)
    return launch.find_lab(launch.place("mine", LAB))


def deployment(cluster, name="rng"):
    return cluster.get("deployments", LAB, name)


def wanted(cluster, name="rng"):
    """All of a deployment that says what it is to be."""
    found = copy.deepcopy(deployment(cluster, name))
    del found["metadata"]["resourceVersion"]
    if not found["metadata"].get("annotations"):
        found["metadata"].pop("annotations", None)
    return found


def container(cluster, name="rng"):
    return deployment(cluster, name)["spec"]["template"]["spec"]["containers"][0]


def test_a_readiness_probe_takes_the_place_of_the_tcp_check(cluster, lab):
    before = wanted(cluster)
    with lab.hold("test"):
        lab.roll_out("rng", TemplateChange(probe=PROBE))
        assert container(cluster)["readinessProbe"] == {
            "httpGet": {"path": "/", "port": 8080},
            "periodSeconds": 5,
            "timeoutSeconds": 1,
            "failureThreshold": 3,
        }
        assert "livenessProbe" not in container(cluster)
        lab.roll_back("rng")
        lab.roll_back("rng")
    assert wanted(cluster) == before


def test_a_liveness_probe_comes_beside_it(cluster, lab):
    before = wanted(cluster)
    with lab.hold("test"):
        lab.roll_out("rng", TemplateChange(probe=HealthProbe(kind="liveness")))
        assert container(cluster)["livenessProbe"]["httpGet"] == {"path": "/", "port": 8080}
        assert "tcpSocket" in container(cluster)["readinessProbe"]
        lab.roll_back("rng")
    assert wanted(cluster) == before


def test_sigterm_is_kept_from_a_program_by_a_shell(cluster, lab):
    before = wanted(cluster, "worker")
    with lab.hold("test"):
        lab.roll_out("worker", TemplateChange(deaf=True))
        assert container(cluster, "worker")["command"] == [*template.DEAF, "python", "-m", "apps.worker"]
        lab.roll_back("worker")
    assert wanted(cluster, "worker") == before
    del container(cluster, "worker")["command"]
    with lab.hold("test"), pytest.raises(InvalidInput, match="SIGTERM cannot be kept from worker"):
        lab.roll_out("worker", TemplateChange(deaf=True))


def test_a_replica_is_deleted_by_its_name_and_no_other(cluster, lab):
    for name in ("a", "b"):
        pod(cluster, name, "old")
    with lab.hold("test"):
        lab.delete_replica("rng", "a")
        with pytest.raises(InvalidInput, match="no replica 'a'"):
            lab.delete_replica("rng", "a")
        with pytest.raises(InvalidInput, match="no replica 'b'"):
            lab.delete_replica("worker", "b")
    assert cluster.get("pods", LAB, "a") is None
    assert cluster.get("pods", LAB, "b")


def test_what_comes_back_is_what_was_there_whoever_made_it(cluster, lab):
    """Another image, more containers, a probe of someone's own; and of two updates in a row it is that before the first."""
    containers = deployment(cluster)["spec"]["template"]["spec"]["containers"]
    containers.insert(0, {"name": "sidecar", "image": "someones:1"})
    containers[1] |= {"image": "theirs:2", "livenessProbe": {"exec": {"command": ["true"]}}}
    before = wanted(cluster)
    with lab.hold("test"):
        lab.roll_out("rng", TemplateChange(probe=HealthProbe(kind="liveness")))
        lab.roll_out("rng", TemplateChange(bad_image=True))
        sidecar, main = deployment(cluster)["spec"]["template"]["spec"]["containers"]
        assert sidecar == {"name": "sidecar", "image": "someones:1"}
        assert main["image"].startswith(BAD_IMAGE)
        assert main["livenessProbe"] == {"exec": {"command": ["true"]}}, "the second takes nothing of the first along"
        lab.roll_back("rng")
    assert wanted(cluster) == before


def test_a_controller_that_writes_meanwhile_is_no_obstacle(cluster, lab, monkeypatch):
    monkeypatch.setattr(template, "PAUSE", 0)
    times = iter(range(3))

    def written(method, path):
        if method == "PATCH" and path.endswith("/deployments/rng") and next(times, None) is not None:
            cluster._keep(("deployments", LAB, "rng"), deployment(cluster))

    with lab.hold("test"):
        cluster.fail = written
        lab.roll_out("rng", TemplateChange(bad_image=True))
        assert next(times, None) is None
        assert container(cluster)["image"].startswith(BAD_IMAGE)
        lab.roll_back("rng")


def test_nothing_is_probed_that_listens_nowhere(cluster, lab):
    before = wanted(cluster, "worker")
    with lab.hold("test"), pytest.raises(InvalidInput, match="cannot have an HTTP probe"):
        lab.roll_out("worker", TemplateChange(probe=PROBE))
    with lab.hold("test"), pytest.raises(InvalidInput, match="no deployment 'nobody'"):
        lab.roll_out("nobody", TemplateChange(bad_image=True))
    assert wanted(cluster, "worker") == before


def test_nobody_else_rolls_out_what_is_held(cluster, lab):
    other = launch.find_lab(launch.place("mine", LAB))
    with lab.hold("dclab run"):
        for change in (lambda: other.roll_out("rng", TemplateChange(bad_image=True)), lambda: other.roll_back("rng")):
            with pytest.raises(LabHeld):
                change()


def test_the_watchdog_puts_back_what_a_killed_command_has_rolled_out(cluster, lab, wait_until):
    before = wanted(cluster)
    code = (
        "import os, signal\n"
        "from dclab.engines.kube import launch\n"
        "from dclab.lab import TemplateChange\n"
        f"lab = launch.find_lab(launch.place('mine', {LAB!r}))\n"
        "with lab.hold('a test'):\n"
        "    lab.roll_out('rng', TemplateChange(bad_image=True))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ, "PYTHONPATH": str(CHECKOUT)})
    wait_until(lambda: wanted(cluster) == before, 20)
    wait_until(lambda: cluster.get("leases", LAB, "dclab-hold") is None, 20)


def test_the_watchdog_leaves_alone_what_others_have_rolled_out(cluster, lab):
    with lab.hold("test"):
        lab.roll_out("rng", TemplateChange(bad_image=True))
        watchdog.end_hold("mine", LAB, ["another"])
        assert container(cluster)["image"].startswith(BAD_IMAGE)
        lab.roll_back("rng")


@pytest.mark.parametrize("note", ["", "no JSON", "[]", '{"token": "mine"}', '{"token": "t", "containers": 3}'])
def test_an_annotation_that_is_not_ours_is_no_reason_to_fail(cluster, lab, note):
    deployment(cluster)["metadata"]["annotations"] = {template.BEFORE: note}
    before = wanted(cluster)
    template.roll_back_held(lab.api, LAB, "mine")
    lab.roll_back("rng")
    assert wanted(cluster) == before


def test_what_cannot_be_put_back_now_is_left_to_the_watchdog(cluster, lab, wait_until):
    before = wanted(cluster)
    lab.api.patience = 0.1
    with lab.hold("test"):
        lab.roll_out("rng", TemplateChange(bad_image=True))
        cluster.stop()
        with pytest.raises(NotAnswering):
            lab.roll_back("rng")
    assert json.loads(deployment(cluster)["metadata"]["annotations"][template.BEFORE])["containers"]
    cluster.again()
    wait_until(lambda: wanted(cluster) == before, 60)
    wait_until(lambda: cluster.get("leases", LAB, "dclab-hold") is None, 20)


def pod(cluster, name, template_hash, *, ready=True, waiting="", restarts=0, leaving=False):
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    cluster.put(
        "pods",
        LAB,
        name,
        metadata={
            "labels": {"app": "rng", "app.kubernetes.io/part-of": "dockercoins", "pod-template-hash": template_hash,
                       "app.kubernetes.io/managed-by": "dclab"},
            **({"deletionTimestamp": "2026-11-28T00:00:00Z"} if leaving else {}),
        },
        status={
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [{"name": "rng", "ready": ready, "restartCount": restarts, "state": state}],
        },
    )  # fmt: skip


def test_health_is_of_pods_and_of_their_services_endpoints(cluster, lab):
    labels = {"app": "rng", "app.kubernetes.io/part-of": "dockercoins", "app.kubernetes.io/managed-by": "dclab"}
    for revision, value in ((1, "old"), (2, "new")):
        cluster.put(
            "replicasets",
            LAB,
            f"rng-{value}",
            metadata={
                "labels": {**labels, "pod-template-hash": value},
                "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            },
        )
    pod(cluster, "a", "old")
    pod(cluster, "b", "new", ready=False, restarts=2)
    pod(cluster, "c", "new", ready=False, waiting="ImagePullBackOff")
    pod(cluster, "d", "old", leaving=True)
    expected = {
        "a": {"ready": True, "current": False},
        "b": {"restarts": 2},
        "c": {"waiting": "ImagePullBackOff"},
        "d": {"terminating": True, "current": False},
    }

    def health(served):
        plain = {"ready": False, "terminating": False, "restarts": 0, "current": True, "waiting": ""}
        return [
            ReplicaHealth(name=name, in_service=name in served, **{**plain, **own}) for name, own in expected.items()
        ]

    assert list(lab.health("rng")) == health({"a"}), "without a service, ready is in service"
    cluster.put(
        "endpointslices",
        LAB,
        "rng-xyz",
        metadata={"labels": {"kubernetes.io/service-name": "rng"}},
        endpoints=[
            {"targetRef": {"kind": "Pod", "name": "a"}, "conditions": {"ready": False}},
            {"targetRef": {"kind": "Pod", "name": "b"}, "conditions": {"ready": True}},
            {"targetRef": {"kind": "Pod", "name": "d"}},
        ],
    )
    assert list(lab.health("rng")) == health({"b", "d"})
