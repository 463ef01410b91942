"""Where a response ends: everything that HTTP/1.1 allows, from real sockets that close, linger, drip or never end."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dclab.lab import ProbeSpec
from dclab.measure.probe import probe_url
from dclab.measure.timed_request import timed_request


class Server:
    """Sends each connection the next part whenever the last one was taken, then closes, or leaves it open."""

    def __init__(self, parts, *, stay=False, pause=0.0, family=socket.AF_INET):
        host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self.listener = socket.create_server((host, 0), family=family)
        self.host, self.port = self.listener.getsockname()[:2]
        self.requests = []
        self.parts, self.stay, self.pause = parts, stay, pause
        self.over = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while not self.over.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError), connection:
            self.requests.append(connection.recv(65536))
            for part in self.parts():
                connection.sendall(part)
                if self.over.wait(self.pause):
                    return
            if self.stay:
                self.over.wait(30)

    def close(self):
        self.over.set()
        self.listener.close()


@pytest.fixture
def serve():
    made = []

    def start(*parts, endless=False, **options):
        def sent():
            yield from parts[:-1] if endless else parts
            while endless:
                yield parts[-1]

        made.append(Server(sent, **options))
        return made[-1]

    yield start
    for one in made:
        one.close()


def ask(server, timeout=2.0, method="GET", body=b""):
    return timed_request(server.host, server.port, method, "/", body, timeout)


HEAD = b"HTTP/1.1 200 OK\r\n"
WHOLE = {
    "length": HEAD + b"Content-Length: 2\r\n\r\nok",
    "the same length twice": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "an empty body": HEAD + b"Content-Length: 0\r\n\r\n",
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;name=value\r\nok\r\n0\r\n\r\n",
    "chunks and trailers": HEAD + b"transfer-encoding: Chunked \r\n\r\n2\r\nok\r\n0\r\nExpires: 0\r\nX: y\r\n\r\n",
    "chunks of something packed": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "both, where chunks count": HEAD + b"Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 2\r\n\r\nok",
    "several interim ones": b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    + HEAD
    + b"Content-Length: 2\r\n\r\nok",
    "no content": b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    "lower case": b"HTTP/1.1 200 ok\r\ncontent-length: 2\r\n\r\nok",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "version 1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "a redirection": b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("stay", [True, False], ids=["kept open", "closed"])
@pytest.mark.parametrize("answer", WHOLE.values(), ids=WHOLE.keys())
def test_a_probe_ends_where_the_answer_ends(serve, answer, stay):
    found = ask(serve(answer, stay=stay))
    assert found.get("error") is None
    assert found["status"] in (200, 204, 302, 304)
    assert 0 < found["connect_ms"] <= found["first_byte_ms"] <= found["total_ms"] < 1000


def test_without_a_length_the_answer_ends_with_the_connection(serve):
    found = ask(serve(HEAD + b"\r\n", b"o", b"k", pause=0.05))
    assert found["first_byte_ms"] < 100 <= found["total_ms"] < 1000


def test_the_answer_to_head_has_no_body(serve):
    found = ask(serve(HEAD + b"Content-Length: 5000\r\n\r\n", stay=True), method="HEAD")
    assert (found["status"], found.get("error")) == (200, None)


def test_bytes_beyond_the_answer_are_not_waited_for(serve):
    server = serve(HEAD + b"Content-Length: 2\r\n\r\nok" + b"more" * 99, stay=True)
    assert ask(server)["total_ms"] < 1000


BROKEN = {
    "an early end": (HEAD + b"Content-Length: 99\r\n\r\nok", "the answer broke off"),
    "an early end of chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n63\r\nok", "the answer broke off"),
    "an early end between chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "the answer broke off"),
    "no bytes": (b"", "no answer"),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "the answer is not HTTP: 'SSH-2.0-OpenSSH_9.2p1 Debian-2'"),
    "words": (b"nonsense", "the answer is not HTTP: 'nonsense'"),
    "another version": (b"HTTP/3.0 200 OK\r\n\r\n", "the answer is not valid HTTP"),
    "two lengths": (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", "the answer is not valid HTTP"),
    "no number": (HEAD + b"Content-Length: two\r\n\r\nok", "the answer is not valid HTTP"),
    "refused": (b"HTTP/1.1 503 no\r\n\r\n", "status 503"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "error"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_answer_says_so_and_has_no_time(serve, answer, error):
    found = ask(serve(answer))
    assert found["total_ms"] is None
    assert found["error"].startswith(error)


def test_another_protocol_is_told_at_once_although_it_waits_for_us(serve):
    begin = time.monotonic()
    assert "not HTTP" in ask(serve(b"SSH-2.0-x\r\n", stay=True), timeout=5.0)["error"]
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize(
    ("parts", "options", "error"),
    [
        ((b"",), {"stay": True}, "no answer within 0.3 s"),
        ((HEAD, b"X: y\r\n"), {"endless": True, "pause": 0.01}, "no end within 0.3 s"),
        ((HEAD + b"\r\n", b"x"), {"endless": True, "pause": 0.05}, "no end within 0.3 s"),
        ((HEAD + b"\r\n", b"x" * 65536), {"endless": True}, "no end within 0.3 s"),
        ((HEAD + b"Content-Length: 9\r\n\r\n", b"x"), {"endless": True, "pause": 0.2}, "no end within 0.3 s"),
        ((HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), {"endless": True}, "no end within 0.3 s"),
        ((HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"), {"endless": True}, "no end within 0.3 s"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n",), {"endless": True}, "no end within 0.3 s"),
        ((b"HTTP/1.1 103 Early Hints\r\n\r\n",), {"endless": True}, "no end within 0.3 s"),
        ((HEAD, b"X" * 65536), {"endless": True}, "the answer is not valid HTTP"),
    ],
)
def test_the_deadline_holds_to_the_end(serve, parts, options, error):
    server = serve(*parts, **options)
    begin = time.monotonic()
    found = ask(server, timeout=0.3)
    assert time.monotonic() - begin < 0.8
    assert found["total_ms"] is None
    assert found["error"].startswith(error)


def test_a_large_body_is_read_quickly_and_not_kept(serve):
    size = 60_000_000
    server = serve(HEAD + b"Content-Length: %d\r\n\r\n" % size, *[b"x" * 1_000_000] * 60, stay=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = ask(server, timeout=10.0)
    assert found.get("error") is None
    assert found["total_ms"] < 3000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # kB


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_ipv6_address_is_named_in_brackets(serve):
    server = serve(WHOLE["length"], family=socket.AF_INET6)
    (found,) = probe_url(f"http://[::1]:{server.port}/", ProbeSpec(count=1))
    assert found.error is None
    assert f"\r\nHost: [::1]:{server.port}\r\n".encode() in server.requests[0]


@pytest.mark.parametrize(
    ("host", "port", "tls", "named"),
    [
        ("rng", 80, False, b"rng"),
        ("rng", 443, True, b"rng"),
        ("rng", 443, False, b"rng:443"),
        ("rng", 80, True, b"rng:80"),
        ("::1", 80, False, b"[::1]"),
        ("fe80::1%eth0", 8080, False, b"[fe80::1]:8080"),
        ("bücher.example", 80, False, b"xn--bcher-kva.example"),
    ],
)
def test_the_host_is_named_as_curl_names_it(host, port, tls, named):
    from dclab.measure.timed_request import _request

    lines = _request(host, port, "GET", "/", b"", tls).split(b"\r\n")
    assert b"Host: " + named in lines


@pytest.mark.parametrize("host", ["", "a" * 70 + ".example", "nowhere.invalid", "a\0b", ".."])
def test_a_host_that_is_none_is_a_failed_sample(host):
    found = timed_request(host, 9, "GET", "/", b"", 2.0)
    assert found["total_ms"] is None
    assert found["error"]


PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [HEAD, b"\r\n", b"\r\n\r\n", b"HTTP/1.1 ", b"100", b"Transfer-Encoding: chunked\r\n", b"Content-Length: ",
         b"-1", b"-5\r\n", b"FFFFFFFFFFFFFFFF\r\n", b"0\r\n", b"\0", b": ", b"\xff\xfe", b"Content-Type: multipart/x\r\n"]
    ),
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(PIECES, max_size=12).map(b"".join), st.booleans(), st.sampled_from(["GET", "HEAD", "POST"]))
def test_no_answer_raises_or_takes_longer_than_its_time(answer, stay, method):
    server = Server(lambda: [answer], stay=stay)
    begin = time.monotonic()
    try:
        found = ask(server, timeout=0.05, method=method)
    finally:
        server.close()
    assert time.monotonic() - begin < 0.55
    assert (found["total_ms"] is None) == bool(found.get("error"))
