"""Pods that do not come up, that go, or that are not let in."""

from __future__ import annotations

import contextlib
import copy
import json
import signal

import pytest
from kubernetes.client import ApiException
from kubernetes.dynamic.exceptions import ForbiddenError

from dclab import manifests
from tests.cluster.waiting import wait_for

pytestmark = pytest.mark.cluster


@pytest.fixture
def rng():
    """rng's own manifests, to be spoiled."""
    return copy.deepcopy([one for one in manifests.load() if one["metadata"]["name"] == "rng"])


def _container(objects):
    return manifests.named(objects, "Deployment", "rng")["spec"]["template"]["spec"]["containers"][0]


def test_pending_for_lack_of_cpu(namespace, rng, own_cluster):
    """Ten rng ask for 2 CPUs, more than the node has left."""
    manifests.named(rng, "Deployment", "rng")["spec"]["replicas"] = 10
    namespace.apply(rng)

    def pending():
        return [pod for pod in namespace.pods("rng") if pod.status.phase == "Pending" and not pod.spec.node_name]

    wait_for(
        lambda: len(namespace.pods("rng")) == 10 and pending() and not _unsure(pending()), 30, "pods in want of CPU"
    )
    for pod in pending():
        condition = next(one for one in pod.status.conditions if one.type == "PodScheduled")
        assert (condition.status, condition.reason) == ("False", "Unschedulable")
        assert "Insufficient cpu" in condition.message
    reasons = {event.reason for event in namespace.events(pending()[0].metadata.name)}
    assert "FailedScheduling" in reasons
    # The others serve.
    wait_for(
        lambda: namespace.apps.read_namespaced_deployment("rng", namespace.namespace).status.ready_replicas,
        30,
        "a ready rng",
    )


def _unsure(pods):
    return [pod for pod in pods if not any(one.type == "PodScheduled" for one in pod.status.conditions or ())]


def test_an_image_that_cannot_be_pulled(namespace, rng):
    _container(rng)["image"] = "dclab.invalid/no/such-image:1"
    namespace.apply(rng)

    def waiting():
        for pod, status in namespace.container_statuses():
            if status.state.waiting and status.state.waiting.reason in ("ErrImagePull", "ImagePullBackOff"):
                return pod, status.state.waiting
        return None

    pod, reason = wait_for(waiting, 60, "the failed pull", every=0.2)
    assert "dclab.invalid/no/such-image:1" in reason.message
    assert "Failed" in {event.reason for event in namespace.events(pod.metadata.name)}


def test_a_container_that_ends_is_started_again_and_says_why(namespace, rng):
    _container(rng)["command"] = ["python", "-c", "raise SystemExit('no such coin')"]
    namespace.apply(rng)

    def crashed():
        for pod, status in namespace.container_statuses():
            if status.restart_count and status.last_state.terminated:
                return pod, status.last_state.terminated
        return None

    pod, ended = wait_for(crashed, 60, "a restart", every=0.2)
    assert (ended.exit_code, ended.reason) == (1, "Error")

    # Between two restarts there is a moment in which the previous container is none.
    def last_words():
        with contextlib.suppress(ApiException):
            return namespace.core.read_namespaced_pod_log(pod.metadata.name, namespace.namespace, previous=True)

    wait_for(lambda: "no such coin" in (last_words() or ""), 10, "the last words", every=0.2)


def test_a_killed_pod_is_replaced(namespace, rng):
    namespace.apply(rng)
    namespace.wait_ready()
    (before,) = namespace.pods("rng")
    namespace.core.delete_namespaced_pod(before.metadata.name, namespace.namespace, grace_period_seconds=0)
    namespace.wait_ready()
    (after,) = namespace.pods("rng")
    assert after.metadata.uid != before.metadata.uid


def test_memory_beyond_the_limit_ends_the_container(namespace, rng):
    """The kernel enforces what the manifest says. Its reason is not asked for: containerd misses the event now and then."""
    _container(rng)["command"] = ["python", "-c", "b = bytearray(200 * 2**20)"]
    namespace.apply(rng)

    def killed():
        return next(iter(_ends(namespace)), None)

    assert wait_for(killed, 60, "the end of the container", every=0.2).exit_code == 128 + signal.SIGKILL
    # Nothing else kills it: with as much memory as it takes, the same command ends with success.
    _container(rng)["resources"]["limits"]["memory"] = "512Mi"
    namespace.apply(rng)
    wait_for(lambda: any(one.exit_code == 0 for one in _ends(namespace)), 60, "an end in peace", every=0.2)


def _ends(namespace):
    states = (state for _, status in namespace.container_statuses() for state in (status.state, status.last_state))
    return [state.terminated for state in states if state.terminated]


def test_restricted_pod_security_is_enforced(namespace, rng):
    """The manifests as they are were let in everywhere in this suite; a pod with more rights is not."""
    namespace.apply(rng)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bold"},
        "spec": {"containers": [{"name": "bold", "image": "dockercoins/rng:dclab"}]},
    }
    with pytest.raises(ForbiddenError, match=r"violates PodSecurity .*restricted"):
        namespace.apply([pod])


def test_network_policies_are_accepted(namespace):
    """Accepted, not enforced: the bridge plugin of our cluster does not know them, so nothing more is claimed."""
    policies = manifests.of_kind(manifests.load(), "NetworkPolicy")
    made = namespace.apply(policies)
    assert [one.metadata.name for one in made] == [one["metadata"]["name"] for one in policies]
    assert made[0].spec.policyTypes == ["Ingress", "Egress"]


def test_a_quota_is_said_by_the_replica_set(namespace, rng):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {"pods": "0"}},
    }
    namespace.apply([quota])
    namespace.apply(rng)

    def refused():
        deployment = namespace.apps.read_namespaced_deployment("rng", namespace.namespace)
        return [one for one in deployment.status.conditions or () if one.type == "ReplicaFailure"]

    (condition,) = wait_for(refused, 30, "the refusal", every=0.2)
    assert "exceeded quota: small" in condition.message


def test_who_may_not_is_told_so(namespace):
    """A service account without rights; the API server names what is missing."""
    namespace.client.default_headers["Impersonate-User"] = f"system:serviceaccount:{namespace.namespace}:default"
    try:
        with pytest.raises(ApiException) as refused:
            namespace.core.list_namespaced_pod(namespace.namespace)
    finally:
        del namespace.client.default_headers["Impersonate-User"]
    assert refused.value.status == 403
    assert 'cannot list resource "pods"' in json.loads(refused.value.body)["message"]
