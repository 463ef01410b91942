"""Requests that are sent to a lab on purpose: probes, which are timed one by one, and the load of a siege."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["Job", "JobStatus", "LoadSpec", "ProbeSample", "ProbeSpec"]


@dataclass(frozen=True, kw_only=True)
class ProbeSpec:
    """What to ask of a service, how often, and how."""

    path: str = "/"
    method: Literal["GET", "POST"] = "GET"
    body: bytes | None = None
    count: int = 10
    interval: float = 0.1
    """Mean seconds from the end of one probe to the start of the next, jittered by ±50 %."""
    timeout: float = 10.0
    rate: float | None = None
    """Requests per second of an open loop, sent whether or not the ones before were answered, and timed from
    when each was due; None asks one after the other."""


@dataclass(frozen=True, kw_only=True)
class ProbeSample:
    """One timed request on a fresh connection. Milliseconds; a failed one has an error and no total."""

    at: float
    """Unix seconds at its start; in an open loop, when it was due."""
    late_ms: float = 0.0
    """How long after it was due an open loop's request was begun: the prober's own delay."""
    total_ms: float | None
    connect_ms: float | None = None
    first_byte_ms: float | None = None
    status: int | None = None
    error: str | None = None
    gave_up_ms: float | None = None
    """How long a request that timed out was waited for, from when it was due; None for any other."""
    sent: bool = True
    """False for an open loop's request that never was, because too many were under way until it timed out."""


@dataclass(frozen=True, kw_only=True)
class LoadSpec:
    """A siege: `concurrent` users without think time."""

    target: str
    path: str = "/"
    concurrent: int = 15
    seconds: float = 240.0


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """State of a load."""

    state: Literal["pending", "running", "succeeded", "failed", "stopped"]
    exit_code: int | None = None
    cores: float | None = None
    """CPU that the generator took on average, up to when it was last asked while it ran; None where it is not known."""


class Job(Protocol):
    """A load under way."""

    @property
    def generator(self) -> str:
        """The program that makes the load, and its version."""

    @property
    def url(self) -> str:
        """What it loads."""

    def status(self) -> JobStatus:
        """State now."""

    def log(self) -> str:
        """Everything it printed so far."""

    def stop(self) -> None:
        """End it early; its summary, if it prints one, is in the log afterwards."""
