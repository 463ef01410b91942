"""Remove a lab from a cluster: everything that dclab owns, and the namespace unless it also holds objects of others."""

from __future__ import annotations

import contextlib

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.faults import Forbidden
from dclab.engines.kube.lab.api_services import unregister
from dclab.engines.kube.lab.instance import take_mark
from dclab.engines.kube.lab.namespace import ensure_ours, is_ours, wait_gone
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.objects import Namespace, Object, RoleBinding
from dclab.engines.kube.rights import ROLE
from dclab.errors import TimedOut

__all__ = ["remove", "remove_objects"]

REMOVED = {
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
    "batch/v1": ("Job",),
    "coordination.k8s.io/v1": ("Lease",),
    "apps/v1": ("Deployment",),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "rbac.authorization.k8s.io/v1": ("RoleBinding", "Role"),
    "v1": ("Service", "ConfigMap", "ServiceAccount", "Secret"),
}
"""Every kind that dclab makes, the makers of pods before what the pods need."""

OF_THE_CLUSTER = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default"), ("Service", "kubernetes")}
"""What Kubernetes itself puts into every namespace."""
NOT_OURS_EITHER = {"v1": ("Pod", "PersistentVolumeClaim"), "apps/v1": ("StatefulSet", "DaemonSet")}
"""What else would be lost with the namespace."""


def remove(api: Api, name: str, seconds: float = 60.0) -> list[str]:
    """Remove everything of ours, and the namespace unless someone else's objects are in it.

    Returns:
        What keeps the namespace, as `Kind/name`; empty when it is gone.

    Raises:
        Forbidden: everything of ours in it is removed, and the user may not delete the namespace.
        TimedOut: its end has begun, and something holds it up.
    """
    if ensure_ours(api, name) is None:
        return []
    take_mark(api, name)
    unregister(api, name)
    remove_objects(api, name)
    left = api.wait(
        path_of("v1", "Pod", name),
        Object,
        lambda pods: not pods,
        seconds,
        labelSelector="app.kubernetes.io/part-of=dockercoins",
    )
    try:
        foreign = _foreign(api, name)
    except Forbidden as error:
        foreign = [f"what you may not see ({error.what})"]
    if foreign:
        if left is None:
            raise _stuck(api, name, f"Its pods have not ended within {seconds:g} s")
        return foreign
    try:
        api.delete(path_of("v1", "Namespace", "", name))
    except Forbidden as error:
        raise Forbidden(
            f"The lab is removed, but its empty namespace {name!r} is left.",
            f"{error.what} {error.why}",
            f"Have someone who may run `kubectl delete namespace {name}`, or apply the output of `dclab rbac`.",
        ) from error
    if not wait_gone(api, name, seconds):
        raise _stuck(api, name, f"It has not ended within {seconds:g} s")
    return []


def remove_objects(api: Api, name: str, selector: str = SELECTOR) -> None:
    """Delete everything of ours in a namespace, or what of it a label selector selects."""
    for version, kinds in REMOVED.items():
        for kind in kinds:
            # Who may not delete secrets has made none.
            with contextlib.suppress(*[Forbidden] if kind == "Secret" else []):
                api.delete(path_of(version, kind, name), labelSelector=selector)


def _stuck(api: Api, name: str, why: str) -> TimedOut:
    """The error for an end that does not come: a node that is away holds up its pods, an API that is away everything."""
    found = api.get_or_none(path_of("v1", "Namespace", "", name), Namespace)
    told = [one.message for one in found.status.conditions if one.status == "True"] if found else []
    return TimedOut(
        f"The namespace {name!r} is still there.",
        f"{why}{': ' + ' '.join(told) if told else ''}.",
        "Kubernetes goes on removing it; `dclab down` again shows whether it is gone.",
    )


def _foreign(api: Api, name: str) -> list[str]:
    found = []
    for kinds in (REMOVED, NOT_OURS_EITHER):
        for version, each in kinds.items():
            for kind in each:
                for one in api.list(path_of(version, kind, name), RoleBinding if kind == "RoleBinding" else Object):
                    known = (kind, one.metadata.name)
                    if known not in OF_THE_CLUSTER and not is_ours(one) and not _of_the_rights(kind, one):
                        found.append("/".join(known))
    return found


def _of_the_rights(kind: str, one: Object) -> bool:
    """Whether it is the Role of `dclab rbac`, or gives it to someone: without the lab they give nothing."""
    if isinstance(one, RoleBinding):
        return (one.role_ref.kind, one.role_ref.name) == ("Role", ROLE)
    return (kind, one.metadata.name) == ("Role", ROLE)
