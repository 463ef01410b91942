"""A server that lingers as the original rng's does: one thread, which after each answer waits for the client to close.

werkzeug's development server (2.3 and later) waits up to 10 ms for the client to close first, and serves nobody
meanwhile. A client that closes only once the server has closed therefore times 10 ms too many, and costs everybody else
those 10 ms. `GET /` is answered at once, `GET /<n>` with n bytes after `delay` seconds.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

LINGER = 0.01
"""Seconds, as in werkzeug's serving.py."""


class Served(NamedTuple):
    """One request as the server saw it; seconds of the machine's monotonic clock."""

    path: str
    arrived: float
    began: float
    answered: float
    free: float
    """When the server could turn to the next request."""


class LingeringServer:
    """Listens on loopback from its making until `close`; `served` has every request."""

    def __init__(self, delay: float = 0.1) -> None:
        self.delay = delay
        self.served: list[Served] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self.listener.getsockname()[1]
        self.arrived: queue.SimpleQueue[tuple[float, socket.socket]] = queue.SimpleQueue()
        for one in (self.accept, self.serve):
            threading.Thread(target=one, daemon=True).start()

    def accept(self) -> None:
        """Take connections as they arrive, so that the time is known, and let them wait here."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.arrived.put((time.perf_counter(), connection))

    def serve(self) -> None:
        """Serve one after the other."""
        while True:
            arrived, connection = self.arrived.get()
            began = time.perf_counter()
            with contextlib.suppress(OSError), connection:
                path, answered = self.answer(connection)
                while select.select([connection], [], [], LINGER)[0]:
                    if not connection.recv(65536):
                        break
                self.served.append(Served(path, arrived, began, answered, time.perf_counter()))

    def answer(self, connection: socket.socket) -> tuple[str, float]:
        """Read a request and answer it: the head first and then the body, as werkzeug does."""
        head = b""
        while b"\r\n\r\n" not in head:
            more = connection.recv(65536)
            if not more:
                raise ConnectionError
            head += more
        path = head.split()[1].decode()
        if path != "/":
            time.sleep(self.delay)
        body = b"RNG running on here\n" if path == "/" else os.urandom(int(path[1:]))
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body))
        connection.sendall(body)
        return path, time.perf_counter()

    def close(self) -> None:
        """Take no more connections."""
        self.listener.close()


class Callers:
    """So many workers' calls: each thinks for 0.2 s, as a worker sleeps and waits for hasher, and then asks for /32."""

    THINK = 0.2

    def __init__(self, port: int, count: int) -> None:
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(port,), daemon=True) for _ in range(count)]
        for one in self.threads:
            one.start()

    def run(self, port: int) -> None:
        """Call again and again, as apps/worker does."""
        while not self.over.wait(self.THINK):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/32", headers={"Connection": "close"})
                connection.getresponse().read()
            connection.close()

    def close(self) -> None:
        """End after the calls that are under way."""
        self.over.set()
        for one in self.threads:
            one.join()


@contextlib.contextmanager
def lingering(callers: int, delay: float = 0.1) -> Iterator[Lingering]:
    """Run the server and its callers in a process of their own, so that they do not share this one's interpreter."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(callers), str(delay)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        yield Lingering(process, int(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()


class Lingering:
    """A running server with its callers, and what it has served so far."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def served(self) -> list[Served]:
        """Every request so far."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("served\n")
        self.process.stdin.flush()
        return [Served(*one) for one in json.loads(self.process.stdout.readline())]


def share_taken(served: Sequence[Served], path: str = "/") -> float:
    """How much of the server's time requests for the path took, from the first request to the last."""
    took = sum(one.free - one.began for one in served if one.path == path)
    return took / (served[-1].free - served[0].began)


def main() -> None:
    """Serve until standard input ends; for each line that is read, print what has been served."""
    server = LingeringServer(float(sys.argv[2]))
    print(server.port, flush=True)  # noqa: T201
    Callers(server.port, int(sys.argv[1]))
    for _ in sys.stdin:
        print(json.dumps(server.served), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
