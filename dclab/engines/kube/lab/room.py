"""For how many replicas a cluster has room: what its nodes can allocate, less what the pods on them ask for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.faults import Forbidden
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.objects import ZERO, Node
from dclab.engines.kube.workloads import Deployment, Pod, PodSpec, has_ended
from dclab.lab import Room

__all__ = ["room", "room_on"]

ALL_PODS = "/api/v1/pods"

SILENT = {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}
"""Taints of a node that does not report, which go when it does."""

Amounts = Mapping[str, float]
"""CPU in thousandths of a core, memory in MB, and pods."""

SAID = {"cpu": "{free:.0f}m of CPU", "memory": "{free:.0f} MB of memory", "pods": "room for {free:.0f} pods"}
ASKED = {"cpu": ", and a replica asks for {each:.0f}m", "memory": ", and a replica asks for {each:.0f} MB", "pods": ""}


def room(api: Api, namespace: str, deployment: Deployment) -> Room | None:
    """Return for how many replicas of a deployment there is room, in two requests; None where nodes do not tell.

    They do not where the user may not see them, nor while all of them count as silent: so they do for a while after the
    API server was away.

    A user who may not see the pods of other namespaces gets those of this one alone: there may be less room then.
    """
    try:
        nodes = api.list(path_of("v1", "Node", ""), Node)
    except Forbidden:
        return None
    if not any(one.status.allocatable for one in nodes):
        return None
    if not any(map(_takes_pods, nodes)) and any(map(_is_silent, nodes)):
        return None
    others_unseen = False
    try:
        pods = api.list(ALL_PODS, Pod)
    except Forbidden:
        others_unseen = True
        pods = api.list(path_of("v1", "Pod", namespace), Pod, labelSelector=SELECTOR)
    return room_on(nodes, pods, deployment, others_unseen=others_unseen)


def room_on(nodes: Sequence[Node], pods: Iterable[Pod], deployment: Deployment, *, others_unseen: bool = False) -> Room:
    """Return for how many replicas of a deployment there is room on these nodes, on which these pods are.

    A node that takes no new pods, or only such as tolerate a taint, has no room.
    """
    each = asked_by(deployment.spec.template.spec)
    wanted = deployment.spec.selector.match_labels.items()
    taken: dict[str, dict[str, float]] = {}
    here = 0
    for pod in pods:
        node = pod.spec.node_name
        if not node or has_ended(pod):
            continue
        of_node = taken.setdefault(node, {})
        for name, value in asked_by(pod.spec).items():
            of_node[name] = of_node.get(name, 0.0) + value
        same_namespace = pod.metadata.namespace == deployment.metadata.namespace
        here += same_namespace and pod.metadata.labels.items() >= wanted
    open_nodes = [one for one in nodes if _takes_pods(one)]
    left = [_left(one, taken.get(one.metadata.name, {})) for one in open_nodes]
    more = sum(_fit(one, each) for one in left)
    by_resource = {name: sum(_fit(one, {name: value}) for one in left) for name, value in each.items() if value}
    short = min(by_resource, key=lambda name: by_resource[name])
    free = sum(max(0.0, one[short]) for one in left)
    count = f"{len(open_nodes)} node{'s' * (len(open_nodes) != 1)}"
    has = "has" if len(open_nodes) == 1 else "have"
    why = f"{count} {has} {SAID[short].format(free=free)} left{ASKED[short].format(each=each[short])}"
    if others_unseen:
        why += " (without what runs in other namespaces, which you may not see)"
    return Room(replicas=here + more, why=why)


def asked_by(spec: PodSpec) -> Amounts:
    """What a pod asks for: its containers together, or the largest of those that run before them."""
    return {
        "cpu": _asked(spec, "cpu") * 1000,
        "memory": _asked(spec, "memory") / 1e6,
        "pods": 1.0,
    }


def _asked(spec: PodSpec, what: str) -> float:
    before = max((float(one.resources.requests.get(what, ZERO)) for one in spec.init_containers), default=0.0)
    return max(before, sum(float(one.resources.requests.get(what, ZERO)) for one in spec.containers))


def _takes_pods(node: Node) -> bool:
    return not node.spec.unschedulable and not any(
        one.effect in ("NoSchedule", "NoExecute") for one in node.spec.taints
    )


def _is_silent(node: Node) -> bool:
    return any(one.key in SILENT for one in node.spec.taints)


def _left(node: Node, taken: Mapping[str, float]) -> Amounts:
    allocatable = node.status.allocatable
    return {
        "cpu": allocatable.get("cpu", ZERO).millicores - taken.get("cpu", 0.0),
        "memory": allocatable.get("memory", ZERO).megabytes - taken.get("memory", 0.0),
        "pods": float(allocatable.get("pods", ZERO)) - taken.get("pods", 0.0),
    }


def _fit(left: Amounts, each: Amounts) -> int:
    """How many fit on a node."""
    return max(0, math.floor(min(left[name] / value for name, value in each.items() if value) + 1e-9))
