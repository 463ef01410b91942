"""What a lab counts: the hash counter, the reports of its workers, and what its replicas are asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Counter", "Quantities", "Scrape", "WorkerReport"]


@dataclass(frozen=True, kw_only=True)
class Counter:
    """The hash counter at one moment, read as the web UI reads it."""

    t: float
    """Unix seconds, on the web UI's clock; on this machine's where the web UI tells no time."""
    hashes: int
    coins: int


class WorkerReport(NamedTuple):
    """What one worker added to the counter, and when."""

    worker: str
    """Name of the replica."""
    t: float
    """Unix seconds when it said so, on the lab's clock (the one of `Counter.t`); the counter rises within a millisecond.

    Where workers run on several nodes, each is stamped on its own node's clock: times between reports of one worker
    are exact, those between two workers as far as the nodes' clocks agree.
    """
    units: int
    """Hashes since its last report; 0 in the first."""


class Scrape(NamedTuple):
    """What an httplat exporter has counted so far."""

    sum_seconds: float
    probes: float


class Quantities(NamedTuple):
    """What one replica has been asked so far; counters that begin at 0 with it."""

    t: float
    """Unix seconds of the reading."""
    in_flight_seconds: float
    """Requests that it held (waiting or served), integrated over time: the difference of two readings over the time between
    them is how many it held on average. An idle connection that is kept open holds none."""
    requests: float
    """Requests that it has accepted, or connections where one carries several."""
    full_seconds: float
    """How long its backlog was full meanwhile: then in-flight is a lower bound."""
