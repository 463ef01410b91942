"""adapter: the metrics APIs of Kubernetes (custom.metrics.k8s.io, external.metrics.k8s.io) over the lab's Prometheus.

The API server asks it on behalf of its own clients, which it has authenticated and authorized by then. It
has no secrets: what it answers can be had from Prometheus by anyone in the cluster's network. So it asks nobody who
they are, and needs no right of the cluster's, as checking that would.
"""

from __future__ import annotations

import json
import ssl
import sys
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from apps import settings
from apps.adapter.answers import Metrics, Refusal, discovery
from apps.adapter.ask import Pods, Prometheus, Unavailable
from apps.serve import Answer, Request, serve

SLOTS = 8
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
AUDIT = "audit-id"
"""Header that names a request in the API server's audit log, too."""


def _json(status: int, answer: Any) -> Answer:
    return Answer(status, json.dumps(answer).encode(), "application/json")


def _status(code: int, reason: str, message: str) -> Answer:
    about = {"status": "Failure", "reason": reason, "message": message, "code": code}
    return _json(code, {"kind": "Status", "apiVersion": "v1", "metadata": {}, **about})


def answer(metrics: Metrics, request: Request) -> Answer:
    """Answer one request; each that is about values is printed with its answer, a JSON object a line."""
    if request.path == "/healthz":
        return Answer(HTTPStatus.OK, b"ok")
    if found := discovery(request.path):
        return _json(HTTPStatus.OK, found)
    if "/namespaces/" not in request.path:  # other documents of an API server's, which it does without
        return _status(404, "NotFound", f"{request.path} is not served.")
    try:
        told = _json(HTTPStatus.OK, metrics.answer(request.path, request.query))
    except Refusal as refusal:
        told = _status(refusal.code, refusal.reason, str(refusal))
    except Unavailable as error:
        told = _status(503, "ServiceUnavailable", str(error))
    line = {"audit": request.headers.get(AUDIT, ""), "path": request.path, "answer": json.loads(told.body)}
    sys.stdout.write(json.dumps(line) + "\n")  # at once: several requests are answered at the same time
    sys.stdout.flush()
    return told


def main() -> None:
    """Serve on $PORT with the certificate in $TLS, for the pods of $NAMESPACE, from the Prometheus at $PROMETHEUS_HOST."""
    prometheus = Prometheus(settings.text("PROMETHEUS_HOST"), settings.integer("PROMETHEUS_PORT", low=1, high=65535))
    namespace = settings.text("NAMESPACE")
    pods = Pods(namespace, Path(settings.text("ACCOUNT", ACCOUNT)))
    metrics = Metrics(namespace, settings.seconds("WINDOW", 30.0, low=0.1), prometheus.query, pods.names)
    folder = Path(settings.text("TLS"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        tls.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    except (OSError, ssl.SSLError) as error:
        raise SystemExit(f"TLS is {str(folder)!r}; it must be a folder with tls.crt and tls.key: {error}.") from None
    serve(partial(answer, metrics), slots=SLOTS, secure=partial(tls.wrap_socket, server_side=True))


main()
