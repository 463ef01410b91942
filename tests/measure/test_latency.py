"""Probes of a real server, and their summary."""

from __future__ import annotations

import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.errors import LabLost
from dclab.lab import ProbeSample, ProbeSpec
from dclab.measure.latency import percentile, summarise
from dclab.measure.probe import probe_many, probe_once

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@pytest.fixture
def serve():
    """A server that sends one prepared answer a connection, and counts them."""
    listeners = []

    def start(answer: bytes, wait: float = 0.0):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        seen = []

        def run():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    seen.append(connection.recv(65536))
                    if wait:
                        threading.Event().wait(wait)
                    if answer:
                        connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        return listener.getsockname()[1], seen

    yield start
    for listener in listeners:
        listener.close()


def test_each_probe_is_a_fresh_connection(serve):
    port, seen = serve(OK)
    samples = probe_many("127.0.0.1", port, ProbeSpec(path="/32", count=5, interval=0.001))
    assert len(samples) == len(seen) == 5
    assert all(one.startswith(b"GET /32 HTTP/1.1\r\n") for one in seen)
    for one in samples:
        assert one.status == 200
        assert 0 < one.connect_ms <= one.first_byte_ms <= one.total_ms


def test_the_body_of_a_post_is_sent(serve):
    port, seen = serve(OK)
    assert probe_once("127.0.0.1", port, ProbeSpec(method="POST", body=b"abc")).error is None
    assert seen[0].startswith(b"POST / ")
    assert seen[0].endswith(b"\r\n\r\nabc")


def test_a_slow_answer_is_timed(serve):
    port, _ = serve(OK, wait=0.05)
    assert 50 <= probe_once("127.0.0.1", port, ProbeSpec()).total_ms < 500


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 503 no\r\n\r\n", "status 503"),
        (b"", "no answer"),
        (b"nonsense", "the answer is not HTTP: 'nonsense'"),
    ],
)
def test_a_failed_probe_has_no_time(serve, answer, error):
    port, _ = serve(answer)
    found = probe_once("127.0.0.1", port, ProbeSpec())
    assert (found.total_ms, found.error) == (None, error)


def test_a_probe_that_gets_no_answer_in_time(serve):
    port, _ = serve(OK, wait=1.0)
    found = probe_once("127.0.0.1", port, ProbeSpec(timeout=0.05))
    assert found.total_ms is None
    assert "0.05 s" in found.error


def test_a_refused_connection_is_a_sample():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "refused" in probe_once("127.0.0.1", port, ProbeSpec()).error


def sample(ms):
    return ProbeSample(at=0.0, total_ms=ms, error=None if ms is not None else "refused")


@given(st.lists(st.floats(0.01, 60_000), min_size=1, max_size=200))
def test_percentiles_are_in_order_and_are_samples(times):
    found = summarise([sample(one) for one in times])
    assert found.min <= found.p50 <= found.p95 <= found.p99 <= found.max
    assert {found.p50, found.p95, found.p99} <= set(times)
    assert found.count == len(times)


def test_nearest_rank():
    values = list(range(1, 101))
    assert [percentile(values, p) for p in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile([7], 50) == 7


def test_errors_are_counted_and_not_timed():
    found = summarise([sample(1.0), sample(None), sample(3.0)])
    assert (found.mean, found.count, found.errors) == (2.0, 2, 1)


def test_the_whole_distribution_is_kept():
    from hdrh.histogram import HdrHistogram

    histogram = HdrHistogram.decode(summarise([sample(one) for one in (1, 2, 700)]).histogram.encode())
    assert histogram.get_total_count() == 3
    assert histogram.get_max_value() == pytest.approx(700_000, rel=0.001)


def test_no_answered_probe_is_an_error():
    with pytest.raises(LabLost, match="No probe"):
        summarise([sample(None)])
