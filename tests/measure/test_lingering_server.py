"""A server of one thread that waits for its clients to close, as the original rng: a probe neither times it nor causes it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from statistics import fmean, median

import pytest

from dclab.lab import ProbeSpec
from dclab.measure import timed_request
from dclab.measure.probe import probe_url
from tests.measure.lingering import LINGER, LingeringServer, lingering, share_taken


@pytest.fixture
def server():
    made = LingeringServer()
    yield made
    made.close()


def served(server, count):
    """What the server has recorded, once it has recorded so many."""
    end = time.monotonic() + 5
    while len(server.served) < count and time.monotonic() < end:
        time.sleep(0.005)
    return server.served[:count]


def held(server, count):
    """Median of the seconds that a request kept the server's only thread."""
    return median(one.free - one.began for one in served(server, count))


def test_a_client_that_waits_for_the_end_of_the_connection_makes_it_linger(server):
    for _ in range(5):
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/")
        connection.sock.settimeout(5)
        while connection.sock.recv(65536):
            pass
        connection.close()
    assert held(server, 5) >= LINGER


@pytest.mark.parametrize("rate", [None, 50.0], ids=["closed loop", "open loop"])
def test_a_probe_does_not(server, rate):
    found = list(probe_url(f"http://127.0.0.1:{server.port}/", ProbeSpec(count=9, interval=0.005, rate=rate)))
    assert held(server, 9) < LINGER / 2
    assert median(one.total_ms for one in found) < 1000 * LINGER / 2


def test_neither_does_the_probe_in_a_pod(server):
    with open(timed_request.__file__, encoding="utf-8") as file:
        source = file.read()
    spec = {"method": "GET", "path": "/", "body": "", "timeout": 5, "count": 5, "interval": 0.005}
    command = [sys.executable, "-c", source, "127.0.0.1", str(server.port), json.dumps(spec)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(lines) == 5
    assert held(server, 5) < LINGER / 2


def test_a_refused_request_does_not_either(server):
    """Its body is not read, but its connection is closed."""
    server.answer = lambda connection: (
        connection.recv(65536),
        connection.sendall(b"HTTP/1.0 404 no\r\nContent-Length: 900\r\n\r\nno"),
        time.perf_counter(),
    )[1:]
    list(probe_url(f"http://127.0.0.1:{server.port}/x", ProbeSpec(count=5, interval=0.005)))
    assert held(server, 5) < LINGER / 2


def test_where_calls_queue_a_probe_is_the_truth_and_costs_next_to_nothing():
    """At five workers' calls, each of 0.1 s, which keep it busy all the time."""
    with lingering(callers=5) as target:
        time.sleep(1.2)
        found = list(probe_url(f"http://127.0.0.1:{target.port}/", ProbeSpec(count=8, interval=0.02)))
        time.sleep(0.2)
        seen = target.served()
    truth = [1000 * (one.answered - one.arrived) for one in seen if one.path == "/"]
    assert fmean(one.total_ms for one in found) == pytest.approx(fmean(truth), rel=0.03)
    assert share_taken(seen) < 0.02  # four a second here; the parity script holds it to 0.5 % at dclab's own pace
