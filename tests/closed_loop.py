"""A closed-loop load that knows how many requests it holds open: each user asks, waits for the answer, and asks again.

A request is held from when it is sent until the answer is there, which on a busy machine is before its user is: on Linux the
kernel tells how long ago the answer came.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from typing import NamedTuple


class Held(NamedTuple):
    """Counters, as of a moment."""

    t: float
    """Monotonic seconds."""
    seconds: float
    """Requests that were held open, integrated over time."""
    answered: int

    def mean_since(self, before: Held) -> float:
        """Requests that were held open on average."""
        return (self.seconds - before.seconds) / (self.t - before.t)


class ClosedLoop:
    """Users without think time, until it is left."""

    def __init__(
        self, port: int, users: int, path: str = "/32", *, keep_alive: bool = False, think: float = 0.0
    ) -> None:
        self.port = port
        self.keep_alive = keep_alive
        self.think = think
        self.request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        self.failed = 0
        self._open = 0
        self._seconds = 0.0
        self._changed = time.monotonic()
        self._answered = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._user) for _ in range(users)]

    def __enter__(self) -> ClosedLoop:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for one in self._threads:
            one.join()

    def held(self) -> Held:
        """The counters now."""
        with self._lock:
            self._advance(0)
            return Held(self._changed, self._seconds, self._answered)

    def _advance(self, by: int) -> None:
        now = time.monotonic()
        self._seconds += self._open * (now - self._changed)
        self._changed = now
        self._open += by

    def _user(self) -> None:
        connection: socket.socket | None = None
        while not self._over.is_set():
            try:
                connection = connection or socket.create_connection(("127.0.0.1", self.port), 30)
                self._ask(connection)
            except OSError:
                self.failed += 1
                time.sleep(0.01)
            if connection and not self.keep_alive:
                connection.close()
                connection = None
            self._over.wait(self.think)
        if connection:
            connection.close()

    def _ask(self, connection: socket.socket) -> None:
        with self._lock:
            self._advance(1)
        first, noticed_after = b"", 0.0
        try:
            connection.sendall(self.request)
            first = connection.recv(65536)
            noticed_after = last_received(connection) if first else 0.0
        finally:
            with self._lock:
                self._advance(-1)
                self._seconds -= noticed_after
        if not first:
            raise ConnectionResetError("no answer")
        self._answered += 1
        if not self.keep_alive:
            with contextlib.suppress(OSError):
                while connection.recv(65536):
                    pass


def last_received(connection: socket.socket) -> float:
    """Seconds since data last came, to a tick of the kernel's clock (tcpi_last_data_recv of struct tcp_info)."""
    if sys.platform != "linux":
        return 0.0
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 56)
    return int.from_bytes(info[52:56], sys.byteorder) / 1000
