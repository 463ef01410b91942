"""Asking Prometheus for values, and the API server for pods."""

from __future__ import annotations

import http.client
import json
import math
import os
import ssl
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

__all__ = ["Pods", "Prometheus", "Sample", "Unavailable"]

TIMEOUT = 4.0
"""The autoscaler's controller asks again every 15 s, and waits for nobody longer than it has to."""


class Unavailable(Exception):
    """Who is asked does not answer, or not with what was asked for; its text says so."""


class Sample(NamedTuple):
    """One value of a query."""

    labels: dict[str, str]
    value: float
    at: float
    """Unix seconds."""


def _json(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> Any:
    where = f"{connection.host}:{connection.port}"
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"{where} does not answer: {error}") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise Unavailable(f"{where} answers {answer.status}: {body[:300].decode(errors='replace')}")
    try:
        return json.loads(body)
    except ValueError as error:
        raise Unavailable(f"{where} answers with what is not JSON: {error}") from error


class Prometheus:
    """Queries of one Prometheus."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    def query(self, expression: str) -> list[Sample]:
        """Return what an instant query gives now, without what is no number: 0 / 0 is unknown, not zero.

        Raises:
            Unavailable: Prometheus does not answer, or refuses the query.
        """
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        answer = _json(connection, f"/api/v1/query?{urlencode({'query': expression})}", {})
        found = []
        try:
            for one in answer["data"]["result"]:
                at, value = one["value"]
                if math.isfinite(float(value)):
                    found.append(Sample(one["metric"], float(value), float(at)))
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(f"Prometheus answers with something else than a vector: {answer!r:.300}") from error
        return found


class Pods:
    """Pods of one namespace, as its service account may list them."""

    def __init__(self, namespace: str, account: Path) -> None:
        """`account` is the folder that Kubernetes mounts into a pod: `token` and `ca.crt`."""
        self._namespace = namespace
        self._account = account

    def names(self, selector: str) -> set[str]:
        """Return the names of the pods that a label selector selects; Unavailable when the API server does not tell."""
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
        try:  # both are renewed while a pod runs
            token = (self._account / "token").read_text().strip()
            trusted = ssl.create_default_context(cafile=str(self._account / "ca.crt"))
        except OSError as error:
            raise Unavailable(f"The service account cannot be used: {error}") from error
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=trusted)
        path = f"/api/v1/namespaces/{self._namespace}/pods?{urlencode({'labelSelector': selector})}"
        answer = _json(connection, path, {"Authorization": f"Bearer {token}", "Accept": "application/json"})
        return {one["metadata"]["name"] for one in answer["items"]}
