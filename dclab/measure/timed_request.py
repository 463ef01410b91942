"""One timed HTTP request on a fresh connection, as httping makes it, and a series of them.

Between requests the pause is jittered: at a fixed interval they fall in step with the workers' cycle and always meet
the same length of queue (measured on the original app: 27 ms fixed, 57 ms jittered, at 3 workers).

The framing of the response is left to `http.client`, which reads from a socket that is timed here. This file imports
nothing but the standard library, because it also runs alone: `python -c SOURCE HOST PORT SPEC` in a pod, where requests
are not distorted by the way into the cluster. It then prints a JSON line for each.
"""

from __future__ import annotations

import io
import json
import random
import socket
import ssl
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from http.client import BadStatusLine, HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from typing import Any

__all__ = ["timed_request", "timed_requests"]

JITTER = 0.5

MOST_UNDER_WAY = 256
"""Requests of an open loop at the same time; those beyond wait, and their wait is timed. Who waits too long is not sent."""

IDLE_SECONDS = 0.005
"""Until the next request of an open loop is due: time enough to hand on what has been answered."""

READ_BYTES = 256 * 1024
"""Of a body at a time; it is counted, not kept."""


class _Wire(io.RawIOBase):
    """What arrives on a connection, with the times of its first and latest bytes, up to a deadline (perf_counter)."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline
        self.first: float | None = None
        self.latest = 0.0
        """When the latest bytes, or the end, arrived."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, and wait no longer than the deadline, however often bytes arrive."""
        self._connection.settimeout(_left(self._deadline))
        count = self._connection.recv_into(buffer)
        self.latest = time.perf_counter()
        if self.first is None and count:
            self.first = self.latest
        return count

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return the stream that an HTTPResponse asks its socket for."""
        return io.BufferedReader(self, 65536)


class _Response(HTTPResponse):
    """A response after all interim ones (1xx), framed as RFC 9112, section 6.3, says."""

    def begin(self) -> None:
        super().begin()
        while 100 <= self.status < 200 and self.status != 101:
            self.headers = None  # type: ignore[assignment]
            super().begin()
        if self.length == 0:  # a status that has no body, or an empty one
            self.chunked = False
            return
        coding = self.headers.get("Transfer-Encoding", "").lower().rpartition(",")[2].strip()
        lengths = {one.strip() for each in self.headers.get_all("Content-Length", ()) for one in each.split(",")}
        if coding == "chunked":
            self.chunked, self.chunk_left, self.length = True, None, None
        elif not coding and lengths:
            (length,) = lengths if len(lengths) == 1 else ("several",)
            if not (length.isascii() and length.isdigit()):
                raise HTTPException(f"its Content-Length is {length}")
            self.length = int(length)

    def skip(self) -> None:
        """Read the body to its end. IncompleteRead: the connection ended before it."""
        buffer = bytearray(READ_BYTES)
        while self.readinto(buffer):
            pass
        if self.length:
            raise IncompleteRead(b"", self.length)


def _left(deadline: float) -> float:
    """Seconds left. TimeoutError: none."""
    left = deadline - time.perf_counter()
    if left <= 0:
        raise TimeoutError
    return left


@cache
def _tls() -> ssl.SSLContext:
    """The context of all requests; loading the certificates takes longer than many a request."""
    return ssl.create_default_context()


def _connect(host: str, port: int, deadline: float, tls: bool) -> socket.socket:
    """Connect to the first address of the host that accepts. OSError: none does, or not in time."""
    fault = OSError("the host has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(_left(deadline))
            connection.connect(address)
            if not tls:
                return connection
            connection.settimeout(_left(deadline))
            return _tls().wrap_socket(connection, server_hostname=host)
        except (OSError, ValueError) as error:
            connection.close()
            fault = error if isinstance(error, OSError) else OSError(str(error))
    raise fault


def _request(host: str, port: int, method: str, path: str, body: bytes, tls: bool) -> bytes:
    """The request as curl words it. ValueError: the host cannot be named."""
    name = host.partition("%")[0]  # the zone of an IPv6 address means nothing to the server (RFC 6874)
    name = f"[{name}]" if ":" in name else name if name.isascii() else name.encode("idna").decode()
    at = name if port == (443 if tls else 80) else f"{name}:{port}"
    length = f"Content-Length: {len(body)}\r\n" if body or method not in ("GET", "HEAD") else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: {at}\r\nUser-Agent: dclab\r\n{length}Connection: close\r\n\r\n"
    return head.encode(errors="replace") + body


def timed_request(
    host: str,
    port: int,
    method: str,
    path: str,
    body: bytes,
    timeout: float,
    *,
    tls: bool = False,
    due: float | None = None,
) -> dict[str, Any]:
    """Make one request: the fields of a ProbeSample. A refused, late or failed one has an error and no total.

    It ends where the response ends, and the connection is closed at once: a server of one thread that waits for its
    client to close, as werkzeug's development server does for 10 ms, would serve nobody meanwhile. `timeout` (seconds)
    bounds the whole of it, except the lookup of the host's name. `due` (on perf_counter) is when it should have begun,
    and what it is timed from; None means now. One that could not begin within `timeout` of that is not sent.
    """
    if tls:
        _tls()
    begun = time.perf_counter()
    begin = begun if due is None else due
    late = begun - begin
    sample: dict[str, Any] = {"at": time.time() - late, "total_ms": None, "late_ms": 1000 * late}
    if late > timeout:
        return sample | {"error": f"not sent within {timeout:g} s", "sent": False, "gave_up_ms": 1000 * late}
    wire: _Wire | None = None
    try:
        with _connect(host, port, begun + timeout, tls) as connection:
            connected = time.perf_counter()
            connection.settimeout(_left(begun + timeout))
            connection.sendall(_request(host, port, method, path, body, tls))
            wire = _Wire(connection, begun + timeout)
            response = _Response(wire, method=method)  # type: ignore[arg-type]
            response.begin()
            sample["status"] = response.status
            if response.status >= 400:
                return sample | {"error": f"status {response.status}"}
            response.skip()
    except TimeoutError as error:
        return sample | {"error": _said(error, wire, timeout), "gave_up_ms": 1000 * (time.perf_counter() - begin)}
    except (OSError, HTTPException, ValueError) as error:
        return sample | {"error": _said(error, wire, timeout)}
    return sample | {
        "total_ms": 1000 * (wire.latest - begin),
        "connect_ms": 1000 * (connected - begin),
        "first_byte_ms": 1000 * ((wire.first or wire.latest) - begin),
    }


def _said(error: Exception, wire: _Wire | None, timeout: float) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s" if not (wire and wire.first) else f"no end within {timeout:g} s"
    if isinstance(error, RemoteDisconnected):
        return "no answer"
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, IncompleteRead):
        return "the answer broke off"
    if wire is None:
        return "the host's name is not a valid one"
    if isinstance(error, BadStatusLine):
        return f"the answer is not HTTP: {str(error.args[0]).strip()[:60]!r}"
    return f"the answer is not valid HTTP: {error}"


def timed_requests(
    host: str,
    port: int,
    *,
    method: str,
    path: str,
    body: bytes,
    timeout: float,
    count: int,
    interval: float,
    rate: float | None = None,
    tls: bool = False,
) -> Iterator[dict[str, Any]]:
    """Make `count` requests, one after the other with pauses of `interval` ± 50 %, or in an open loop of `rate` a second.

    In an open loop one request is due at a random moment of each 1/rate seconds, whatever became of the ones before;
    they are yielded in that order, as soon as there is time. A closed loop sends nothing during a stall and so measures it only once (G. Tene's coordinated omission, as docs/en/explanation/latency.md
    of wrk2 explains it).
    """
    if rate is None:
        for index in range(count):
            if index:
                time.sleep(interval * random.uniform(1 - JITTER, 1 + JITTER))
            yield timed_request(host, port, method, path, body, timeout, tls=tls)
        return
    pool = ThreadPoolExecutor(MOST_UNDER_WAY)
    try:
        begin = time.perf_counter()
        under_way: deque[Future[dict[str, Any]]] = deque()
        for index in range(count):
            due = begin + (index + random.random()) / rate
            while under_way and under_way[0].done() and due - time.perf_counter() > IDLE_SECONDS:
                yield under_way.popleft().result()
            time.sleep(max(0.0, due - time.perf_counter()))
            under_way.append(pool.submit(timed_request, host, port, method, path, body, timeout, tls=tls, due=due))
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


if __name__ == "__main__":
    _spec = json.loads(sys.argv[3])
    _spec["body"] = bytes.fromhex(_spec["body"])
    for _one in timed_requests(sys.argv[1], int(sys.argv[2]), **_spec):
        print(json.dumps(_one), flush=True)  # noqa: T201
