"""Whether an app is still the lesson: the real services, and each way of spoiling them."""

from __future__ import annotations

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

import pytest

from dclab.experiments.check_app import check_hasher, check_rate, check_rng
from dclab.measure.probe import probe_many
from dclab.measure.simulate import System, true_rate
from dclab.results import Rate


class Lab:
    """As much of a lab as the checks of one service ask: real requests to a real server."""

    def __init__(self, port):
        self.port = port

    def probe(self, service, spec):
        return probe_many("127.0.0.1", self.port, spec)

    def url(self, service):
        return f"http://127.0.0.1:{self.port}"

    def step(self, text):
        """Take a step as an observer."""


def failed(check, port):
    lab = Lab(port)
    return {one.what.partition(",")[0] for one in check(lab, lab) if not one.holds}


@pytest.mark.parametrize(
    ("env", "wrong"),
    [
        ({}, set()),
        ({"THREADS": 10}, {"rng serves one request at a time"}),
        ({"THREADS": 2}, {"rng serves one request at a time"}),
        ({"DELAY": 0}, {"rng takes 0.1 s for a request", "rng serves one request at a time"}),
        ({"DELAY": 0.3}, {"rng takes 0.1 s for a request"}),
    ],
)
def test_rng(start, env, wrong):
    assert failed(check_rng, start("rng", **{"DELAY": 0.1, "THREADS": 1, **env}).port) == wrong


@pytest.mark.parametrize(
    ("env", "wrong"),
    [
        ({}, set()),
        ({"THREADS": 1}, {"hasher serves several requests at once"}),
        ({"DELAY": 0}, {"hasher takes 0.1 s for a request"}),
    ],
)
def test_hasher(start, env, wrong):
    assert failed(check_hasher, start("hasher", **{"DELAY": 0.1, **env}).port) == wrong


@pytest.fixture
def serve():
    """Serve with a function from the body of a request to the answer, one at a time or many."""
    servers = []

    def begin(answer, kind=ThreadingHTTPServer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                data = answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_):
                pass

        server = kind(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server.server_port

    yield begin
    for one in servers:
        one.shutdown()
        one.server_close()


def test_an_rng_that_repeats_itself(serve):
    def same(_):
        time.sleep(0.1)
        return bytes(32)

    assert failed(check_rng, serve(same, HTTPServer)) == {"rng answers /32 with 32 bytes"}


def test_a_hasher_that_remembers(serve):
    known = {}

    def cached(data):
        if data not in known:
            time.sleep(0.1)
            known[data] = hashlib.sha256(data).hexdigest().encode()
        return known[data]

    assert failed(check_hasher, serve(cached)) == {"hasher takes 0.1 s for a request"}


def test_a_hasher_that_hashes_otherwise(serve):
    def otherwise(data):
        time.sleep(0.1)
        return hashlib.sha512(data).hexdigest().encode()

    assert failed(check_hasher, serve(otherwise)) == {"hasher answers with the SHA-256 of what it is given"}


def rate_of(rate):
    return Rate(mean=rate, ci95_low=0.99 * rate, ci95_high=1.01 * rate)


@pytest.mark.parametrize(
    ("spoiled", "one", "ten"),
    [
        ({}, True, True),
        ({"delay": 0.0003}, False, True),
        ({"hashing": 0.0016}, False, True),
        ({"threads": 10}, True, False),
        ({"service": 0.0012}, False, False),
        ({"rngs": 2}, True, False),
        ({"hasher_threads": 1, "hashing": 0.2}, False, False),
    ],
)
def test_rates_of_spoiled_apps(spoiled, one, ten):
    for workers, holds in ((1, one), (10, ten)):
        assert check_rate(rate_of(true_rate(System(workers=workers, **spoiled), 4000)), workers).holds == holds


def test_a_worker_that_counts_twice():
    assert not check_rate(rate_of(2 * true_rate(System(workers=1), 4000)), 1).holds


@pytest.mark.parametrize(("rate", "holds"), [(3.3, True), (9.85, True), (10.1, True), (11, False), (18.5, False)])
def test_an_unknown_number_of_workers(rate, holds):
    assert check_rate(rate_of(rate), None).holds is holds
