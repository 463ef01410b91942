"""Which lab a namespace holds, and in which state it is: read from the namespace each time.

A lab is its namespace's uid and a mark in it, since a namespace may outlive a lab: `down` keeps one that holds someone
else's objects, and a cluster's administrator may have made it. `down` takes the mark away before anything else.
"""

from __future__ import annotations

import secrets

from dclab import __version__
from dclab.engines import states
from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.faults import Conflict, Forbidden, NotFound
from dclab.engines.kube.lab import rollout
from dclab.engines.kube.lab.namespace import ensure_ours
from dclab.engines.kube.labels import MARK, VERSION
from dclab.engines.kube.objects import Namespace
from dclab.errors import DclabError, LabEnded, Refused
from dclab.lab import SERVICES

__all__ = ["instance_of", "is_lab", "mark_of", "new_mark", "set_mark", "take_mark", "why_ended", "why_unusable"]


def mark_of(namespace: Namespace | None) -> str:
    """Return the mark of the lab in a namespace; empty where there is none, or it is being removed."""
    if namespace is None or namespace.metadata.deletion_timestamp is not None:
        return ""
    return namespace.metadata.annotations.get(MARK, "")


def instance_of(namespace: Namespace | None) -> str:
    """Return what tells the lab in a namespace from any other; empty where there is none."""
    mark = mark_of(namespace)
    return f"{namespace.metadata.uid}/{mark}" if namespace is not None and mark else ""


def new_mark() -> str:
    """Return a mark that no other lab has."""
    return secrets.token_hex(8)


def set_mark(api: Api, name: str, mark: str) -> Namespace:
    """Mark our namespace, unless it is marked; return it with the mark that it has. Of two at once, one wins.

    Raises:
        NotFound: the namespace is gone.
    """
    path = path_of("v1", "Namespace", "", name)
    while True:
        found = api.get(path, Namespace)
        if MARK in found.metadata.annotations:
            return found
        try:
            metadata = {"resourceVersion": found.metadata.resource_version, "annotations": {MARK: mark}}
            api.merge(path, {"metadata": metadata})
        except Conflict:
            continue


def take_mark(api: Api, name: str) -> None:
    """Take the mark away: clients of the lab see that it was ended."""
    try:
        api.merge(path_of("v1", "Namespace", "", name), {"metadata": {"annotations": {MARK: None}}})
    except (Forbidden, NotFound):  # a user who may not change the namespace can still end what is in it
        return


def why_ended(api: Api, name: str, instance: str, where: str) -> LabEnded | None:
    """Return the error for a lab that is there no more, or in whose place is another one; None when it is there.

    Args:
        api: of its cluster.
        name: its namespace's.
        instance: of it.
        where: options that name it in a command.
    """
    try:
        now = instance_of(ensure_ours(api, name))
    except Refused:
        return states.ended(name, where, replaced=True)
    if now == instance:
        return None
    return states.ended(name, where, replaced=bool(now))


def why_unusable(namespace: Namespace, deployments: list[str], where: str) -> DclabError | None:
    """Return the error for a lab that another version has started, or of which something is gone; None for a good one."""
    name = namespace.metadata.name
    version = namespace.metadata.annotations.get(VERSION, "")
    if version != __version__:
        return states.other_version(name, version, where)
    if missing := [one for one in SERVICES if one not in deployments]:
        return states.crashed(name, f"Someone has deleted its deployments {', '.join(missing)}.", where)
    return None


def is_lab(namespace: Namespace | None, api: Api) -> bool:
    """Whether a namespace of ours holds a lab, in whichever state."""
    if namespace is None or namespace.metadata.deletion_timestamp is not None:
        return False
    if mark_of(namespace):
        return True
    # Before versions were written down there were no marks either; what `down` has left of one is no lab.
    old = VERSION not in namespace.metadata.annotations
    return old and bool(rollout.names(api, namespace.metadata.name))
