"""For how many replicas a cluster has room, and that nothing is asked for each pod."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.cli.lab_state import deployment_states, lab_troubles
from dclab.engines.kube import launch
from dclab.engines.kube.cluster.images import BUILD, Images
from dclab.engines.kube.lab.rollout import wait_settled
from dclab.engines.kube.lab.room import room_on
from dclab.engines.kube.labels import OURS
from dclab.engines.kube.objects import Node, decode
from dclab.engines.kube.workloads import Deployment, Pod
from dclab.errors import TimedOut

LAB = "dockercoins"
WORKER = {
    "metadata": {"name": "worker", "namespace": LAB},
    "spec": {
        "selector": {"matchLabels": {"app": "worker"}},
        "template": {"spec": {"containers": [{"resources": {"requests": {"cpu": "20m", "memory": "64Mi"}}}]}},
    },
}


def node(name="n", cpu="2", memory="4Gi", pods=110, **spec):
    return {
        "metadata": {"name": name},
        "spec": spec,
        "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": f"{pods}"}},
    }


def pod(name, on, cpu="20m", memory="64Mi", namespace=LAB, app="worker", phase="Running", **spec):
    containers = [{"resources": {"requests": {"cpu": cpu, "memory": memory}}}]
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": app}},
        "spec": {"nodeName": on, "containers": containers, **spec},
        "status": {"phase": phase},
    }


def found(nodes, pods, **more):
    return room_on(decode(nodes, list[Node]), decode(pods, list[Pod]), decode(WORKER, Deployment), **more)


@pytest.mark.parametrize(
    ("nodes", "pods", "replicas", "why"),
    [
        ([node()], [], 64, "1 node has 4295 MB of memory left, and a replica asks for 67 MB"),
        ([node(memory="64Gi")], [], 100, "1 node has 2000m of CPU left, and a replica asks for 20m"),
        ([node(cpu="64", memory="64Gi")], [], 110, "1 node has room for 110 pods left"),
        ([node("a", cpu="50m"), node("b", cpu="50m")], [], 4, "2 nodes have 100m of CPU left"),
        # What runs takes its part, and that of the deployment itself counts.
        ([node(cpu="100m")], [pod("x", "n", "40m", app="other"), pod("w", "n")], 3, "1 node has 40m of CPU left"),
        ([node(cpu="100m")], [pod("w", "n", namespace="other")], 4, "80m"),
        ([node(cpu="100m")], [pod("w", "n", phase="Succeeded"), pod("v", "")], 5, "100m"),
        (
            [node(cpu="100m")],
            [pod("x", "n", app="x", initContainers=[{"resources": {"requests": {"cpu": "60m"}}}])],
            2,
            "40m",
        ),
        ([node(cpu="100m", unschedulable=True)], [], 0, "0 nodes"),
        ([node(cpu="100m", taints=[{"key": "x", "effect": "NoSchedule"}])], [], 0, "0 nodes"),
        ([node(cpu="100m", taints=[{"key": "x", "effect": "PreferNoSchedule"}])], [], 5, "100m"),
        ([node(cpu="10m")], [pod("w", "n")], 1, "0m of CPU"),
    ],
)
def test_room_on_nodes(nodes, pods, replicas, why):
    room = found(nodes, pods)
    assert room.replicas == replicas
    assert why in room.why


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400), st.integers(0, 6)), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200)), max_size=6),
)
def test_as_many_as_a_scheduler_can_place(nodes, others):
    listed = [node(str(i), f"{cpu}m", f"{memory}M", pods) for i, (cpu, memory, pods) in enumerate(nodes)]
    there = [pod(f"p{i}", str(on % len(nodes)), f"{cpu}m", "0", app="x") for i, (on, cpu) in enumerate(others)]
    placed = 0
    while True:
        free = [
            one["metadata"]["name"]
            for one, (cpu, memory, pods) in zip(listed, nodes, strict=True)
            for own in [[each for each in there if each["spec"]["nodeName"] == one["metadata"]["name"]]]
            if sum(int(each["spec"]["containers"][0]["resources"]["requests"]["cpu"][:-1]) for each in own) + 20 <= cpu
            and sum(each["metadata"]["labels"]["app"] == "worker" for each in own) * 67.108864 + 67.108864 <= memory
            and len(own) < pods
        ]
        if not free:
            break
        there.append(pod(f"w{placed}", free[0]))
        placed += 1
    assert found(listed, [one for one in there if one["metadata"]["labels"]["app"] == "x"]).replicas == placed
    assert found(listed, there).replicas == placed


def test_who_may_not_see_other_namespaces_is_told_so(cluster):
    launch.start(launch.place("mine", LAB), Images(BUILD), lambda _: None)
    lab = launch.find_lab(launch.place("mine", LAB))
    assert lab.room("worker") is None, "its node does not say what it can allocate"
    cluster.put("nodes", "", "n", **{key: value for key, value in node().items() if key != "metadata"})
    cluster.put("pods", "other", "x", **pod_fields("x", app="x", ready=True))
    assert lab.room("worker").replicas == 62
    cluster.fail = lambda _, path: 403 if path == "/api/v1/pods" else None
    room = lab.room("worker")
    assert room.replicas == 64
    assert "without what runs in other namespaces" in room.why
    cluster.fail = lambda _, path: 403 if path == "/api/v1/nodes" else None
    assert lab.room("worker") is None


def test_while_every_node_counts_as_silent_nothing_is_said_of_their_room(cluster):
    """Controllers take them for silent for a while after an outage of the API server."""
    launch.start(launch.place("mine", LAB), Images(BUILD), lambda _: None)
    lab = launch.find_lab(launch.place("mine", LAB))
    for name, taint in (("node", "unreachable"), ("other", "not-ready")):
        found = {key: value for key, value in node().items() if key != "metadata"}
        spec = {"taints": [{"key": f"node.kubernetes.io/{taint}", "effect": "NoSchedule"}]}
        cluster.put("nodes", "", name, **{**found, "spec": spec})
    assert lab.room("worker") is None
    cluster.put("nodes", "", "third", **{key: value for key, value in node().items() if key != "metadata"})
    assert "1 node has" in lab.room("worker").why


def pod_fields(name, app, ready):
    """A pod as large as a real one's JSON is."""
    made = pod(name, "n", "20m", "128Mi", app=app)
    made["metadata"]["labels"] |= OURS
    made["metadata"]["managedFields"] = [{"manager": "kubelet", "fieldsV1": {f"f:{i}": {} for i in range(150)}}]
    if ready:
        made["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    else:
        made["spec"]["nodeName"] = ""
        made["status"]["phase"] = "Pending"
        message = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption."
        made["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": message}]
    return {
        "metadata": {"labels": made["metadata"]["labels"], "managedFields": made["metadata"]["managedFields"]},
        **{key: value for key, value in made.items() if key != "metadata"},
    }


@pytest.fixture
def crowded(cluster):
    """A lab with so many workers, of which 50 fit; the others wait for room, as do all rngs."""
    lab, _ = launch.start(launch.place("mine", LAB), Images(BUILD), lambda _: None)

    def fill(count):
        for kind, namespace, name in list(cluster.objects):
            if kind == "pods":
                del cluster.objects[kind, namespace, name]
        for index in range(count):
            cluster.put("pods", LAB, f"worker-{index}", **pod_fields(f"worker-{index}", "worker", index < 50))
        cluster.put("pods", LAB, "rng-0", **pod_fields("rng-0", "rng", ready=False))
        cluster.get("deployments", LAB, "worker")["spec"]["replicas"] = count
        cluster.asked.clear()
        return lab

    return fill


def test_status_asks_as_often_whatever_the_number_of_pods_and_in_time(cluster, crowded):
    asked = {}
    for count in (10, 100, 300):
        crowded(count)
        began = time.monotonic()
        lab = launch.find_lab(launch.place("mine", LAB))
        states = deployment_states(lab)
        troubles = lab_troubles(lab, states)
        lab.addresses()
        seconds = time.monotonic() - began
        asked[count] = len(cluster.asked)
        assert states["worker"].desired == count
        assert states["worker"].ready == min(count, 50)
        assert any("rng-0 is Pending" in one for one in troubles)
        assert seconds < 10, seconds
    assert asked[10] == asked[100] == asked[300] <= 20, asked


def test_waiting_asks_as_often_a_look_whatever_the_number_of_pods(cluster, crowded, monkeypatch):
    monkeypatch.setattr("dclab.engines.kube.lab.diagnose.UNSCHEDULED_SECONDS", 0.0)
    for count in (10, 300):
        lab = crowded(count)
        with pytest.raises(TimedOut, match="rng"):
            wait_settled(lab.api, LAB, ["rng", "worker"], 60)
        # Deployments, pods and replica sets in the one look; then whether a cluster autoscaler adds a node.
        kinds = [path.partition("?")[0].rpartition("/")[2] for _, path in cluster.asked]
        assert kinds == ["deployments", "pods", "replicasets", "events"]
