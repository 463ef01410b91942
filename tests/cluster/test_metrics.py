"""metrics.k8s.io, and an autoscaler that has no metrics."""

from __future__ import annotations

import time
from datetime import datetime
from itertools import pairwise

import pytest

from dclab import manifests
from dclab.quantity import millicores
from tests.cluster.lab import empty_namespace
from tests.cluster.waiting import wait_for

pytestmark = pytest.mark.cluster

HELD_BACK = "dclab.test/held-back"
"""A label that no node has."""

RESOLUTION = 15
"""Seconds; what addons/metrics-server.yaml asks for; another cluster may have another."""


@pytest.fixture(scope="module")
def held_back(cluster):
    """A namespace whose rng no node takes yet."""
    objects = [one for one in manifests.load() if one["metadata"]["name"] == "rng"]
    manifests.named(objects, "Deployment", "rng")["spec"]["template"]["spec"]["nodeSelector"] = {HELD_BACK: "yes"}
    for one in empty_namespace(cluster.client):
        one.apply([*objects, manifests.autoscaler("rng")])
        yield one


@pytest.fixture(scope="module", autouse=True)
def without_request(cluster):
    """A namespace whose rng asks for no CPU. It is made before all tests here, so that no one waits for it."""
    objects = [one for one in manifests.load() if one["metadata"]["name"] == "rng"]
    (container,) = manifests.named(objects, "Deployment", "rng")["spec"]["template"]["spec"]["containers"]
    container["resources"] = {}
    for one in empty_namespace(cluster.client):
        one.apply([*objects, manifests.autoscaler("rng")])
        yield one


@pytest.mark.slow
def test_readings_come_at_15_seconds(lab, own_cluster):
    """Or at 30: the kubelet looks at its containers every 10 s, with jitter, so that a pass may find nothing new."""
    wait_for(lambda: lab.pod_metrics("rng"), 60, "metrics of rng", every=0.5)
    seen: dict[str, float] = {}

    def four_readings() -> bool:
        for pod in lab.pod_metrics("rng"):
            seen.setdefault(pod["timestamp"], time.monotonic())
        return len(seen) == 4

    wait_for(four_readings, 120, "four readings", every=0.2)
    # The first came before this test looked.
    gaps = [b - a for a, b in pairwise(list(seen.values())[1:])]
    assert gaps == [pytest.approx(RESOLUTION * round(gap / RESOLUTION), abs=2) for gap in gaps]
    assert max(gaps) < 2.5 * RESOLUTION
    times = [datetime.fromisoformat(one) for one in seen]
    assert times == sorted(times)


def test_usage_is_in_a_plausible_range(lab):
    """One worker asks three times a second, and a request costs rng a millisecond of CPU."""
    wait_for(lambda: lab.pod_metrics("rng"), 60, "metrics of rng", every=0.5)
    (pod,) = lab.pod_metrics("rng")
    (container,) = pod["containers"]
    assert 1 <= millicores(container["usage"]["cpu"]) <= 60
    assert container["usage"]["memory"].endswith("Ki")


@pytest.mark.slow
def test_unknown_before_there_are_metrics(held_back):
    """Of a pod that does not run yet there is no reading: `<unknown>`, with the reason."""
    wait_for(lambda: "ScalingActive" in held_back.conditions("rng"), 40, "the autoscaler's first pass", every=0.5)
    active = held_back.conditions("rng")["ScalingActive"]
    assert (active.status, active.reason) == ("False", "FailedGetResourceMetric")
    assert "no metrics returned from resource metrics API" in active.message
    # kubectl shows `<unknown>` for it: there is an entry, and nothing in it.
    assert all(one.resource is None for one in held_back.autoscaler("rng").status.current_metrics)
    held_back.apply([manifests.named(manifests.load(), "Deployment", "rng")])
    wait_for(lambda: held_back.conditions("rng")["ScalingActive"].status == "True", 90, "metrics", every=0.5)


def test_unknown_without_a_cpu_request(without_request):
    """Percent of nothing: the reason names the container."""
    wait_for(lambda: without_request.pod_metrics("rng"), 60, "metrics of rng", every=0.5)

    def why() -> str:
        condition = without_request.conditions("rng").get("ScalingActive")
        return condition.message if condition and "missing request" in condition.message else ""

    assert "missing request for cpu in container rng" in wait_for(why, 40, "the reason", every=0.5)
