"""`/json` of any DockerCoins, as its web UIs in many languages answer, over a real connection."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.engines.counter_reader import CounterReader
from dclab.engines.http_services import decode_counter, read_counter, read_httplat
from dclab.errors import LabLost
from dclab.lab import Counter

NOW = 1795614000.25


@pytest.mark.parametrize(
    ("answer", "counter"),
    [
        ({"coins": 3, "hashes": "1234", "now": NOW}, (NOW, 1234, 3)),  # Node.js and Ruby
        ({"coins": "", "hashes": 1234, "now": 1795614000}, (1795614000.0, 1234, 0)),  # Go and .NET
        ({"hashes": 1234.0, "now": str(NOW)}, (NOW, 1234, 0)),
        ({"coins": None, "hashes": None, "now": NOW, "version": "v0.2"}, (NOW, 0, 0)),
        ({"coins": "many", "hashes": "", "now": NOW}, (NOW, 0, 0)),
    ],
)
def test_counters_of_many_forks(answer, counter):
    t, hashes, coins = counter
    assert decode_counter(json.dumps(answer).encode()) == Counter(t=t, hashes=hashes, coins=coins)


@pytest.mark.parametrize("now", [None, 1000 * NOW, "2026-11-25T16:00:00Z", -1, [], "soon"])
def test_a_web_ui_that_tells_no_time_is_given_ours(now):
    found = decode_counter(json.dumps({"hashes": 5, "now": now}).encode())
    assert abs(found.t - time.time()) < 5


def test_redis_away_is_told_as_that():
    with pytest.raises(LabLost, match="Redis behind the web UI does not answer"):
        decode_counter(b'{"now": 1795614000.25}')


@pytest.mark.parametrize(
    "body",
    [b"", b"<html><title>Sign in</title></html>", b"[]", b"null", b"7", b"{}", b'{"status": "ok"}', b'{"hashes": -1}',
     b'{"hashes": true}', b'{"hashes": []}', b'{"hashes": "many", "now": 1}', b'{"hashes": 1e400}', b"\xff\xfe{}",
     b'{"a":' * 5000],
)  # fmt: skip
def test_what_is_no_counter(body):
    with pytest.raises(LabLost, match="not the counter of a DockerCoins") as refused:
        decode_counter(body, hint="Look elsewhere.")
    assert refused.value.hint == "Look elsewhere."


NUMBERS = st.one_of(
    st.integers(), st.floats(), st.text("0123456789.-eEna ", max_size=6), st.none(), st.booleans(), st.lists(st.none())
)


@given(st.one_of(st.binary(), st.dictionaries(st.sampled_from(["now", "hashes", "coins"]), NUMBERS)))
def test_an_answer_is_a_counter_or_an_error(answer):
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    try:
        found = decode_counter(body)
    except LabLost:
        return
    assert found.hashes >= 0
    assert found.coins >= 0
    assert 0 < found.t < 1e11


@pytest.fixture
def served():
    """A web server that answers each path as it is told."""
    answers = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = answers[self.path]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", answers
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (503, b'{"error": "Redis: Connection refused"}', "Redis behind the web UI"),
        (404, b"no such page", "status 404"),
        (200, b"x" * 5_000_000, "too long"),
        (200, b"<html>", "not the counter"),
    ],
)
def test_over_a_connection(served, status, body, said):
    url, answers = served
    answers["/json"] = status, body
    with pytest.raises(LabLost) as refused:
        read_counter(url, "Try another address.")
    assert said in str(refused.value)
    assert "dclab status" not in str(refused.value)


def test_a_counter_over_a_connection(served):
    url, answers = served
    answers["/json"] = 200, b'{"hashes": "12", "now": 1795614000.25}'
    assert read_counter(url).hashes == 12


@pytest.mark.parametrize(("status", "body"), [(500, b""), (200, b"\xff\0"), (200, b"<html>")])
def test_an_exporter_that_is_none(served, status, body):
    url, answers = served
    answers["/metrics"] = status, body
    with pytest.raises(LabLost, match="latency exporter"):
        read_httplat(url)


def test_nobody_there():
    with pytest.raises(LabLost, match="cannot be read"):
        read_counter("http://127.0.0.1:1")


def test_a_server_that_drops_kept_connections_fails_no_reading():
    """It says that it keeps them, and resets whoever asks a second time."""
    body = json.dumps({"hashes": 5, "now": NOW}).encode()

    def serve(listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.recv(65536)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            threading.Thread(target=drop, args=(client,), daemon=True).start()

    def drop(client):
        with client:
            if client.recv(65536):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        reader = CounterReader(url, "")
        for _ in range(5):
            assert read_counter(url).hashes == reader.read().hashes == 5
