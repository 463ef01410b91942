"""The exercise on several nodes: everything is where it has to be, and is counted and measured as on one."""

from __future__ import annotations

import json
import time

import pytest
import requests

from dclab.engines.kube.cluster.images import BUILD, Images
from tests.cluster.waiting import wait_for
from tests.nodes.conftest import LAB

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1200)]


def test_every_node_has_the_images(lab):
    rng = Images(BUILD).name("rng")
    nodes = lab.core.list_node().items
    assert len(nodes) == 3
    assert all(any(rng in (one.names or ()) for one in node.status.images) for node in nodes)


def test_the_web_ui_answers_at_every_node(lab):
    service = lab.core.read_namespaced_service("webui", LAB)
    port = service.spec.ports[0].node_port
    for address in lab.addresses().values():
        assert "hashes" in requests.get(f"http://{address}:{port}/json", timeout=10).json()


def test_a_sweep(lab):
    points = lab.run("scale-sweep", "--workers", "1,3,10")["sweep"]["points"]
    one, three, ten = (point["hashes_per_second"] for point in points)
    assert 3.1 < one["mean"] < 3.5
    assert 9 < three["mean"] < 10.2
    assert 9.5 < ten["mean"] < 10.2
    for rate in (one, three, ten):
        assert (rate["ci95_high"] - rate["ci95_low"]) / 2 < 0.02 * rate["mean"]


def test_replicas_are_spread(lab):
    lab.run("scale", "worker", "10")
    lab.run("scale", "rng", "3")
    assert len(lab.pods("worker")) == 3
    assert len(lab.pods("rng")) >= 2
    rate = lab.run("rate")["hashes_per_second"]
    assert rate["mean"] > 15
    lab.run("scale", "rng", "1")


def test_latency_names_rng(lab):
    assert lab.run("latency")["bottleneck"]["service"] == "rng"


def test_monitoring_reaches_every_replica(lab):
    lab.run("scale", "rng", "3")
    found = lab.run("monitor", "--seconds", "40s")
    lab.run("scale", "rng", "1")
    assert found["monitoring"]


def test_the_autoscaler_spreads_rng(lab):
    timeline = lab.run("hpa-demo", "--load-time", "90s")["autoscale"]["timeline"]
    assert max(point["ready"] for point in timeline) > 1


def test_a_node_that_is_lost_in_a_sweep(lab):
    """What it did to a window is said, the window is done again, and the other points are measured."""
    lab.run("scale", "worker", "1")
    sweep = lab.begin("scale-sweep", "--workers", "6,1")
    lost = sorted(lab.addresses())[2]
    wait_for(lambda: lost in lab.pods("worker"), 60, "a worker on the last node", every=0.2)
    time.sleep(3)
    with lab.without(2):
        out, err = sweep.communicate(timeout=900)
    assert "Traceback" not in err
    said = json.loads(out)
    points = said["data"]["sweep"]["points"]
    assert 3.1 < points[-1]["hashes_per_second"]["mean"] < 3.5
