"""The least rights that dclab needs: in its namespace, and the few in the cluster.

Server-side apply needs `create` beside `patch`. The cluster tests compare what is here with the requests that dclab
makes, in both directions.
"""

from __future__ import annotations

from dclab.manifests import Manifest

__all__ = ["ROLE", "roles"]

ROLE = "dclab"
"""Name of the Role in the namespace."""

_APPLY = ["list", "create", "patch", "deletecollection"]
_LOOK = ["get", "list", "watch"]

IN_THE_NAMESPACE = (
    # `get` and `watch` of services also for Prometheus, as of pods and endpointslices: its account may look at the
    # lab, and nobody can give a right that they lack.
    ([""], ["services"], [*_LOOK, "create", "patch", "deletecollection"]),
    ([""], ["configmaps"], _APPLY),
    ([""], ["serviceaccounts"], [*_APPLY, "watch"]),
    (["apps"], ["deployments"], ["get", "list", "create", "patch", "delete", "deletecollection"]),
    (["apps"], ["deployments/scale"], ["patch"]),
    (["autoscaling"], ["horizontalpodautoscalers"], [*_APPLY, "get", "delete"]),
    (["batch"], ["jobs"], [*_LOOK, "create", "delete", "deletecollection"]),
    # By one the lab is held while an experiment runs.
    (["coordination.k8s.io"], ["leases"], [*_APPLY, "get", "delete"]),
    (["networking.k8s.io"], ["networkpolicies"], _APPLY),
    (["rbac.authorization.k8s.io"], ["roles", "rolebindings"], _APPLY),
    (["discovery.k8s.io"], ["endpointslices"], _LOOK),
    ([""], ["pods"], _LOOK),
    ([""], ["pods/log"], ["get"]),
    # From Kubernetes 1.35 on, a WebSocket needs `create`, too.
    ([""], ["pods/portforward"], ["get", "create"]),
    ([""], ["events"], ["list"]),
    (["apps"], ["replicasets"], ["list"]),
    (["metrics.k8s.io"], ["pods"], ["list"]),
    # To see, before the namespace is removed, that nothing of someone else's goes with it. Whoever may make pods in a
    # namespace can read its secrets anyway (https://kubernetes.io/docs/concepts/security/rbac-good-practices/).
    ([""], ["secrets", "persistentvolumeclaims"], ["list"]),
    (["apps"], ["statefulsets", "daemonsets"], ["list"]),
)


def roles(namespace: str) -> list[Manifest]:
    """Return a Role for everything within the namespace, and a ClusterRole for the namespace itself and the nodes."""
    inside = [{"apiGroups": groups, "resources": kinds, "verbs": verbs} for groups, kinds, verbs in IN_THE_NAMESPACE]
    outside = [
        {
            "apiGroups": [""],
            "resources": ["namespaces"],
            "resourceNames": [namespace],
            "verbs": ["get", "patch", "delete", "list", "watch"],
        },
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["create"]},
        # Their addresses for NodePorts, the images that they hold, their architecture.
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]},
    ]
    return [
        _role("Role", {"name": ROLE, "namespace": namespace}, inside),
        _role("ClusterRole", {"name": f"{ROLE}-{namespace}"}, outside),
    ]


def _role(kind: str, metadata: Manifest, rules: list[Manifest]) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "rules": rules,
    }
