"""The one namespace that dclab makes, labels and owns, and what it puts there and takes away."""

from __future__ import annotations

from dclab import manifests
from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.cluster.images import Images
from dclab.engines.kube.faults import Forbidden
from dclab.engines.kube.labels import OURS, SELECTOR
from dclab.engines.kube.objects import Namespace, Object, RoleBinding
from dclab.engines.kube.rights import ROLE
from dclab.errors import Refused
from dclab.manifests import Manifest

__all__ = ["claim", "ensure_ours", "is_ours", "namespace_manifest", "remove", "rendered"]

POD_SECURITY = "pod-security.kubernetes.io/enforce"

REMOVED = {
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
    "batch/v1": ("Job",),
    "apps/v1": ("Deployment",),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "rbac.authorization.k8s.io/v1": ("RoleBinding", "Role"),
    "v1": ("Service", "ConfigMap", "ServiceAccount"),
}
"""Every kind that dclab makes, the makers of pods before what the pods need."""

OF_THE_CLUSTER = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default"), ("Service", "kubernetes")}
"""What Kubernetes itself puts into every namespace."""
NOT_OURS_EITHER = {"v1": ("Pod", "Secret", "PersistentVolumeClaim"), "apps/v1": ("StatefulSet", "DaemonSet")}
"""What else would be lost with the namespace."""


def namespace_manifest(name: str, images: Images) -> Manifest:
    """The namespace; it remembers where its images come from, so that it can be deployed again."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {**OURS, POD_SECURITY: images.pod_security},
            "annotations": {"dclab/images": images.source},
        },
    }


def is_ours(one: Object) -> bool:
    """Whether an object bears dclab's labels."""
    return all(one.metadata.labels.get(key) == value for key, value in OURS.items())


def ensure_ours(api: Api, name: str) -> Namespace | None:
    """The namespace when dclab owns it, None when there is none; Refused when it is someone else's."""
    found = api.get_or_none(path_of("v1", "Namespace", "", name), Namespace)
    if found is None or is_ours(found):
        return found
    raise Refused(
        f"The namespace {name!r} of the context {api.context!r} is not dclab's.",
        "It was there before, and may hold someone's work; nothing was changed.",
        "Take another one with --name.",
    )


def claim(api: Api, manifest: Manifest) -> None:
    """Make the namespace, or update ours; Refused when it is someone else's."""
    name = manifest["metadata"]["name"]
    found = ensure_ours(api, name)
    if found is not None and found.metadata.deletion_timestamp:
        wait_gone(api, name, 60)
    api.apply(manifest, "")
    # Until it has its account, no pod can be made in it.
    api.wait(path_of("v1", "ServiceAccount", name), Object, bool, 20, fieldSelector="metadata.name=default")


def rendered(name: str, images: Images) -> list[Manifest]:
    """Everything that `up` applies, in its order: the namespace, then services, then the rest."""
    objects = [*manifests.load(), *manifests.optional("nodeports")]
    # A pod is told the addresses of those services that are there when it starts.
    objects.sort(key=lambda one: one["kind"] != "Service")
    return [namespace_manifest(name, images), *images.fit(objects)]


def remove(api: Api, name: str, seconds: float = 60.0) -> list[str]:
    """Remove everything of ours, and the namespace unless someone else's objects are in it.

    Returns:
        What keeps the namespace, as `Kind/name`; empty when it is gone.
    """
    if ensure_ours(api, name) is None:
        return []
    for version, kinds in REMOVED.items():
        for kind in kinds:
            api.delete(path_of(version, kind, name), labelSelector=SELECTOR)
    api.wait(
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
    if not foreign:
        api.delete(path_of("v1", "Namespace", "", name))
        wait_gone(api, name, seconds)
    return foreign


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


def wait_gone(api: Api, name: str, seconds: float) -> bool:
    """Wait for the end of a namespace; whether it ended."""
    gone = api.wait(
        path_of("v1", "Namespace", ""), Namespace, lambda all_: not all_, seconds, fieldSelector=f"metadata.name={name}"
    )
    return bool(gone)
