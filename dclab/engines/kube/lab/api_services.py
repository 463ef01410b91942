"""Registering the lab's adapter as the cluster's metrics APIs, of which there is one of each a cluster.

An APIService belongs to the whole cluster. One that is not this lab's is never touched; and one that is left behind without
its server would keep every namespace of the cluster from being removed (kubernetes/kubernetes#75788), so ours go first.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.faults import Conflict, Forbidden, NotFound
from dclab.engines.kube.lab.namespace import is_ours
from dclab.engines.kube.labels import METRICS
from dclab.engines.kube.objects import ApiService
from dclab.engines.kube.rights import API_SERVICES, OLDER_API_SERVICES
from dclab.errors import Refused, TimedOut
from dclab.manifests import Manifest

__all__ = ["find_foreign", "register", "unregister", "wait_available"]

EVERY = 0.3


def _path(name: str) -> str:
    return path_of("apiregistration.k8s.io/v1", "APIService", "", name)


def _of(one: ApiService | None, namespace: str) -> bool:
    return one is not None and is_ours(one) and one.spec.service.namespace == namespace


def find_foreign(api: Api, namespace: str, group: str) -> ApiService | None:
    """Return who answers a group of APIs, in whichever version, if that is not the lab in this namespace.

    Clients take the version that is preferred, so another one beside it would take its clients away.

    Raises:
        Forbidden: the user may not see APIServices.
    """
    for name in (*API_SERVICES, *OLDER_API_SERVICES):
        if name.endswith(f".{group}"):
            found = api.get_or_none(_path(name), ApiService)
            if found is not None and not _of(found, namespace):
                return found
    return None


def register(api: Api, namespace: str, manifest: Manifest, *, dry_run: bool = False) -> None:
    """Apply an APIService of the lab's, unless someone else has it, also since a moment ago.

    Raises:
        Forbidden: the user may not.
        Refused: it is someone else's by now.
    """
    try:
        # Fields that another manager has applied are not taken from it; each lab is a manager of its own.
        api.apply(manifest, "", manager=f"dclab-{namespace}", force=False, dry_run=dry_run)
    except Conflict as error:
        raise Refused(
            f"{manifest['metadata']['name']} is not this lab's.",
            "Another program or lab has registered it meanwhile; nothing of it was changed.",
            "Try again once it is gone.",
        ) from error


def wait_available(api: Api, names: Iterable[str], seconds: float) -> None:
    """Return when the API server reaches the servers of these; TimedOut, with what it says, when it does not."""
    end = time.monotonic() + seconds
    for name in names:
        while True:
            found = api.get(_path(name), ApiService)
            if found.available:
                break
            if time.monotonic() > end:
                said = " ".join(one.message for one in found.status.conditions if one.message)
                raise TimedOut(
                    f"{name} is not available after {seconds:.0f} s.",
                    said or "The API server does not say why.",
                    "Check that the API server reaches pods: some clusters need a firewall rule or hostNetwork for that.",
                )
            time.sleep(EVERY)


def unregister(api: Api, namespace: str, token: str | None = None) -> None:
    """Remove those of the lab in this namespace, or those alone that were registered under a hold with this token."""
    for name in API_SERVICES:
        with contextlib.suppress(Conflict, Forbidden, NotFound):  # who may not see them has registered none
            found = api.get(_path(name), ApiService)
            if _of(found, namespace) and token in (None, found.metadata.labels.get(METRICS)):
                api.delete(_path(name), version=found.metadata.resource_version)
