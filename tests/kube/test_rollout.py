"""When deployments have settled, and when it is certain that they will not: from what the API server tells."""

from __future__ import annotations

import threading
import time

import pytest

from dclab.engines.kube import launch, recovery
from dclab.engines.kube.cluster.images import Images
from dclab.engines.kube.lab import diagnose
from dclab.engines.kube.lab.diagnose import Trouble, Troubles, trouble
from dclab.engines.kube.lab.rollout import HASH, REVISION, settled, unattended, wait_settled
from dclab.engines.kube.labels import OURS
from dclab.engines.kube.objects import decode
from dclab.engines.kube.workloads import Deployment, Pod
from dclab.errors import LabCrashed, NotAnswering, TimedOut

LAB = "dockercoins"
LOOKED_AT = {"containerStatuses": [{"name": "rng", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}
UNSCHEDULABLE = {"conditions": [{"type": "PodScheduled", "status": "False"}]}
REFUSED = 'pods "rng-x" is forbidden: exceeded quota: small'
FAILURE = {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": REFUSED}]}
READY = {
    "phase": "Running",
    "conditions": [{"type": "Ready", "status": "True"}],
    "containerStatuses": [{"name": "rng"}],
}


def deployment(wanted, generation=2, **status):
    found = {"metadata": {"name": "rng", "generation": generation}, "spec": {"replicas": wanted}}
    return decode({**found, "status": {"observedGeneration": 2, **status}}, Deployment)


@pytest.mark.parametrize(
    ("found", "pods", "waits"),
    [
        (deployment(1, replicas=1, updatedReplicas=1), [LOOKED_AT], False),
        (deployment(1, generation=3, replicas=1, updatedReplicas=1), [LOOKED_AT], True),
        (deployment(3, replicas=1, updatedReplicas=1), [LOOKED_AT], True),
        (deployment(1, replicas=3, updatedReplicas=3), [LOOKED_AT] * 3, True),
        (deployment(3, replicas=1, updatedReplicas=1, **FAILURE), [LOOKED_AT], False),
        (deployment(3), [], True),
        # A rollout whose new pod does not get ready: the old one stays beside it.
        (deployment(1, replicas=2, updatedReplicas=1), [LOOKED_AT] * 2, False),
        (deployment(1, replicas=2, updatedReplicas=1), [LOOKED_AT, {}], True),
        (deployment(1, replicas=1, updatedReplicas=1), [UNSCHEDULABLE], False),
        (
            deployment(1, replicas=1, updatedReplicas=1),
            [{"conditions": [{"type": "PodScheduled", "status": "True"}]}],
            True,
        ),
    ],
)
def test_what_nobody_has_looked_at(found, pods, waits):
    assert unattended(found, decode([{"metadata": {"name": "p"}, "status": one} for one in pods], list[Pod])) is waits


DONE = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2}
ENDING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
SILENT = {
    "phase": "Running",
    "conditions": [{"type": "Ready", "status": "False"}],
    "containerStatuses": [{"name": "rng", "ready": True, "state": {"running": {}}}],
}


@pytest.mark.parametrize(
    ("status", "pods", "so"),
    [
        (DONE, [(READY, {}), (READY, {})], True),
        (DONE, [(READY, {}), (READY, {}), ({"phase": "Failed", "reason": "Evicted"}, {})], True),
        # The controller has not yet seen what has become of its pods.
        (DONE, [(READY, {})], False),
        (DONE, [(READY, {}), ({"phase": "Running"}, {})], False),
        (DONE, [(READY, {}), (READY, {}), (READY, ENDING)], False),
        ({**DONE, "observedGeneration": 1}, [(READY, {}), (READY, {})], False),
        # Of a node that is lost nobody tells that the pod has ended; it is ready no more, and its containers were when last seen.
        (DONE, [(READY, {}), (READY, {}), (SILENT, ENDING)], True),
        (DONE, [(READY, {}), (SILENT, {})], False),
    ],
)
def test_what_has_settled(status, pods, so):
    listed = [{"metadata": {"name": "p", **metadata}, "status": one} for one, metadata in pods]
    assert settled(deployment(2, **status), decode(listed, list[Pod])) is so


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_trouble_has_to_last():
    clock = Clock()
    seen = Troubles(clock)
    slow, at_once = Trouble("a", "", 10.0, "p", "pending"), Trouble("b", "", 0.0, "q", "image")
    assert seen.certain([slow]) is None
    clock.now = 9.9
    assert seen.certain([Trouble("other words", "", 10.0, "p", "pending")]) is None
    clock.now = 10.0
    assert seen.certain([slow]) == slow
    assert seen.certain([]) is None
    assert seen.certain([slow]) is None  # it was gone in between
    assert seen.certain([slow, at_once]) == at_once


def container(state, **more):
    return {"containerStatuses": [{"name": "rng", "image": "absent:1", "state": state, **more}]}


def waiting(reason, message=""):
    return {"waiting": {"reason": reason, "message": message}}


def ended(seconds=1):
    return {
        "terminated": {
            "exitCode": 3,
            "reason": "Error",
            "startedAt": "2026-01-01T00:00:00Z",
            "finishedAt": f"2026-01-01T00:{seconds // 60:02}:{seconds % 60:02}Z",
        }
    }


NEVER, LATER, PULL = float("inf"), diagnose.CREATE_SECONDS, diagnose.PULL_SECONDS


def unscheduled(message):
    return {"conditions": [{"type": "PodScheduled", "status": "False", "message": message}]}


@pytest.mark.parametrize(
    ("status", "lasts"),
    [
        (container(waiting("InvalidImageName", "couldn't parse")), 0),
        (container(waiting("ErrImageNeverPull", "not present")), 0),
        (container(waiting("ErrImagePull", "manifest unknown")), 0),
        (container(waiting("ImagePullBackOff", 'Back-off: "pull access denied, repository does not exist"')), 0),
        (container(waiting("ErrImagePull", "dial tcp 1.2.3.4:443: i/o timeout")), PULL),
        (container(waiting("CreateContainerConfigError", 'configmap "x" not found')), LATER),
        # The third crash, whether its back-off has begun or not; the first two may have been bad luck.
        (container(ended(), restartCount=2), 0),
        (container(waiting("CrashLoopBackOff"), lastState=ended(), restartCount=2), 0),
        (container(waiting("CrashLoopBackOff"), lastState=ended(), restartCount=1), NEVER),
        (container(ended(), restartCount=0), NEVER),
        (container({"running": {}}, lastState=ended(), restartCount=3), 0),
        # It had run well before.
        (container({"running": {}}, lastState=ended(3000), restartCount=9), NEVER),
        (unscheduled("0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption"), 10),
        (unscheduled("0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 Too many pods."), 10),
        (unscheduled("0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable."), NEVER),
        (unscheduled("0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }."), NEVER),
        (unscheduled("no nodes available to schedule pods"), NEVER),
    ],
)  # fmt: skip
def test_how_long_a_trouble_has_to_last_to_be_certain(status, lasts):
    pod = decode({"metadata": {"name": "rng-1", "labels": {"app": "rng"}}, "status": status}, Pod)
    assert trouble(pod).lasts == lasts


@pytest.mark.parametrize(
    ("image", "reason", "says"),
    [
        ("docker.io/dockercoins/rng:1-2", "ErrImageNeverPull", "`dclab up` builds it"),
        (Images("ghcr.io/me").name("rng"), "ImagePullBackOff", "with the same --images"),
        ("docker.io/prom/prometheus:v3.5.0", "ErrImagePull", "`kind load docker-image` with docker.io/prom/prometheus"),
    ],
)
def test_what_helps_against_a_failed_pull_depends_on_whose_image_it_is(image, reason, says):
    status = {"containerStatuses": [{"name": "x", "image": image, "state": waiting(reason, "no such host")}]}
    pod = decode({"metadata": {"name": "x-1", "labels": {"app": "x"}}, "status": status}, Pod)
    assert says in trouble(pod).hint


@pytest.fixture
def api(cluster):
    """Of a cluster with a deployment rng, of one replica, that has been rolled out."""
    roll(cluster, wanted=1, ready=1)
    pod(cluster, "old", READY)
    return launch.place("mine", LAB).api


def roll(cluster, wanted, ready, revision=1, **status):
    labels = {**OURS, "app": "rng"}
    done = {"observedGeneration": 1, "replicas": wanted, "updatedReplicas": ready, "readyReplicas": ready}
    metadata = {"labels": labels, "generation": 1}
    cluster.put("deployments", LAB, "rng", metadata=metadata, spec={"replicas": wanted}, status={**done, **status})
    for number in range(1, revision + 1):
        notes = {"labels": {**labels, HASH: f"h{number}"}, "annotations": {REVISION: str(number)}}
        cluster.put("replicasets", LAB, f"rng-{number}", metadata=notes)


def pod(cluster, name, status, of="h1"):
    labels = {**OURS, "app": "rng", HASH: of}
    cluster.put("pods", LAB, f"rng-{name}", metadata={"labels": labels}, status=status)


def test_it_returns_when_all_is_ready(api, cluster):
    wait_settled(api, LAB, ["rng"], 0)
    roll(cluster, wanted=2, ready=1)
    threading.Timer(0.5, lambda: (pod(cluster, "new", READY), roll(cluster, wanted=2, ready=2))).start()
    wait_settled(api, LAB, ["rng"], 10)


CAUSES = {
    "image": (container(waiting("ErrImageNeverPull", "not present")), {}, "absent:1, which cannot be pulled"),
    "crash loop": (container(ended(), restartCount=2), {}, "ends again and again (Error, exit code 3)"),
    "quota": (None, {"replicas": 1, **FAILURE}, "exceeded quota: small"),
    "no room": (unscheduled("0/1 nodes are available: 1 Insufficient cpu."), {}, "It stays so until other pods end"),
}


@pytest.mark.parametrize(("status", "failure", "says"), CAUSES.values(), ids=CAUSES)
def test_a_certain_cause_is_said_at_once(api, cluster, monkeypatch, status, failure, says):
    monkeypatch.setattr(diagnose, "REFUSED_SECONDS", 0.4)
    monkeypatch.setattr(diagnose, "UNSCHEDULED_SECONDS", 0.4)
    roll(cluster, wanted=2, ready=1, **failure)
    if status:
        pod(cluster, "new", status)
    begin = time.monotonic()
    with pytest.raises(TimedOut, match="rng does not get ready as it is wanted") as told:
        wait_settled(api, LAB, ["rng"], 30)
    assert time.monotonic() - begin < 3
    assert says in told.value.why


@pytest.mark.parametrize("other", [{"phase": "Pending"}, {"phase": "Running"}, None])
def test_room_may_come_from_a_pod_that_starts_or_ends(api, cluster, monkeypatch, other):
    """The rollout of another deployment goes on, and ends an old pod when the new one is ready."""
    monkeypatch.setattr(diagnose, "UNSCHEDULED_SECONDS", 0.1)
    roll(cluster, wanted=2, ready=1)
    pod(cluster, "new", CAUSES["no room"][0])
    labels = {**OURS, "app": "hasher"}
    ending = {} if other else {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    cluster.put("pods", LAB, "hasher-1", metadata={"labels": labels, **ending}, status=other or READY)
    threading.Timer(
        1.2,
        lambda: (
            cluster.objects.pop(("pods", LAB, "hasher-1")),
            pod(cluster, "new", READY),
            roll(cluster, wanted=2, ready=2),
        ),
    ).start()
    wait_settled(api, LAB, ["rng"], 10)


def test_a_pod_of_an_older_template_hinders_nothing(api, cluster):
    """Such as the broken one that this rollout replaces."""
    pod(cluster, "old", container(ended(), restartCount=5))
    roll(cluster, wanted=1, ready=0, revision=2)
    threading.Timer(
        0.8,
        lambda: (
            cluster.objects.pop(("pods", LAB, "rng-old")),
            pod(cluster, "new", READY, of="h2"),
            roll(cluster, wanted=1, ready=1, revision=2),
        ),
    ).start()
    wait_settled(api, LAB, ["rng"], 10)


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("no entropy left\n", "It said: no entropy left"),
        ("unable to retrieve container logs for containerd://5bbfdf56\n", None),
    ],
)
def test_what_a_crashed_container_said_is_told_and_not_what_the_kubelet_says_in_its_place(api, cluster, log, says):
    roll(cluster, wanted=2, ready=1)
    pod(cluster, "new", CAUSES["crash loop"][0])
    cluster.logs["rng-new"] = log
    with pytest.raises(TimedOut, match="ends again and again") as told:
        wait_settled(api, LAB, ["rng"], 10)
    assert (says in told.value.why) if says else ("It said" not in told.value.why)


def test_a_node_that_is_being_added_is_waited_for(api, cluster, monkeypatch):
    monkeypatch.setattr(diagnose, "UNSCHEDULED_SECONDS", 0.1)
    roll(cluster, wanted=2, ready=1)
    pod(cluster, "new", CAUSES["no room"][0])
    cluster.put("events", LAB, "e", involvedObject={"name": "rng-new"}, reason="TriggeredScaleUp")
    with pytest.raises(TimedOut, match="is not ready as it should be after 1 s"):
        wait_settled(api, LAB, ["rng"], 1)


def test_a_deployment_that_someone_deletes_meanwhile_is_missed_at_once(api, cluster):
    roll(cluster, wanted=2, ready=1)
    threading.Timer(0.4, lambda: cluster.objects.pop(("deployments", LAB, "rng"))).start()
    with pytest.raises(LabCrashed, match="rng is gone"):
        wait_settled(api, LAB, ["rng"], 10)


def test_after_an_outage_nothing_counts_as_settled_before_kubelets_have_told(api, cluster, monkeypatch):
    """What is stored is from before: of a pod that has crashed meanwhile it still says ready."""
    monkeypatch.setattr(recovery, "KUBELETS_SECONDS", 1.5)
    monkeypatch.setattr("dclab.engines.kube.transport.OUTAGE_SECONDS", 0.3)
    cluster.stop()
    threading.Timer(0.8, cluster.again).start()
    begin = time.monotonic()
    wait_settled(api, LAB, ["rng"], 10)
    assert 2.0 < time.monotonic() - begin < 6


def test_an_outage_longer_than_a_request_is_patient_for_is_bridged(api, cluster, monkeypatch):
    monkeypatch.setattr(recovery, "KUBELETS_SECONDS", 0.2)
    api.patience = 0.3
    cluster.stop()
    threading.Timer(1.2, cluster.again).start()
    wait_settled(api, LAB, ["rng"], 10)


def test_an_outage_that_outlasts_the_wait_is_named(api, cluster):
    api.patience = 0.2
    cluster.stop()
    with pytest.raises(NotAnswering, match="does not answer"):
        wait_settled(api, LAB, ["rng"], 0.5)
    cluster.again()
