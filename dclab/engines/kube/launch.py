"""Starting and finding labs on a cluster.

What a lab is made of is read from the cluster alone: the namespace says whose it is and where its images come
from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dclab.engines.kube.api import Api
from dclab.engines.kube.cluster import minikube
from dclab.engines.kube.cluster.connect import connect, is_local
from dclab.engines.kube.cluster.images import Images, images_of
from dclab.engines.kube.cluster.kubeconfig import PROFILE, contexts, find_context
from dclab.engines.kube.cluster.provide import provide
from dclab.engines.kube.faults import NoCluster
from dclab.engines.kube.lab.client import KubeLab
from dclab.engines.kube.lab.namespace import claim, ensure_ours, namespace_manifest, remove
from dclab.errors import InvalidInput

__all__ = ["Place", "end", "find_lab", "place", "start"]


@dataclass(frozen=True)
class Place:
    """A cluster that answers, and the namespace in it; nothing has been changed there yet."""

    api: Api
    namespace: str
    version: str
    local: bool

    def __str__(self) -> str:
        return (
            f"Kubernetes {self.version} of the context {self.api.context!r} at {self.api.server}, "
            f"namespace {self.namespace!r}"
        )


def place(context_name: str | None, namespace: str) -> Place:
    """Where a lab would be: in a context of the user's, or for None in dclab's own profile.

    Raises:
        InvalidInput: there is no such context.
        NoCluster: nothing answers there, or there is no profile of dclab's own.
    """
    context = find_context(context_name)
    if context is None and context_name is None:
        raise NoCluster(
            "There is no cluster of dclab's own.",
            f"minikube has no profile {PROFILE!r} that dclab has made.",
            "`dclab up --engine kube` starts one; --context uses a cluster of yours.",
        )
    if context is None:
        known = ", ".join(one.name for one in contexts())
        raise InvalidInput(
            f"There is no context {context_name!r}.",
            f"Your kubeconfig has: {known}." if known else "Your kubeconfig has no context.",
            "See `kubectl config get-contexts`.",
        )
    api, version = connect(context)
    return Place(api, namespace, version, is_local(context, api))


def find_lab(where: Place) -> KubeLab | None:
    """The lab in that place, or None; Refused when the namespace is someone else's."""
    namespace = ensure_ours(where.api, where.namespace)
    return KubeLab(where.api, where.namespace, images_of(namespace)) if namespace else None


def start(where: Place, images: Images, say: Callable[[str], None]) -> tuple[KubeLab, bool]:
    """Bring the lab up, or up to date.

    Returns:
        The lab, and whether it was not there before. Its pods may not be ready yet.
    """
    there = find_lab(where) is not None
    provide(where.api, images, say)
    claim(where.api, namespace_manifest(where.namespace, images))
    lab = KubeLab(where.api, where.namespace, images)
    say(f"applying the manifests to {where.namespace}")
    lab.deploy()
    return lab, not there


def end(context_name: str | None, namespace: str, *, cluster: bool) -> tuple[bool, list[str]]:
    """Remove the lab; of dclab's own profile, stop it or (`cluster`) delete it.

    Returns:
        Whether there was anything, and what of others keeps the namespace.
    """
    own = context_name is None
    if own and (cluster or not minikube.running()):
        return minikube.delete() if cluster else False, []
    where = place(context_name, namespace)
    if ensure_ours(where.api, namespace) is None:
        return False, []
    kept = remove(where.api, namespace)
    if own:
        minikube.stop()
    return True, kept
