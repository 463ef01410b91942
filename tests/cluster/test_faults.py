"""Outages, as a client meets them. They break the cluster, so they run on our own alone, and take a while."""

from __future__ import annotations

import pytest
from kubernetes.client import ApiException, CoreV1Api
from kubernetes.watch import Watch
from urllib3.exceptions import HTTPError

from tests.cluster import faults
from tests.cluster.waiting import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("own_cluster")]


@pytest.fixture
def core(cluster):
    return CoreV1Api(cluster.client)


def test_the_lab_goes_on_without_the_api_server(lab, core):
    before = lab.counts().hashes
    with faults.without("kube-apiserver"), pytest.raises(HTTPError):
        core.list_node(_request_timeout=5)
    after = wait_for(lab.counts, 30, "the counter", every=0.2).hashes
    assert after > before


def test_a_watch_from_too_long_ago_is_refused(core):
    """410 Gone, as an event: the client has to list again."""
    version = faults.expired_version(core)
    with pytest.raises(ApiException) as refused:
        for _ in Watch().stream(core.list_namespace, resource_version=version, timeout_seconds=5):
            pass
    assert refused.value.status == 410


@pytest.mark.timeout(300)
def test_a_stopped_node_is_noticed_and_comes_back(lab, core):
    with faults.without_node():
        wait_for(lambda: faults.ready(core) == "Unknown", 120, "the node's absence", every=1)
        assert lab.counts() is None
    wait_for(lambda: faults.ready(core) == "True", 60, "the node", every=0.5)
    lab.wait_ready(120)
    first = wait_for(lab.counts, 60, "the counter", every=0.5).hashes
    wait_for(lambda: lab.counts().hashes > first, 30, "more hashes", every=0.5)


def test_the_autoscaler_stands_still_without_its_controller(lab, core):
    with faults.without("kube-controller-manager"):
        lab.apps.patch_namespaced_deployment_scale("worker", lab.namespace, {"spec": {"replicas": 2}})
        assert len(lab.pods("worker")) == 1
    wait_for(lambda: len(lab.pods("worker")) == 2, 60, "the second worker", every=0.5)
