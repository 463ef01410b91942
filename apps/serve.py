"""A small HTTP/1.1 server with a fixed number of slots: the concurrency of a service is its lesson.

Each slot is a thread that takes one connection, answers one request and closes. Who finds no free slot
waits in the listen backlog, as with the original services. Standard library only, and little of it: a
replica should be up in a tenth of a second and small.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from apps import settings

__all__ = ["Answer", "Request", "Served", "serve"]

BACKLOG = 1024
HEADER_LIMIT = 16 * 1024
BODY_LIMIT = 1024 * 1024
READ_TIMEOUT = 2.0
"""Seconds a client may take to send its request: one that sends nothing must not hold the only slot."""
WRITE_TIMEOUT = 10.0


class Request(NamedTuple):
    """One request; HEAD is passed on as GET."""

    method: str
    path: str
    body: bytes
    query: str
    """What follows the question mark of its URL; empty where there is none."""
    headers: Mapping[str, str]
    """By their names in lower case."""


class Answer(NamedTuple):
    """What a handler returns."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


class Served:
    """A count, by several threads, with the time of its last change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count, self._last = 0, 0.0

    def one_more(self) -> None:
        """Count one, now."""
        with self._lock:
            self._count, self._last = self._count + 1, time.time()

    @property
    def count(self) -> int:
        """How many so far."""
        return self._count

    def told(self) -> bytes:
        """The count and its time as JSON."""
        with self._lock:
            return json.dumps({"served": self._count, "last": self._last}).encode()


Handler = Callable[[Request], Answer]
Secure = Callable[[socket.socket], socket.socket]


class _Bad(Exception):
    """A request that cannot be answered by the handler."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _head_of(connection: socket.socket, end: float) -> tuple[bytes, bytes] | None:
    """Header block and the bytes after it; None when the client left without a request."""
    data = b""
    while b"\r\n\r\n" not in data:
        if len(data) > HEADER_LIMIT:
            raise _Bad(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        connection.settimeout(max(0.001, end - time.monotonic()))
        chunk = connection.recv(65536)
        if not chunk:
            if data:
                raise _Bad(HTTPStatus.BAD_REQUEST)
            return None
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _length_of(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise _Bad(HTTPStatus.LENGTH_REQUIRED)
    length = headers.get("content-length", "0")
    if not length.isdecimal():
        raise _Bad(HTTPStatus.BAD_REQUEST)
    if int(length) > BODY_LIMIT:
        raise _Bad(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return int(length)


def _read(connection: socket.socket) -> Request | None:
    end = time.monotonic() + READ_TIMEOUT
    found = _head_of(connection, end)
    if found is None:
        return None
    head, body = found
    first, *lines = head.decode("latin-1").split("\r\n")
    try:
        method, path, _version = first.split(" ")
    except ValueError:
        raise _Bad(HTTPStatus.BAD_REQUEST) from None
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = _length_of(headers)
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while len(body) < length:
        connection.settimeout(max(0.001, end - time.monotonic()))
        chunk = connection.recv(65536)
        if not chunk:
            raise _Bad(HTTPStatus.BAD_REQUEST)
        body += chunk
    path, _, query = path.partition("?")
    return Request(method, path, body[:length], query, headers)


def _reply(connection: socket.socket, answer: Answer, *, with_body: bool = True) -> None:
    connection.settimeout(WRITE_TIMEOUT)
    head = (
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n"
        f"Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    connection.sendall(head.encode() + (answer.body if with_body else b""))


def _converse(connection: socket.socket, handler: Handler) -> None:
    try:
        request = _read(connection)
        if request is None:
            return
        with_body = request.method != "HEAD"
        answer = handler(request if with_body else request._replace(method="GET"))
        _reply(connection, answer, with_body=with_body)
    except _Bad as bad:
        _reply(connection, Answer(bad.status, f"{HTTPStatus(bad.status).phrase}\n".encode()))
        # What the client still sends must be read, or the kernel resets the connection under the answer.
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(0.2)
        while connection.recv(65536):
            pass


def _slot(listener: socket.socket, stopping: int, handler: Handler, accepted: Served, secure: Secure) -> None:
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    poller.register(stopping, select.POLLIN)
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            if any(ready == stopping for ready, _ in poller.poll()) and not _waiting(listener):
                return
            continue
        except ConnectionAbortedError:
            continue
        accepted.one_more()
        with connection, contextlib.suppress(OSError):  # the client went away, or was too slow
            connection.settimeout(READ_TIMEOUT)
            with secure(connection) as one:
                _converse(one, handler)


def _waiting(listener: socket.socket) -> bool:
    return bool(select.select([listener], [], [], 0)[0])


def serve(
    handler: Handler,
    *,
    slots: int,
    accepted: Served | None = None,
    secure: Secure = lambda connection: connection,
) -> None:
    """Serve on $HOST:$PORT until SIGTERM or SIGINT, then answer every client that is connected, and return.

    Connections are accepted for another $DRAIN seconds (none unless it is set): where the clients' way to this server is
    closed only after the signal, as on Kubernetes, one that connects just then would find no address, and no answer.

    Args:
        handler: called for each request, in one of the slots.
        slots: how many requests are served at the same time.
        secure: makes of an accepted connection one that is encrypted; in the slot, so that nobody waits for a slow client.
        accepted: counts the connections, where somebody wants to know.
    """
    host = settings.text("HOST", "127.0.0.1")
    port = settings.integer("PORT", low=1, high=65535)
    drain = settings.seconds("DRAIN", 0.0)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise SystemExit(f"Cannot listen on {host}:{port}: {error.strerror}.") from None
    listener.listen(BACKLOG)
    signalled, wake = os.pipe()
    # Written to in the moment of the signal, whichever thread gets it.
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    stopping, stop = os.pipe()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: None)
    given = (listener, stopping, handler, accepted or Served(), secure)
    threads = [threading.Thread(target=_slot, args=given) for _ in range(slots)]
    for thread in threads:
        thread.start()
    select.select([signalled], [], [])
    time.sleep(drain)
    os.close(stop)
    for thread in threads:
        thread.join()
