"""The one namespace that dclab makes, labels and owns, and what it puts there."""

from __future__ import annotations

from dclab import __version__, manifests
from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.cluster.images import Images
from dclab.engines.kube.labels import IMAGES, MARK, OURS, VERSION
from dclab.engines.kube.objects import Namespace, Object
from dclab.errors import Refused, TimedOut
from dclab.manifests import Manifest

__all__ = ["claim", "ensure_ours", "is_ours", "namespace_manifest", "rendered", "wait_gone"]

POD_SECURITY = "pod-security.kubernetes.io/enforce"


def namespace_manifest(name: str, images: Images) -> Manifest:
    """The namespace; it remembers where its images come from, so that it can be deployed again."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {**OURS, POD_SECURITY: images.pod_security},
            "annotations": {IMAGES: images.source, VERSION: __version__},
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


def claim(api: Api, manifest: Manifest, mark: str) -> None:
    """Make the namespace with a mark, or update ours, which keeps its own; Refused when it is someone else's."""
    name = manifest["metadata"]["name"]
    found = ensure_ours(api, name)
    if found is not None and found.metadata.deletion_timestamp:
        if not wait_gone(api, name, 60):
            raise TimedOut(
                f"The namespace {name!r} is still being removed.",
                "Kubernetes has not ended it within a minute.",
                "Try again in a moment, or take another one with --name.",
            )
        found = None
    if found is None:
        metadata = {**manifest["metadata"], "annotations": {**manifest["metadata"]["annotations"], MARK: mark}}
        api.create({**manifest, "metadata": metadata}, "")
    api.apply(manifest, "")
    # Until it has its account, no pod can be made in it.
    api.wait(path_of("v1", "ServiceAccount", name), Object, bool, 20, fieldSelector="metadata.name=default")


def rendered(name: str, images: Images) -> list[Manifest]:
    """Everything that `up` applies, in its order: the namespace, then services, then the rest."""
    objects = [*manifests.load(), *manifests.optional("nodeports")]
    # A pod is told the addresses of those services that are there when it starts.
    objects.sort(key=lambda one: one["kind"] != "Service")
    return [namespace_manifest(name, images), *images.fit(objects)]


def wait_gone(api: Api, name: str, seconds: float) -> bool:
    """Wait for the end of a namespace; whether it ended."""
    gone = api.wait(
        path_of("v1", "Namespace", ""), Namespace, lambda all_: not all_, seconds, fieldSelector=f"metadata.name={name}"
    )
    return bool(gone)
