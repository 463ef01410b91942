"""What one replica has been asked so far: counters that begin at 0."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from apps.exporter.sock_diag import Look

__all__ = ["Connections", "Meter", "Requests", "Totals"]


class Connections(Protocol):
    """What looks at the target's port."""

    def look(self) -> Look:
        """Return what there is now; OSError when it cannot be told."""

    def close(self) -> None:
        """Give up what is open."""


class Totals(NamedTuple):
    """Seconds of requests in flight, and seconds of a full backlog, until a moment."""

    at: float
    """Monotonic seconds."""
    in_flight: float
    full: float


class Meter:
    """Adds up looks at a port, each for the time since the one before.

    Looks at random moments see the average over time: a request of a tenth of a second is missed by most of them, and
    counted for longer by the others.
    """

    def __init__(self, port: int, kinds: tuple[Callable[[int], Connections], ...]) -> None:
        """Look at `port` with the first of these kinds that works."""
        self._port = port
        self._kinds = kinds
        self._connections: Connections | None = None
        self._said = ""
        self._lock = threading.Lock()
        self._looked = time.monotonic()
        self._totals = Totals(self._looked, 0.0, 0.0)

    def take(self) -> Totals | None:
        """Take a look; return the totals up to it, None while nothing can be seen: that is unknown, not zero."""
        with self._lock:
            look = self._look()
            now = time.monotonic()
            since, self._looked = now - self._looked, now
            if look is None:
                return None
            self._totals = Totals(
                now, self._totals.in_flight + look.in_flight * since, self._totals.full + (since if look.full else 0.0)
            )
            return self._totals

    def _look(self) -> Look | None:
        if self._connections is not None:
            try:
                return self._connections.look()
            except OSError as error:
                self._say(f"The connections cannot be seen any more: {error}.")
                self._connections.close()
                self._connections = None
        for kind in self._kinds:
            try:
                made = kind(self._port)
                look = made.look()
            except OSError as error:
                self._say(f"The connections cannot be seen by {kind.__name__}: {error}.")
            else:
                self._connections = made
                return look
        return None

    def _say(self, message: str) -> None:
        if message != self._said:
            print(message, file=sys.stderr, flush=True)  # noqa: T201
            self._said = message


class Requests:
    """Connections that the target has accepted: those of the whole network namespace, less those of others.

    In a pod, others are this exporter and the kubelet, whose TCP probe opens one every `probe_seconds`, as it is assumed
    here: nobody can tell afterwards which ones were the probe's. A connection on which several requests come counts once.
    """

    def __init__(self, accepted: Callable[[], int], own: Callable[[], int], probe_seconds: float) -> None:
        """`accepted` counts for the namespace, `own` for this exporter; 0 where nobody probes the target."""
        self._accepted = accepted
        self._own = own
        self._probe_seconds = probe_seconds
        self._began = time.monotonic()
        self._before = accepted() - own()
        self._most = 0

    def count(self) -> int:
        """Return how many since this object was made; never fewer than before. OSError when they cannot be counted."""
        probes = int((time.monotonic() - self._began) / self._probe_seconds) if self._probe_seconds else 0
        self._most = max(self._most, self._accepted() - self._own() - self._before - probes)
        return self._most
