"""A cluster's API, over the official client, patient with a server that is away for a while.

What is sent are plain mappings, as in `manifests/`; what is read is decoded into the types of `objects`. What goes
wrong becomes one of dclab's errors here, so that nothing above knows HTTP or JSON.
"""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from kubernetes.client import ApiClient, ApiException
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import HTTPError

from dclab.engines.kube import faults
from dclab.engines.kube.objects import Listed, Object, Status, decode
from dclab.engines.kube.tunnel import PortForward
from dclab.errors import DclabError, NotAnswering
from dclab.manifests import Manifest

__all__ = ["Api", "path_of"]

FIELD_MANAGER = "dclab"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"

PATIENCE = 45.0
"""Seconds for which a request is tried again while the server does not answer, or is not ready to."""

ANSWER_TIMEOUT = 10.0

OUTAGE_SECONDS = 2.0
"""A server that was away for longer may have missed something; a hiccup is none."""

WATCH_SECONDS = 20
"""How long a watch lasts before it is started again, so that a network that swallows it costs no more."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0

PLURALS = {"NetworkPolicy": "networkpolicies"}
"""Kinds whose plural is not the kind in lower case with an s."""
CLUSTER_WIDE = {"APIService", "ClusterRole", "ClusterRoleBinding", "Namespace", "Node"}

AWAY = {429, 500, 502, 503, 504}

ADDED = ("/apis/metrics.k8s.io/", "/apis/custom.metrics.k8s.io/", "/apis/external.metrics.k8s.io/")
"""APIs that other servers answer through this one: when they do not, this one is there all the same."""

T = TypeVar("T")
K = TypeVar("K", bound=Object)


def path_of(api_version: str, kind: str, namespace: str, name: str = "") -> str:
    """URL path of a kind's collection, or of one object in it."""
    group = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    where = "" if kind in CLUSTER_WIDE else f"/namespaces/{namespace}"
    return f"{group}{where}/{PLURALS.get(kind, kind.lower() + 's')}" + (f"/{name}" if name else "")


class Api:
    """Requests to one API server.

    Every method raises DclabError: LabLost when the server stays away, Forbidden, NotFound … as `faults` has them.
    """

    def __init__(self, client: ApiClient, context: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Headers are sent with every request, beside its own."""
        self.client = client
        self.context = context
        self.headers = headers
        self.patience = PATIENCE
        self.answer_seconds = ANSWER_TIMEOUT
        self.last_away = -math.inf
        """When an outage was last noticed, on time.monotonic()."""

    @property
    def server(self) -> str:
        """URL of the server."""
        return str(self.client.configuration.host)

    def impatient(self) -> Api:
        """Return the same API, of which nothing is asked again."""
        other = copy.copy(self)
        other.patience = 0.0
        return other

    def get(self, path: str, kind: type[T], **query: str | int) -> T:
        """Read an object."""
        return self._decode(self._request("GET", path, query), kind, path)

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
        return self._request("GET", path, query).decode(errors="replace")

    def follow(self, path: str) -> Iterator[bytes]:
        """A log from its start, as it grows, until its container ends."""
        answer = self._open("GET", path, {"follow": "true"}, read_timeout=None)
        try:
            yield from answer.stream(65536)
        except HTTPError:
            return
        finally:
            answer.close()

    def forward(self, path: str, port: int) -> PortForward:
        """A request for connections to a port of the pod at `path`."""
        _, url, headers, *_ = self._serialized("GET", f"{path}/portforward", {"ports": port})
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
        path = path_of(manifest["apiVersion"], manifest["kind"], namespace, manifest["metadata"]["name"])
        query = {"fieldManager": manager, "force": "true" if force else "false"} | (
            {"dryRun": "All"} if dry_run else {}
        )
        self._change("PATCH", path, query, manifest, APPLY)

    def would_be(self, manifest: Manifest, namespace: str, kind: type[T]) -> T:
        """Return what the server would make of an object, were it applied: with defaults, and without what it does not know."""
        path = path_of(manifest["apiVersion"], manifest["kind"], namespace, manifest["metadata"]["name"])
        query = {"fieldManager": FIELD_MANAGER, "force": "true", "dryRun": "All"}
        return self._decode(self._request("PATCH", path, query, manifest, APPLY), kind, path)

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
        """List, then watch, until `done` of the objects is neither None nor False; None when time is up.

        A watch that drops is taken up where it was; one that has expired, or that the server knows nothing of, begins with
        a new list. NotAnswering: the server is away when time is up.
        """
        end = time.monotonic() + seconds
        while True:
            try:
                listed: Listed[K] = self.get(path, Listed[kind], **query)  # type: ignore[valid-type]
            except NotAnswering:
                if time.monotonic() > end:
                    raise
                continue
            objects: dict[str, K] = {one.metadata.name: one for one in listed.items}
            version = listed.metadata.resource_version
            if found := done(list(objects.values())):
                return found
            while (left := end - time.monotonic()) > 0:
                try:
                    length = min(WATCH_SECONDS, max(1, round(left)))
                    for event, one in self._events(path, kind, version, length, query):
                        version = one.metadata.resource_version
                        if event == "DELETED":
                            objects.pop(one.metadata.name, None)
                        else:
                            objects[one.metadata.name] = one
                        if found := done(list(objects.values())):
                            return found
                except (faults.Expired, NotAnswering):
                    time.sleep(FIRST_PAUSE)
                    break
                except HTTPError:
                    pass
                time.sleep(FIRST_PAUSE)  # of a server that ends each watch at once not too much is asked
            else:
                return None

    def _events(
        self, path: str, kind: type[K], version: str, seconds: int, query: Mapping[str, str | int]
    ) -> Iterator[tuple[str, K]]:
        """What a watch tells: ADDED, MODIFIED or DELETED, and the object; Expired at its error."""
        wanted = {**query, "watch": "true", "resourceVersion": version, "timeoutSeconds": seconds}
        answer = self._open("GET", path, wanted, read_timeout=seconds + self.answer_seconds)
        try:
            rest = b""
            for chunk in answer.stream(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in filter(None, lines):
                    event = self._decode(line, _Event, path)
                    if event.type == "ERROR":
                        raise faults.Expired(self._convert(event.object, Status, path).message)
                    yield event.type, self._convert(event.object, kind, path)
        finally:
            answer.close()

    def _decode(self, body: bytes, kind: type[T], path: str) -> T:
        """The one place in which an answer becomes a type; NotKubernetes when it cannot."""
        try:
            answer = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise faults.not_kubernetes(self.server, f"{path} answers {_beginning(body)}") from error
        return self._convert(answer, kind, path)

    def _convert(self, answer: Any, kind: type[T], path: str) -> T:
        try:
            return decode(answer, kind)
        except (msgspec.ValidationError, RecursionError) as error:
            raise faults.not_kubernetes(self.server, f"{path}: {error}") from error

    def _change(self, method: str, path: str, query: Mapping[str, Any], body: Any, kind: str = "") -> None:
        self._decode(self._request(method, path, query, body, kind), _Answer, path)

    def _request(self, method: str, path: str, query: Mapping[str, Any], body: Any = None, kind: str = "") -> bytes:
        return bytes(self._open(method, path, query, body, kind, read_timeout=self.answer_seconds, whole=True))

    def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: Any = None,
        kind: str = "",
        *,
        read_timeout: float | None,
        whole: bool = False,
    ) -> Any:
        """The open answer of a request, or its `whole` body; tried again while the server is away."""
        begin = time.monotonic()
        pause = FIRST_PAUSE
        while True:
            try:
                answer = self._once(method, path, query, body, kind, read_timeout)
                said = answer.read() if whole or answer.status >= 400 else b""
            except HTTPError as error:
                failure: DclabError = faults.unreachable(self.context, self.server, error)
            except ApiException as error:  # the client's word for a failed TLS handshake
                raise faults.unreachable(self.context, self.server, error) from error
            except ValueError as error:  # a token or a header that HTTP cannot carry
                raise faults.unsendable(self.context, error) from error
            else:
                status = answer.status
                if status < 400:
                    if pause > FIRST_PAUSE and time.monotonic() - begin > OUTAGE_SECONDS:
                        self.last_away = time.monotonic()
                    return said if whole else answer
                failure = faults.refused(status, bytes(said), method, path)
                if status not in AWAY or path.startswith(ADDED) or isinstance(failure, faults.Expired):
                    raise failure
            if time.monotonic() + pause - begin > self.patience:
                self.last_away = time.monotonic()
                raise failure
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _once(
        self, method: str, path: str, query: Mapping[str, Any], body: Any, kind: str, read_timeout: float | None
    ) -> Any:
        method, url, headers, body, post = self._serialized(method, path, query, body, kind)
        timeout = (self.answer_seconds / 2, read_timeout)
        return self.client.call_api(method, url, headers, body, post, _request_timeout=timeout).response

    def _serialized(
        self, method: str, path: str, query: Mapping[str, Any], body: Any = None, kind: str = ""
    ) -> tuple[Any, ...]:
        """A request with its credentials: method, URL, headers, body and more, as the client takes them."""
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = kind or "application/json"
        method, url, sent, body, post = self.client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        repeatable = HTTPHeaderDict(sent)
        for name, value in self.headers:
            repeatable.add(name, value)
        return method, url, repeatable, body, post


class _Answer(msgspec.Struct, frozen=True):
    """What every answer to a change has: it is a Status, an object or a list."""

    kind: str


class _Event(msgspec.Struct, frozen=True):
    """One line of a watch."""

    type: str
    object: Any = None


def _beginning(body: bytes) -> str:
    text = " ".join(body[:80].decode(errors="replace").split())
    return f"{text!r}, which is not JSON" if text else "with nothing"
