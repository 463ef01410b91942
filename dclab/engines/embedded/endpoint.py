"""What the replica behind one port has been asked, as the data path counts it, and as the supervisor knows it."""

from __future__ import annotations

import time
from typing import NamedTuple

__all__ = ["Asked", "Endpoint"]

FULL_AFTER = 0.1
"""Seconds after which a connection that the replica has not taken shows its backlog to be full: the kernel takes it at once,
or not before it asks again a second later."""


class Asked(NamedTuple):
    """What a replica has been asked until a moment; counters."""

    at: float
    """Monotonic seconds, the same in all processes of a machine."""
    in_flight_seconds: float = 0.0
    requests: float = 0.0
    full_seconds: float = 0.0

    def plus(self, other: Asked) -> Asked:
        """Return both together, as of the later one."""
        return Asked(
            max(self.at, other.at),
            self.in_flight_seconds + other.in_flight_seconds,
            self.requests + other.requests,
            self.full_seconds + other.full_seconds,
        )


class Endpoint:
    """One replica's port.

    A request is in flight from when some of it was passed on until the replica answers, or either side ends: what a table of
    its connections would show (apps/exporter). A connection that it has not taken yet is not, since its kernel knows none.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.connections = 0
        """Those of clients that were sent here and have not ended."""
        self._requests = 0
        self._in_flight = 0
        self._in_flight_seconds = 0.0
        self._full_seconds = 0.0
        self._changed = self._told = time.monotonic()
        self._waiting: dict[object, float] = {}
        """Connections that it has not taken, in order, with when they were begun."""

    @property
    def has_news(self) -> bool:
        """Whether something happened since `tell`."""
        return self.connections > 0 or self._changed >= self._told

    def wait(self, connection: object) -> None:
        """Begin a connection to it."""
        self._waiting[connection] = time.monotonic()

    def taken(self, connection: object, *, accepted: bool) -> None:
        """A connection that was begun is there, or was refused."""
        self._waiting.pop(connection, None)
        self._requests += accepted
        self._change(0)

    def begin_request(self) -> None:
        """One more request is in flight."""
        self._change(1)

    def end_request(self) -> None:
        """One of them is not any more."""
        self._change(-1)

    def tell(self, now: float) -> tuple[float, int, float]:
        """Return the fields of `Asked` as of now, but for the time."""
        oldest = next(iter(self._waiting.values()), now)
        if now - oldest > FULL_AFTER:
            self._full_seconds += now - max(oldest, self._told)
        self._told = now
        return self._in_flight_seconds + self._in_flight * (now - self._changed), self._requests, self._full_seconds

    def _change(self, by: int) -> None:
        now = time.monotonic()
        self._in_flight_seconds += self._in_flight * (now - self._changed)
        self._changed = now
        self._in_flight += by
