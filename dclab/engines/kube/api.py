"""A cluster's API, over the official client: what is done with objects.

What is sent are plain mappings, as in `manifests/`; what is read is decoded into the types of `objects` (`transport`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from urllib3.exceptions import HTTPError

from dclab.engines.kube import faults, watch
from dclab.engines.kube.objects import Listed, Object
from dclab.engines.kube.transport import Transport
from dclab.engines.kube.tunnel import PortForward
from dclab.manifests import Manifest

__all__ = ["Api", "path_of"]

FIELD_MANAGER = "dclab"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"

PLURALS = {"NetworkPolicy": "networkpolicies"}
"""Kinds whose plural is not the kind in lower case with an s."""
CLUSTER_WIDE = {"APIService", "ClusterRole", "ClusterRoleBinding", "Namespace", "Node"}

T = TypeVar("T")
K = TypeVar("K", bound=Object)


def path_of(api_version: str, kind: str, namespace: str, name: str = "") -> str:
    """URL path of a kind's collection, or of one object in it."""
    group = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    where = "" if kind in CLUSTER_WIDE else f"/namespaces/{namespace}"
    return f"{group}{where}/{PLURALS.get(kind, kind.lower() + 's')}" + (f"/{name}" if name else "")


class Api(Transport):
    """What one can ask of one API server.

    Every method raises DclabError: LabLost when the server stays away, Forbidden, NotFound … as `faults` has them.
    """

    def get_or_none(self, path: str, kind: type[T], **query: str | int) -> T | None:
        """Read an object; None when there is none."""
        try:
            return self.get(path, kind, **query)
        except faults.NotFound:
            return None

    def list(self, path: str, kind: type[K], **query: str | int) -> Sequence[K]:
        """Read all objects of a collection."""
        listed: Listed[K] = self.get(path, Listed[kind], **query)  # type: ignore[valid-type]
        return listed.items

    def text(self, path: str, **query: str | int) -> str:
        """Read what is not JSON, such as a log."""
        return self.request("GET", path, query).decode(errors="replace")

    def follow(self, path: str) -> Iterator[bytes]:
        """A log from its start, as it grows, until its container ends."""
        answer = self.open("GET", path, {"follow": "true"}, read_timeout=None)
        try:
            yield from answer.stream(65536)
        except HTTPError:
            return
        finally:
            answer.close()

    def forward(self, path: str, port: int) -> PortForward:
        """A request for connections to a port of the pod at `path`."""
        _, url, headers, *_ = self.serialized("GET", f"{path}/portforward", {"ports": port})
        return PortForward(self.client.configuration, url, list(headers.iteritems()), port)

    def apply(
        self,
        manifest: Manifest,
        namespace: str,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = True,
        dry_run: bool = False,
    ) -> None:
        """Server-side apply: create the object, or take it to what the manifest says of it.

        Args:
            manifest: all that the manager wants of the object; what it has wanted before and is no longer there goes.
            namespace: of the object.
            manager: who wants it: what another manager has applied stays.
            force: take fields from other managers; otherwise Conflict where one of them wants something else.
            dry_run: only see whether it would be accepted.
        """
        self._applied(manifest, namespace, _Answer, manager=manager, force=force, dry_run=dry_run)

    def would_be(self, manifest: Manifest, namespace: str, kind: type[T]) -> T:
        """Return what the server would make of an object, were it applied: with defaults, and without what it does not know."""
        return self._applied(manifest, namespace, kind, manager=FIELD_MANAGER, force=True, dry_run=True)

    def _applied(
        self, manifest: Manifest, namespace: str, kind: type[T], *, manager: str, force: bool, dry_run: bool
    ) -> T:
        path = path_of(manifest["apiVersion"], manifest["kind"], namespace, manifest["metadata"]["name"])
        query = {"fieldManager": manager, "force": "true" if force else "false"} | (
            {"dryRun": "All"} if dry_run else {}
        )
        return self.decode(self.request("PATCH", path, query, manifest, APPLY), kind, path)

    def create(self, manifest: Manifest, namespace: str) -> None:
        """Create an object. Asked for again after a lost answer, it may be there already: that is success."""
        path = path_of(manifest["apiVersion"], manifest["kind"], namespace)
        with contextlib.suppress(faults.AlreadyExists):
            self._change("POST", path, {"fieldManager": FIELD_MANAGER}, manifest)

    def merge(self, path: str, patch: Mapping[str, Any], *, strategic: bool = False) -> None:
        """Change some fields of an object; `strategic`: of named members of its lists."""
        self._change("PATCH", path, {"fieldManager": FIELD_MANAGER}, patch, STRATEGIC if strategic else MERGE)

    def delete(self, path: str, *, version: str = "", **query: str | int) -> None:
        """Delete an object or a collection, with what belongs to it; nothing happens when there is none.

        Conflict: its resource version is not `version`.
        """
        options = {"preconditions": {"resourceVersion": version}} if version else {}
        with contextlib.suppress(faults.NotFound):
            self._change("DELETE", path, query, {"propagationPolicy": "Background", **options})

    def wait(
        self, path: str, kind: type[K], done: Callable[[Sequence[K]], T | None], seconds: float, **query: str | int
    ) -> T | None:
        """List, then watch, until `done` of the objects is neither None nor False; None when time is up (`watch.wait`)."""
        return watch.wait(self, path, kind, done, seconds, **query)

    def _change(self, method: str, path: str, query: Mapping[str, Any], body: Any, kind: str = "") -> None:
        self.decode(self.request(method, path, query, body, kind), _Answer, path)


class _Answer(msgspec.Struct, frozen=True):
    """What every answer to a change has: it is a Status, an object or a list."""

    kind: str
