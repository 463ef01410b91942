"""Services that behave as the course's public images do where these are unlike dclab's own.

They run as root, listen at port 80, know no settings, and end on no signal but SIGKILL. rng is one thread, which lingers after
each answer as werkzeug's development server does; the worker speaks as Python's logging does, and calls without patience.
`service.py rng|hasher|worker|webui`, or `service.py httplat URL`.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import http.server
import json
import logging
import os
import select
import socket
import sys
import threading
import time
import traceback
from urllib.parse import urlsplit

from apps.resp import Redis

SLEEP = 0.1
LINGER = 0.01
AT_A_TIME = 20
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class OneAtATime(http.server.HTTPServer):
    """One thread, with room for those who wait."""

    request_queue_size = 128


class Threaded(http.server.ThreadingHTTPServer):
    """A thread for each."""

    request_queue_size = 128


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers, and closes the connection."""

    def answer(self, body: bytes, kind: str = "text/plain", status: int = 200) -> None:
        """Send it."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == http.client.FOUND:
            self.send_header("Location", "/index.html")
        self.end_headers()
        self.wfile.write(body)


class Rng(Handler):
    """Random bytes."""

    def do_GET(self) -> None:
        if self.path == "/":
            self.answer(f"RNG running on {socket.gethostname()}\n".encode())
        else:
            time.sleep(SLEEP)
            self.answer(os.urandom(int(self.path[1:])), "application/octet-stream")

    def finish(self) -> None:
        """Wait a moment for the client to close first."""
        super().finish()
        with contextlib.suppress(OSError):
            while select.select([self.connection], [], [], LINGER)[0]:
                if not self.connection.recv(65536):
                    break


class Hasher(Handler):
    """Hashes, about twenty at a time."""

    slots = threading.Semaphore(AT_A_TIME)

    def do_GET(self) -> None:
        self.answer(f"HASHER running on {socket.gethostname()}\n".encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.slots:
            time.sleep(SLEEP)
        self.answer(hashlib.sha256(body).hexdigest().encode())


class Webui(Handler):
    """The counter."""

    def do_GET(self) -> None:
        if self.path == "/json":
            redis = Redis(("redis", 6379), timeout=2.0)
            coins, hashes = redis.read("HLEN", "wallet"), redis.read("GET", "hashes")
            redis.close()
            said = {"coins": coins, "hashes": None if hashes is None else hashes.decode(), "now": time.time()}
            self.answer(json.dumps(said).encode(), "application/json")
        elif self.path == "/":
            self.answer(b"", status=http.client.FOUND)
        else:
            self.answer(b"<h1>DockerCoin Miner WebUI</h1>\n", "text/html")


def call(service: str, method: str, path: str, body: bytes | None = None) -> bytes:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(service, 80)
    try:
        connection.request(method, path, body, {"Content-Type": "application/octet-stream"})
        return connection.getresponse().read()
    finally:
        connection.close()


def work() -> None:
    """Mine without end, unless something fails."""
    log = logging.getLogger("__main__")
    redis = Redis(("redis", 6379), timeout=10.0)
    deadline, done = 0.0, 0
    while True:
        if time.time() > deadline:
            log.info("%d units of work done, updating hash counter", done)
            redis.ask("INCRBY", "hashes", done)
            deadline, done = time.time() + 1, 0
        time.sleep(SLEEP)
        data = call("rng", "GET", "/32")
        hashed = call("hasher", "POST", "/", data).decode()
        done += 1
        if hashed.startswith("0"):
            log.info("Coin found: %s...", hashed[:8])
            redis.ask("HSET", "wallet", hashed, data)


def worker() -> None:
    """Mine; after a failure wait, and begin again."""
    logging.basicConfig(level=logging.INFO)
    while True:
        try:
            work()
        except Exception:
            traceback.print_exc()
            print("Waiting 10s and restarting.", file=sys.stderr)
            time.sleep(10)


class Httplat(Handler):
    """Latency of one target, as a histogram; what failed is counted as latency, too."""

    counts = [0] * (len(BUCKETS) + 1)
    total = 0.0

    @classmethod
    def watch(cls, url: str) -> None:
        """Ask the target every ten seconds."""
        target = urlsplit(url)
        while True:
            time.sleep(10)
            begin = time.perf_counter()
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection(target.hostname or "", target.port or 80, timeout=10)
                connection.request("GET", target.path or "/")
                connection.getresponse()
            spent = time.perf_counter() - begin
            cls.total += spent
            cls.counts[sum(spent > one for one in BUCKETS)] += 1

    def do_GET(self) -> None:
        name = "httplat_latency_seconds"
        below = [sum(self.counts[: n + 1]) for n in range(len(self.counts))]
        lines = [f"# TYPE {name} histogram"]
        lines += [f'{name}_bucket{{le="{one}"}} {count}' for one, count in zip((*BUCKETS, "+Inf"), below, strict=True)]
        lines += [f"{name}_sum {self.total}", f"{name}_count {below[-1]}"]
        self.answer("\n".join([*lines, ""]).encode(), "text/plain; version=0.0.4")


def main(name: str, *arguments: str) -> None:
    """Run one of them."""
    if name == "worker":
        worker()
    elif name == "httplat":
        threading.Thread(target=Httplat.watch, args=arguments, daemon=True).start()
        Threaded(("", int(os.environ.get("PORT", "9080"))), Httplat).serve_forever()
    elif name == "rng":
        OneAtATime(("", 80), Rng).serve_forever()
    else:
        Threaded(("", 80), {"hasher": Hasher, "webui": Webui}[name]).serve_forever()


main(*sys.argv[1:])
