"""The least rights that dclab needs: in its namespace, and the few in the cluster.

Server-side apply needs `create` beside `patch`. The cluster tests compare what is here with the requests that dclab
makes, in both directions.
"""

from __future__ import annotations

from dclab.manifests import Manifest

__all__ = ["API_SERVICES", "OLDER_API_SERVICES", "ROLE", "roles"]

ROLE = "dclab"
"""Name of the Role in the namespace."""

API_SERVICES = ("v1beta2.custom.metrics.k8s.io", "v1beta1.external.metrics.k8s.io")
"""What dclab registers while autoscalers on other metrics than CPU are compared."""
OLDER_API_SERVICES = ("v1beta1.custom.metrics.k8s.io",)
"""Of the same APIs: dclab looks whether there are any, and never makes one."""

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
    (["batch"], ["jobs"], ["get", "list", "create", "delete", "deletecollection"]),
    # By one the lab is held while an experiment runs.
    (["coordination.k8s.io"], ["leases"], [*_APPLY, "get", "delete"]),
    (["networking.k8s.io"], ["networkpolicies"], _APPLY),
    (["rbac.authorization.k8s.io"], ["roles", "rolebindings"], _APPLY),
    (["discovery.k8s.io"], ["endpointslices"], _LOOK),
    # `delete` to show that another pod takes the place of one that is gone.
    ([""], ["pods"], [*_LOOK, "delete"]),
    ([""], ["pods/log"], ["get"]),
    # From Kubernetes 1.35 on, a WebSocket needs `create`, too.
    ([""], ["pods/portforward"], ["get", "create"]),
    ([""], ["events"], ["list"]),
    (["apps"], ["replicasets"], ["list"]),
    (["metrics.k8s.io"], ["pods"], ["list"]),
    # What autoscalers on other metrics than CPU are told.
    (
        ["custom.metrics.k8s.io"],
        ["pods/dockercoins_in_flight", "pods/dockercoins_requests_per_second", "services/httplat_latency_seconds"],
        ["get"],
    ),
    # To see, before the namespace is removed, that nothing of someone else's goes with it. A user who may make pods in a
    # namespace can read its secrets anyway (https://kubernetes.io/docs/concepts/security/rbac-good-practices/).
    ([""], ["persistentvolumeclaims"], ["list"]),
    # Beside that, a certificate while metrics are served.
    ([""], ["secrets"], _APPLY),
    (["apps"], ["statefulsets", "daemonsets"], ["list"]),
)


def roles(namespace: str) -> list[Manifest]:
    """Return the roles: what is needed within the namespace, the namespace itself and the nodes, and the metrics APIs.

    The last one is for `dclab hpa-compare` and `hpa-demo --metric` alone, and only where the cluster has no such API: a user who
    registers one answers for the whole cluster. Everything else works without it.
    """
    inside = [{"apiGroups": groups, "resources": kinds, "verbs": verbs} for groups, kinds, verbs in IN_THE_NAMESPACE]
    outside = [
        {
            "apiGroups": [""],
            "resources": ["namespaces"],
            "resourceNames": [namespace],
            "verbs": ["get", "patch", "delete", "list", "watch"],
        },
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["create"]},
        # Their addresses for NodePorts, the images that they hold, their architecture; and what they have room for, beside
        # the pods that are there. Without the latter, dclab knows only an upper limit.
        {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["list"]},
    ]
    registering = {"apiGroups": ["apiregistration.k8s.io"], "resources": ["apiservices"]}
    metrics = [
        # `create` by name: server-side apply names what it may have to create.
        {**registering, "resourceNames": list(API_SERVICES), "verbs": ["get", "create", "patch", "delete"]},
        {**registering, "resourceNames": list(OLDER_API_SERVICES), "verbs": ["get"]},
    ]
    return [
        _role("Role", {"name": ROLE, "namespace": namespace}, inside),
        _role("ClusterRole", {"name": f"{ROLE}-{namespace}"}, outside),
        _role("ClusterRole", {"name": f"{ROLE}-{namespace}-metrics"}, metrics),
    ]


def _role(kind: str, metadata: Manifest, rules: list[Manifest]) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "rules": rules,
    }
