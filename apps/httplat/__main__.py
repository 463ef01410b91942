"""httplat: a Prometheus exporter of one target's latency.

The histogram has the name and the buckets of the original. Two things differ: failed probes are counted
in a counter of their own and not timed, and the interval is jittered, since probes in step with the
workers read too low.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from urllib.parse import urlsplit

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

from apps import settings
from apps.serve import Answer, Request, serve

CONNECT_TIMEOUT = 5.0
TIMEOUT = 120.0
"""As long as a worker waits for its call: a probe meets the same queue."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
JITTER = 0.5

LATENCY = Histogram("httplat_latency_seconds", "Latency of GET on a fresh connection", buckets=BUCKETS)
ERRORS = Counter("httplat_errors", "Probes that failed or were answered with 400 or more")


def probe(host: str, port: int, path: str, timeout: float = TIMEOUT) -> None:
    """One timed request."""
    connection = http.client.HTTPConnection(host, port, timeout=CONNECT_TIMEOUT)
    begin = time.perf_counter()
    try:
        connection.connect()
        connection.sock.settimeout(timeout)
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        response.read()
        if response.status >= http.client.BAD_REQUEST:
            ERRORS.inc()
        else:
            LATENCY.observe(time.perf_counter() - begin)
    except (OSError, http.client.HTTPException):
        ERRORS.inc()
    finally:
        connection.close()


def main() -> None:
    """Probe $TARGET every $INTERVAL seconds; serve `/metrics` on $PORT."""
    target = urlsplit(settings.text("TARGET"))
    if target.scheme != "http" or not target.hostname:
        raise SystemExit(f"TARGET is {target.geturl()!r}; it must be a URL that begins with http://.")
    host, port, path = target.hostname, target.port or 80, target.path or "/"
    interval = settings.seconds("INTERVAL", 10.0, low=0.05)
    timeout = settings.seconds("TIMEOUT", TIMEOUT, low=0.1)

    def watch() -> None:
        while True:
            probe(host, port, path, timeout)
            time.sleep(interval * random.uniform(1 - JITTER, 1 + JITTER))

    def handle(request: Request) -> Answer:
        if request.path == "/metrics":
            return Answer(200, generate_latest(), CONTENT_TYPE_LATEST)
        return Answer(200, f"Latency of {target.geturl()}: see /metrics.\n".encode())

    threading.Thread(target=watch, daemon=True).start()
    serve(handle, slots=2)


main()
