"""Starting and finding labs on a cluster.

What a lab is made of is read from the cluster alone: the namespace says whose it is and where its images come
from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.cluster import minikube
from dclab.engines.kube.cluster.connect import connect, is_local
from dclab.engines.kube.cluster.images import Images, images_of
from dclab.engines.kube.cluster.kubeconfig import Context, contexts, find_context
from dclab.engines.kube.cluster.own import Stopped, connect_own
from dclab.engines.kube.cluster.profile import PROFILE, find_profile
from dclab.engines.kube.cluster.provide import provide
from dclab.engines.kube.faults import Forbidden, NoAnswer, NoCluster, NotKubernetes, half_done
from dclab.engines.kube.lab import hold, rollout
from dclab.engines.kube.lab.client import KubeLab
from dclab.engines.kube.lab.instance import instance_of, is_lab, mark_of, new_mark, set_mark, why_unusable
from dclab.engines.kube.lab.lease import Lease
from dclab.engines.kube.lab.namespace import claim, ensure_ours, is_ours, namespace_manifest
from dclab.engines.kube.lab.removal import remove
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.objects import Namespace
from dclab.engines.kube.transport import ANSWER_TIMEOUT
from dclab.errors import InvalidInput, LabCrashed, OtherVersion, Refused
from dclab.lab import LabSummary

__all__ = ["Ended", "Place", "end", "exists", "find_lab", "labs", "place", "start"]

USUAL_NAME = "dockercoins"
"""The namespace of a lab that was given no name."""

LIST_SECONDS = 3.0
"""How long `labs` waits for an answer: half of it for the connection, and then that long for what was asked."""


@dataclass(frozen=True)
class Place:
    """A cluster that answers, and the namespace in it; nothing has been changed there yet."""

    api: Api
    namespace: str
    version: str
    local: bool
    context_name: str | None = None
    """As the user named it; None for dclab's own profile."""

    @property
    def options(self) -> str:
        """Options that name it in a command, each behind a space."""
        context = f" --context {self.context_name}" if self.context_name else " --engine kube"
        return context + (f" --name {self.namespace}" if self.namespace != USUAL_NAME else "")

    def __str__(self) -> str:
        return (
            f"Kubernetes {self.version} of the context {self.api.context!r} at {self.api.server}, "
            f"namespace {self.namespace!r}"
        )


def place(context_name: str | None, namespace: str) -> Place:
    """Where a lab would be: in a context of the user's, or for None in dclab's own profile.

    Raises:
        InvalidInput: there is no such context.
        NoAnswer: nothing answers there.
        NoCluster: there is no profile of dclab's own.
        Refused: minikube has a profile of that name that is not dclab's.
    """
    try:
        context, api, version = _connect(context_name)
    except NoAnswer as error:
        raise type(error)(f"The lab {namespace!r} does not answer.", f"{error.what} {error.why}", error.hint) from error
    return Place(api, namespace, version, is_local(context, api), context_name)


def _connect(context_name: str | None, seconds: float = ANSWER_TIMEOUT) -> tuple[Context, Api, str]:
    if context_name is None:
        return connect_own(seconds)
    context = find_context(context_name)
    if context is None:
        raise _no_context(context_name)
    return context, *connect(context, seconds)


def _no_context(name: str | None) -> InvalidInput:
    known = ", ".join(one.name for one in contexts())
    return InvalidInput(
        f"There is no context {name!r}.",
        f"Your kubeconfig has: {known}." if known else "Your kubeconfig has no context.",
        "See `kubectl config get-contexts`.",
    )


def labs(context_name: str | None) -> list[LabSummary]:
    """Return the labs in a context of the user's, or for None in dclab's own profile; no other cluster is contacted.

    A cluster that does not answer within about 5 s, or does not run, is one lab of the usual name, in that state. A user who
    may not list namespaces gets the lab of the usual name.

    Raises:
        InvalidInput: there is no such context, or its entry cannot be used.
        Forbidden: the user may not even see the usual namespace.
    """
    name = context_name or PROFILE
    try:
        _, api, _ = _connect(context_name, LIST_SECONDS)
    except (NoAnswer, NotKubernetes) as error:
        state: Literal["stopped", "not answering"] = "stopped" if isinstance(error, Stopped) else "not answering"
        return [LabSummary(name=USUAL_NAME, engine="kube", state=state, context=name)]
    except (NoCluster, Refused):  # there is no profile, or none of dclab's
        return []
    api.patience = 0.0
    return [
        LabSummary(name=one.metadata.name, engine="kube", state=_state(api, one), context=name)
        for one in _namespaces(api)
        if is_lab(one, api)
    ]


def _state(api: Api, namespace: Namespace) -> Literal["running", "other version", "crashed"]:
    why = why_unusable(namespace, rollout.names(api, namespace.metadata.name), "")
    if isinstance(why, OtherVersion):
        return "other version"
    return "crashed" if why else "running"


def _namespaces(api: Api) -> Sequence[Namespace]:
    """Return dclab's namespaces, as far as the user may see them."""
    try:
        return api.list(path_of("v1", "Namespace", ""), Namespace, labelSelector=SELECTOR)
    except Forbidden:
        usual = api.get_or_none(path_of("v1", "Namespace", "", USUAL_NAME), Namespace)
        return [usual] if usual is not None and is_ours(usual) else []


def exists(where: Place) -> bool:
    """Whether there is a lab in that place, in whichever state; Refused when the namespace is someone else's."""
    return is_lab(ensure_ours(where.api, where.namespace), where.api)


def find_lab(where: Place) -> KubeLab | None:
    """The lab in that place, or None.

    Raises:
        Refused: the namespace is someone else's.
        OtherVersion, LabCrashed: there is one, and it cannot be used.
    """
    namespace = ensure_ours(where.api, where.namespace)
    if namespace is None or not is_lab(namespace, where.api):
        return None
    if why := why_unusable(namespace, rollout.names(where.api, where.namespace), where.options):
        raise why
    return _lab(where, namespace, None)


def _lab(where: Place, namespace: Namespace, lease: Lease | None) -> KubeLab:
    images = images_of(namespace)
    return KubeLab(
        where.api,
        where.namespace,
        images,
        instance=instance_of(namespace),
        context=where.context_name,
        options=where.options,
        lease=lease,
    )


def start(where: Place, images: Images, say: Callable[[str], None], *, leased: bool = False) -> tuple[KubeLab, bool]:
    """Bring the lab up, or up to date, also one that has crashed.

    Args:
        where: to bring it up.
        images: its container images.
        say: takes a line about what is done.
        leased: a lab that was not there before ends with this process, however it ends.

    Returns:
        The lab, and whether it was not there before, or had crashed. Its pods may not be ready yet.

    Raises:
        OtherVersion: another dclab has started the lab that is there.
        LabHeld: a command holds it.
    """
    try:
        there = find_lab(where) is not None
    except LabCrashed:
        there = False
    if there:
        hold.check(where.api, where.namespace, "")
    provide(where.api, images, say)
    mark = new_mark()
    lease = Lease(where.context_name, where.namespace, "lab", mark) if leased and not there else None
    again = f"`dclab up{where.options}` finishes it; `dclab down{where.options}` removes it."
    try:
        with half_done(f"Part of the lab {where.namespace!r} may have been made.", again):
            claim(where.api, namespace_manifest(where.namespace, images), mark)
            namespace = set_mark(where.api, where.namespace, mark)
            if lease:
                lease.covers(mark_of(namespace))
            lab = _lab(where, namespace, lease)
            say(f"applying the manifests to {where.namespace}")
            lab.deploy()
    except BaseException:
        if lease:  # its watchdog takes away what there is already
            lease.end()
        raise
    return lab, not there


class Ended(NamedTuple):
    """What has become of a lab, and of the cluster if that is dclab's own."""

    there: bool
    """Whether there was anything to remove."""
    kept: list[str]
    """What of others keeps the namespace."""
    cluster: Literal["deleted", "was stopped"] | None = None
    """What is in a cluster that was stopped comes back when that is started."""


def end(context_name: str | None, namespace: str, *, cluster: bool) -> Ended:
    """Remove the lab; of dclab's own profile, stop it or (`cluster`) delete it."""
    own = context_name is None
    if own and cluster:
        return Ended(minikube.delete(), [], "deleted")
    if own and find_profile() is None:
        return Ended(False, [])
    try:
        where = place(context_name, namespace)
    except Stopped:
        if minikube.find_state() != "paused":
            return Ended(False, [], "was stopped")
        minikube.unpause()
        where = place(context_name, namespace)
    found = ensure_ours(where.api, namespace)
    if found is None:
        return Ended(False, [])
    there = is_lab(found, where.api) or bool(rollout.names(where.api, namespace))
    with half_done(
        "Part of the lab is removed.", f"`dclab down{where.options}` removes the rest once the cluster is back."
    ):
        kept = remove(where.api, namespace)
    if own:
        minikube.stop()
    return Ended(there or not kept, kept)
