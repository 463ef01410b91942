"""A cluster's API, over the official client: JSON in, JSON out, patient with a server that is away for a while.

Objects are plain mappings, as in `manifests/`. What goes wrong becomes one of dclab's errors here, so that
nothing above knows HTTP.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

from kubernetes.client import ApiClient, ApiException
from urllib3.exceptions import HTTPError

from dclab.engines.kube import faults
from dclab.errors import DclabError, LabLost
from dclab.manifests import Manifest

__all__ = ["Api", "path_of"]

FIELD_MANAGER = "dclab"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"

PATIENCE = 45.0
"""Seconds for which a request is tried again while the server does not answer, or is not ready to."""

ANSWER_TIMEOUT = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0

PLURALS = {"NetworkPolicy": "networkpolicies"}
"""Kinds whose plural is not the kind in lower case with an s."""
CLUSTER_WIDE = {"APIService", "ClusterRole", "ClusterRoleBinding", "Namespace", "Node"}

AWAY = {429, 500, 502, 503, 504}

ADDED = "/apis/metrics.k8s.io/"
"""An API that another server answers through this one: when it does not, this one is there all the same."""

T = TypeVar("T")


def path_of(api_version: str, kind: str, namespace: str, name: str = "") -> str:
    """URL path of a kind's collection, or of one object in it."""
    group = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    where = "" if kind in CLUSTER_WIDE else f"/namespaces/{namespace}"
    return f"{group}{where}/{PLURALS.get(kind, kind.lower() + 's')}" + (f"/{name}" if name else "")


class Api:
    """Requests to one API server.

    Every method raises DclabError: LabLost when the server stays away, Forbidden, NotFound … as `faults` has them.
    """

    def __init__(self, client: ApiClient, context: str) -> None:
        self.client = client
        self.context = context
        self.patience = PATIENCE

    @property
    def server(self) -> str:
        """URL of the server."""
        return str(self.client.configuration.host)

    def get(self, path: str, **query: str | int) -> Any:
        """Read an object or a list."""
        return self._json("GET", path, query)

    def get_or_none(self, path: str, **query: str | int) -> Any:
        """Read an object; None when there is none."""
        try:
            return self.get(path, **query)
        except faults.NotFound:
            return None

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

    def forward(self, path: str, port: int) -> socket.socket:
        """A connection to a port of the pod at `path`; LabLost when it cannot be had."""
        from kubernetes.stream.ws_client import portforward_call

        _, url, headers, *_ = self._serialized("GET", f"{path}/portforward", {"ports": port})
        try:
            forwarded = portforward_call(  # type: ignore[no-untyped-call]
                self.client.configuration, "GET", url, headers=headers
            )
            found = forwarded.socket(port)
        except ApiException as error:
            raise LabLost("The cluster does not forward to a pod.", str(error.reason), "See `dclab status`.") from error
        found.setblocking(True)
        return cast(socket.socket, found)

    def apply(self, manifest: Manifest, namespace: str) -> Any:
        """Server-side apply: create the object, or take it to what the manifest says of it."""
        path = path_of(manifest["apiVersion"], manifest["kind"], namespace, manifest["metadata"]["name"])
        return self._json("PATCH", path, {"fieldManager": FIELD_MANAGER, "force": "true"}, manifest, APPLY)

    def create(self, manifest: Manifest, namespace: str) -> Any:
        """Create an object. Asked for again after a lost answer, it may be there already: that is success."""
        path = path_of(manifest["apiVersion"], manifest["kind"], namespace)
        try:
            return self._json("POST", path, {"fieldManager": FIELD_MANAGER}, manifest)
        except faults.AlreadyExists:
            return self.get(f"{path}/{manifest['metadata']['name']}")

    def merge(self, path: str, patch: Mapping[str, Any], *, strategic: bool = False) -> Any:
        """Change some fields of an object; `strategic`: of named members of its lists."""
        return self._json("PATCH", path, {"fieldManager": FIELD_MANAGER}, patch, STRATEGIC if strategic else MERGE)

    def delete(self, path: str, **query: str | int) -> None:
        """Delete an object or a collection, with what belongs to it; nothing happens when there is none."""
        try:
            self._json("DELETE", path, query, {"propagationPolicy": "Background"})
        except faults.NotFound:
            return

    def wait(self, path: str, done: Callable[[list[Any]], T | None], seconds: float, **query: str | int) -> T | None:
        """List, then watch, until `done` of the objects is neither None nor False; None when time is up.

        A watch that drops is taken up where it was; one that has expired begins with a new list.
        """
        end = time.monotonic() + seconds
        while True:
            listed = self.get(path, **query)
            objects = {one["metadata"]["name"]: one for one in listed["items"]}
            version = listed["metadata"]["resourceVersion"]
            if found := done(list(objects.values())):
                return found
            while (left := end - time.monotonic()) > 0:
                try:
                    for event in self._events(path, version, max(1, round(left)), query):
                        one = event["object"]
                        if event["type"] == "ERROR":
                            raise faults.Expired(one.get("message", ""))
                        version = one["metadata"]["resourceVersion"]
                        if event["type"] == "DELETED":
                            objects.pop(one["metadata"]["name"], None)
                        else:
                            objects[one["metadata"]["name"]] = one
                        if found := done(list(objects.values())):
                            return found
                except faults.Expired:
                    break
                except HTTPError:
                    continue
            else:
                return None

    def _events(self, path: str, version: str, seconds: int, query: Mapping[str, str | int]) -> Iterator[Any]:
        wanted = {**query, "watch": "true", "resourceVersion": version, "timeoutSeconds": seconds}
        answer = self._open("GET", path, wanted, read_timeout=seconds + ANSWER_TIMEOUT)
        try:
            rest = b""
            for chunk in answer.stream(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line)
        finally:
            answer.close()

    def _json(self, method: str, path: str, query: Mapping[str, Any], body: Any = None, kind: str = "") -> Any:
        return json.loads(self._request(method, path, query, body, kind))

    def _request(self, method: str, path: str, query: Mapping[str, Any], body: Any = None, kind: str = "") -> bytes:
        return bytes(self._open(method, path, query, body, kind).read())

    def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: Any = None,
        kind: str = "",
        read_timeout: float | None = ANSWER_TIMEOUT,
    ) -> Any:
        """The open answer of a request, tried again while the server is away."""
        end = time.monotonic() + self.patience
        pause = FIRST_PAUSE
        while True:
            try:
                answer = self._once(method, path, query, body, kind, read_timeout)
            except HTTPError as error:
                failure: DclabError = faults.unreachable(self.context, self.server, error)
            except ApiException as error:  # the client's word for a failed TLS handshake
                raise faults.unreachable(self.context, self.server, error) from error
            else:
                if answer.status < 400:
                    return answer
                status = answer.status
                failure = faults.refused(status, bytes(answer.read()), method, path)
                if status not in AWAY or path.startswith(ADDED):
                    raise failure
            if time.monotonic() + pause > end:
                raise failure
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _once(
        self, method: str, path: str, query: Mapping[str, Any], body: Any, kind: str, read_timeout: float | None
    ) -> Any:
        method, url, headers, body, post = self._serialized(method, path, query, body, kind)
        timeout = (ANSWER_TIMEOUT / 2, read_timeout)
        return self.client.call_api(method, url, headers, body, post, _request_timeout=timeout).response

    def _serialized(
        self, method: str, path: str, query: Mapping[str, Any], body: Any = None, kind: str = ""
    ) -> tuple[Any, ...]:
        """A request with its credentials: method, URL, headers, body and more, as the client takes them."""
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = kind or "application/json"
        return tuple(
            self.client.param_serialize(
                method,
                path,
                query_params=list(query.items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
        )
