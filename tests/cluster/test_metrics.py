"""metrics.k8s.io, and an autoscaler that has no metrics."""

from __future__ import annotations

import copy
import time
from datetime import datetime
from itertools import pairwise

import pytest

from dclab import manifests
from tests.cluster.waiting import wait_for

pytestmark = pytest.mark.cluster

RESOLUTION = 15
"""Seconds; what addons/metrics-server.yaml asks for; another cluster may have another."""


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
    assert 1 <= manifests.millicores(container["usage"]["cpu"]) <= 60
    assert container["usage"]["memory"].endswith("Ki")


def test_unknown_before_there_are_metrics(namespace):
    """Of a pod that does not run yet there is no reading: `<unknown>`, with the reason."""
    (rng,) = [one for one in manifests.load() if (one["kind"], one["metadata"]["name"]) == ("Deployment", "rng")]
    held_back = copy.deepcopy(rng)
    held_back["spec"]["template"]["spec"]["nodeSelector"] = {"dclab.test/held-back": "yes"}
    namespace.apply([held_back, manifests.autoscaler("rng")])
    wait_for(lambda: "ScalingActive" in namespace.conditions("rng"), 40, "the autoscaler's first pass", every=0.5)
    active = namespace.conditions("rng")["ScalingActive"]
    assert (active.status, active.reason) == ("False", "FailedGetResourceMetric")
    assert "no metrics returned from resource metrics API" in active.message
    # kubectl shows `<unknown>` for it: there is an entry, and nothing in it.
    assert all(one.resource is None for one in namespace.autoscaler("rng").status.current_metrics)
    namespace.apply([rng])
    wait_for(lambda: namespace.conditions("rng")["ScalingActive"].status == "True", 90, "metrics", every=0.5)


def test_unknown_without_a_cpu_request(namespace):
    """Percent of nothing: the reason names the container."""
    objects = [one for one in manifests.load() if one["metadata"]["name"] == "rng"]
    (container,) = manifests.find(objects, "Deployment", "rng")["spec"]["template"]["spec"]["containers"]
    container["resources"] = {}
    namespace.apply([*objects, manifests.autoscaler("rng")])
    wait_for(lambda: namespace.pod_metrics("rng"), 60, "metrics of rng", every=0.5)

    def why() -> str:
        condition = namespace.conditions("rng").get("ScalingActive")
        return condition.message if condition and "missing request" in condition.message else ""

    assert "missing request for cpu in container rng" in wait_for(why, 40, "the reason", every=0.5)
