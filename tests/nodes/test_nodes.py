"""The exercise on several nodes: everything is where it has to be, and is counted and measured as on one."""

from __future__ import annotations

import json
import time

import pytest
import requests
from kubernetes.stream import stream

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
    service = lab.core.read_namespaced_service("webui-np", LAB)
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
    (ten,) = lab.run("scale-sweep", "--workers", "10")["sweep"]["points"]
    assert 20 < ten["hashes_per_second"]["mean"] < 28
    lab.run("scale", "rng", "1")


TIMED = """
import http.client, statistics, sys, time
for address in sys.argv[1:]:
    taken = []
    for _ in range(200):
        begin = time.perf_counter()
        connection = http.client.HTTPConnection(address, 8080, timeout=5)
        connection.request("GET", "/")
        connection.getresponse().read()
        connection.close()
        taken.append(1000 * (time.perf_counter() - begin))
    print(statistics.median(taken))
"""


def test_what_the_network_between_nodes_costs(lab):
    """A request to hasher on the worker's own node, and on another."""
    lab.run("scale", "worker", "1")
    lab.run("scale", "hasher", "3")
    try:
        (worker,) = lab.core.list_namespaced_pod(LAB, label_selector="app=worker").items
        hashers = lab.core.list_namespaced_pod(LAB, label_selector="app=hasher").items
        here = [one.status.pod_ip for one in hashers if one.spec.node_name == worker.spec.node_name]
        away = [one.status.pod_ip for one in hashers if one.spec.node_name != worker.spec.node_name]
        assert here
        assert away
        command = ["python", "-c", TIMED, here[0], away[0]]
        call = lab.core.connect_get_namespaced_pod_exec
        said = stream(call, worker.metadata.name, LAB, command=command, stdout=True, stderr=True, stdin=False)
        own, other = map(float, said.split())
        print(f"GET / of hasher, median of 200: {own:.2f} ms on the same node, {other:.2f} ms on another")
        assert other < own + 2
    finally:
        lab.run("scale", "hasher", "1")


def test_latency_names_rng(lab):
    assert lab.run("latency")["bottleneck"]["service"] == "rng"


def test_monitoring_sees_both_services(lab):
    lab.run("scale", "rng", "3")
    found = lab.run("monitor", "--seconds", "40s")
    lab.run("scale", "rng", "1")
    assert set(found["monitoring"]["series"]) == {"rng", "hasher"}


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
    assert said["error"] is None, (said["error"], err)
    (lost_point,) = (one["message"] for one in said["warnings"] if one["code"] == "point-lost")
    assert "which does not report" in lost_point
    points = said["data"]["sweep"]["points"]
    assert 3.1 < points[-1]["hashes_per_second"]["mean"] < 3.5
