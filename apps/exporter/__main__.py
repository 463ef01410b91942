"""exporter: how much one replica is asked, for Prometheus, from beside it in its pod.

It needs nothing of the target but its port: it reads the kernel's tables of their common network, about eight times a second.
So it works with any image, and no request of its own waits in the target's queue.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time

from apps import settings
from apps.exporter.meter import Meter, Requests
from apps.exporter.proc_net import ProcNet, passive_opens
from apps.exporter.sock_diag import SockDiag
from apps.serve import Answer, Request, Served, serve

PERIOD = 0.125
"""Seconds between two looks, on average."""
JITTER = 0.5
"""Looks in step with the requests would see too many of them, or too few."""
SHARE = 0.0035
"""Of one CPU that looks may take. One walks the table of the whole machine's connections; where that is large, there are fewer."""
AVERAGED = 10
"""Looks whose cost is averaged."""

COUNTERS = {
    "dockercoins_in_flight_seconds_total": "Requests that the replica held (waiting or served), integrated over time.",
    "dockercoins_backlog_full_seconds_total": "Seconds in which its backlog was full: then in-flight is a lower bound.",
    "dockercoins_requests_total": "Requests that it has accepted, or connections where one carries several.",
}


def watch(meter: Meter) -> None:
    """Look for ever."""
    spent, cost = time.thread_time(), 2 * PERIOD * SHARE
    while True:
        time.sleep(max(PERIOD, cost / SHARE) * random.uniform(1 - JITTER, 1 + JITTER))
        meter.take()
        before, spent = spent, time.thread_time()
        cost += (spent - before - cost) / AVERAGED


def page(meter: Meter, requests: Requests, labels: str) -> str:
    """Return what Prometheus reads; a counter that cannot be told is left out."""
    found: dict[str, float] = {}
    totals = meter.take()
    if totals is not None:
        found["dockercoins_in_flight_seconds_total"] = totals.in_flight
        found["dockercoins_backlog_full_seconds_total"] = totals.full
    with contextlib.suppress(OSError):
        found["dockercoins_requests_total"] = requests.count()
    return "".join(
        f"# HELP {name} {COUNTERS[name]}\n# TYPE {name} counter\n{name}{{{labels}}} {value:.6f}\n"
        for name, value in found.items()
    )


def main() -> None:
    """Watch $TARGET_PORT; serve `/metrics` on $PORT, with the labels `service` ($SERVICE) and `pod` ($HOSTNAME).

    $PROBE_SECONDS is the period of the target's TCP readiness probe, 0 for none.
    """
    port = settings.integer("TARGET_PORT", low=1, high=65535)
    labels = f'service="{settings.text("SERVICE")}",pod="{settings.text("HOSTNAME", "localhost")}"'
    own = Served()
    meter = Meter(port, (SockDiag, ProcNet))
    try:
        requests = Requests(passive_opens, lambda: own.count, settings.seconds("PROBE_SECONDS", 0.0))
    except OSError as error:
        raise SystemExit(f"Connections cannot be counted here: {error}.") from None

    def handle(request: Request) -> Answer:
        if request.path == "/metrics":
            body = page(meter, requests, labels).encode()
            return Answer(200, body, "text/plain; version=0.0.4; charset=utf-8")
        return Answer(200, f"What is asked at port {port}: see /metrics.\n".encode())

    threading.Thread(target=watch, args=(meter,), daemon=True).start()
    serve(handle, slots=2, accepted=own)


main()
