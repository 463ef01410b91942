"""worker: sleep, fetch random bytes, have them hashed, count; adds to the counter once a second.

Every call opens a connection of its own, so that replicas added to a service take effect at once.
"""

from __future__ import annotations

import http.client
import signal
import socket
import sys
import time
from types import FrameType

from apps import settings
from apps.resp import Redis

CONNECT_TIMEOUT = 5.0
"""To a replica that has just gone, nothing answers; the kernel tries it three times in 5 s."""
CALL_TIMEOUT = 120.0
"""A queue of a thousand workers at one rng takes 100 s. That the other side is dead is noticed sooner, by KEEPALIVE."""
KEEPALIVE = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4))
"""Whose machine does not answer for 30 s is gone, however long the queue is."""
REPORT_EVERY = 1.0


class _Leave(BaseException):
    """SIGTERM arrived."""


def log(message: str) -> None:
    """One line, with the time, written at once: its arrival is the time of a report."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {message}\n")
    sys.stdout.flush()


def keep_alive(connection: socket.socket) -> None:
    """Have the kernel ask the other side's whether it is still there."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE:
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


class Worker:
    """The loop, with what it has counted and not yet added to the counter."""

    def __init__(self) -> None:
        self.delay = settings.seconds("DELAY", 0.1)
        self.back_off = settings.seconds("BACKOFF", 10.0)
        self.patience = settings.seconds("TIMEOUT", CALL_TIMEOUT, low=0.1)
        self.rng = settings.service_address("RNG")
        self.hasher = settings.service_address("HASHER")
        self.redis = Redis(settings.service_address("REDIS"), password=settings.text("REDIS_PASSWORD", ""))
        self.done = 0
        self.deadline = 0.0

    def call(self, address: tuple[str, int], method: str, path: str, body: bytes | None = None) -> bytes:
        """One request on a connection of its own; OSError when it does not answer 200."""
        connection = http.client.HTTPConnection(*address, timeout=CONNECT_TIMEOUT)
        try:
            connection.connect()
            connection.sock.settimeout(self.patience)
            keep_alive(connection.sock)
            connection.request(method, path, body, {"Connection": "close"})
            response = connection.getresponse()
            data = response.read()
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path}: {type(error).__name__} {error}") from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise OSError(f"{method} {path} answered {response.status}")
        return data

    def report(self) -> None:
        """Say what was done and add it to the counter; SIGTERM waits meanwhile, so that nothing is counted twice."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        try:
            log(f"{self.done} units of work done, updating hash counter")
            self.redis.ask("INCRBY", "hashes", self.done)
            self.done = 0
        except OSError as error:  # said with its command: what was said to be added was not
            raise OSError(f"INCRBY: {error}") from error
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})

    def unit(self) -> None:
        """One unit of work."""
        time.sleep(self.delay)
        data = self.call(self.rng, "GET", "/32")
        hashed = self.call(self.hasher, "POST", "/", data).decode("ascii")
        self.done += 1
        if hashed.startswith("0"):
            log(f"Coin found: {hashed[:8]}...")
            self.redis.ask("HSET", "wallet", hashed, data)

    def run(self) -> None:
        """Work until SIGTERM; what was counted is written before it returns."""
        try:
            while True:
                try:
                    if time.monotonic() > self.deadline:
                        self.report()
                        self.deadline = time.monotonic() + REPORT_EVERY
                    self.unit()
                except OSError as error:
                    log(f"Failed: {error}. Waiting {self.back_off:g} s and going on.")
                    time.sleep(self.back_off)
        except _Leave:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self.leave()

    def leave(self) -> None:
        """Write the rest and say so."""
        self.redis.close()  # SIGTERM may have come between a question and its answer
        self.redis.timeout = 1.0
        try:
            if self.done:
                self.redis.ask("INCRBY", "hashes", self.done)
            log(f"Leaving; {self.done} units added to the hash counter")
        except OSError as error:
            log(f"Leaving; {self.done} units could not be added to the hash counter: {error}")


def main() -> None:
    """Run one worker."""

    def leave(_signal: int, _frame: FrameType | None) -> None:
        raise _Leave

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    Worker().run()


main()
