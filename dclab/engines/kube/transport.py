"""Requests to an API server: sent again while it is away, and every answer decoded into a type.

What goes wrong becomes one of dclab's errors here, so that nothing above knows HTTP or JSON.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar

import msgspec
from kubernetes.client import ApiClient, ApiException
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import HTTPError

from dclab.engines.kube import faults
from dclab.engines.kube.objects import decode
from dclab.errors import DclabError

__all__ = ["ANSWER_TIMEOUT", "FIRST_PAUSE", "Transport"]

PATIENCE = 45.0
"""Seconds for which a request is tried again while the server does not answer, or is not ready to."""

ANSWER_TIMEOUT = 10.0

OUTAGE_SECONDS = 2.0
"""A server that was away for longer may have missed something; a hiccup is none."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0

AWAY = {429, 500, 502, 503, 504}

ADDED = ("/apis/metrics.k8s.io/", "/apis/custom.metrics.k8s.io/", "/apis/external.metrics.k8s.io/")
"""APIs that other servers answer through this one: when they do not, this one is there all the same."""

T = TypeVar("T")


class Transport:
    """The way to one API server.

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

    def impatient(self) -> Self:
        """Return the same, of which nothing is asked again."""
        other = copy.copy(self)
        other.patience = 0.0
        return other

    def get(self, path: str, kind: type[T], **query: str | int) -> T:
        """Read an object."""
        return self.decode(self.request("GET", path, query), kind, path)

    def decode(self, body: bytes, kind: type[T], path: str) -> T:
        """The one place in which an answer becomes a type; NotKubernetes when it cannot."""
        try:
            answer = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise faults.not_kubernetes(self.server, f"{path} answers {_beginning(body)}") from error
        return self.convert(answer, kind, path)

    def convert(self, answer: Any, kind: type[T], path: str) -> T:
        """Make a type of an answer that is JSON; NotKubernetes when that cannot be."""
        try:
            return decode(answer, kind)
        except (msgspec.ValidationError, RecursionError) as error:
            raise faults.not_kubernetes(self.server, f"{path}: {error}") from error

    def request(self, method: str, path: str, query: Mapping[str, Any], body: Any = None, kind: str = "") -> bytes:
        """The whole body of the answer to a request."""
        return bytes(self.open(method, path, query, body, kind, read_timeout=self.answer_seconds, whole=True))

    def open(
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
        method, url, headers, body, post = self.serialized(method, path, query, body, kind)
        timeout = (self.answer_seconds / 2, read_timeout)
        return self.client.call_api(method, url, headers, body, post, _request_timeout=timeout).response

    def serialized(
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


def _beginning(body: bytes) -> str:
    text = " ".join(body[:80].decode(errors="replace").split())
    return f"{text!r}, which is not JSON" if text else "with nothing"
