"""The least rights that dclab needs: in its namespace, and the few in the cluster."""

from __future__ import annotations

from dclab.manifests import Manifest

__all__ = ["roles"]

_MAKE = ["get", "list", "watch", "create", "patch", "delete", "deletecollection"]
_LOOK = ["get", "list", "watch"]

IN_THE_NAMESPACE = (
    ([""], ["services", "configmaps", "serviceaccounts"], _MAKE),
    (["apps"], ["deployments"], _MAKE),
    (["apps"], ["deployments/scale"], ["patch"]),
    (["autoscaling"], ["horizontalpodautoscalers"], _MAKE),
    (["batch"], ["jobs"], _MAKE),
    (["networking.k8s.io"], ["networkpolicies"], _MAKE),
    # For Prometheus, whose account may look at the lab: nobody can give a right that they lack.
    (["rbac.authorization.k8s.io"], ["roles", "rolebindings"], _MAKE),
    (["discovery.k8s.io"], ["endpointslices"], _LOOK),
    ([""], ["pods"], _LOOK),
    ([""], ["pods/log"], ["get"]),
    ([""], ["pods/portforward"], ["get", "create"]),
    ([""], ["events"], ["list"]),
    (["apps"], ["replicasets"], ["list"]),
    (["metrics.k8s.io"], ["pods"], ["get", "list"]),
)


def roles(namespace: str) -> list[Manifest]:
    """A Role for everything within the namespace, and a ClusterRole for the namespace itself and the nodes."""
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
        _role("Role", {"name": "dclab", "namespace": namespace}, inside),
        _role("ClusterRole", {"name": f"dclab-{namespace}"}, outside),
    ]


def _role(kind: str, metadata: Manifest, rules: list[Manifest]) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "rules": rules,
    }
