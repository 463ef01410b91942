"""What health probes made of a service under load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from dclab.results.bounds import Amount, Count, Name, Replicas, Seconds

__all__ = ["HealthEvent", "HealthLook", "HealthPhase", "HealthPrediction", "ProbeDemo", "ReplicaHealth"]

Phase = Literal["tcp", "rollout", "http", "back", "before", "bad image", "undo", "after", "heal"]
Share = Annotated[float, Meta(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class ReplicaHealth:
    """One replica, as a rolling update and health probes see it."""

    name: Name
    ready: bool
    in_service: bool
    """Whether its service sends it new connections; of a deployment without a service, whether it is ready."""
    terminating: bool
    restarts: Count
    current: bool
    """Whether it is of the deployment's newest template."""
    waiting: Name = ""
    """Why its container does not run, such as `ImagePullBackOff`; empty while it runs."""


@dataclass(frozen=True, kw_only=True)
class HealthLook:
    """The target's replicas at one moment."""

    t: Seconds
    """Seconds since the demonstration began."""
    phase: Phase
    """Of a probe: with the manifest's TCP check; while the update rolls out; with the HTTP probe; while all is put back. Of a
    rolling update: before it; with the bad image; while it is undone; after it; after a replica was deleted."""
    replicas: Annotated[tuple[ReplicaHealth, ...], Meta(max_length=1000)]
    hashes: Count
    """Of the hash counter."""

    @property
    def in_service(self) -> int:
        """How many replicas new connections go to."""
        return sum(one.in_service for one in self.replicas)


@dataclass(frozen=True, kw_only=True)
class HealthEvent:
    """What happened to one replica between two observations."""

    after: Seconds
    """Time of the previous observation."""
    t: Seconds
    """Time of the observation that showed it."""
    what: Literal["out of service", "in service", "restarted"]
    replica: Name


@dataclass(frozen=True, kw_only=True)
class HealthPhase:
    """A phase as a whole."""

    phase: Phase
    begin: Seconds
    seconds: Seconds
    hashes: Count
    """By which the counter rose."""
    rate_low: Amount
    rate_high: Amount
    """Hashes per second, between bounds: at both ends workers hold what they have not reported yet."""
    out_seconds: Seconds
    """For how long no replica was in service."""
    times_out: Count
    """How often a replica went out of service."""
    restarts: Count


@dataclass(frozen=True, kw_only=True)
class HealthPrediction:
    """What the queueing model predicts for a probe under load."""

    late_share: Share
    """Share of probes whose response takes longer than the timeout."""
    wait_ms: Amount
    """How long a probe waits on average."""
    outcome: Literal["fails", "holds", "cannot tell"]
    """Whether the threshold is reached while the demonstration lasts."""
    first_low: Seconds | None = None
    first_high: Seconds | None = None
    """95 % interval of the seconds until the first replica is out of service (readiness) or restarted (liveness); None
    unless the probe fails."""
    enough_seconds: Annotated[int, Meta(ge=1, le=10**6)] | None = None
    """The shortest timeout in whole seconds with which no probe would be late; None unless the probe fails."""
    cycle_low: Seconds | None = None
    cycle_high: Seconds | None = None
    """Seconds from one time out of service to the next; None unless a readiness probe fails."""


@dataclass(frozen=True, kw_only=True)
class ProbeDemo:
    """One demonstration of an HTTP probe."""

    target: Name
    kind: Literal["readiness", "liveness"]
    path: Name
    period_seconds: Annotated[int, Meta(ge=1, le=3600)]
    timeout_seconds: Annotated[int, Meta(ge=1, le=3600)]
    failure_threshold: Annotated[int, Meta(ge=1, le=1000)]
    workers: Replicas
    replicas: Annotated[int, Meta(ge=1, le=10_000)]
    """Of the target."""
    grace_seconds: Amount
    """What a replica has to end by itself before it is killed."""
    watch_seconds: Annotated[float, Meta(gt=0, le=1e6)]
    """How long the HTTP probe is watched."""
    predicted: HealthPrediction
    timeline: Annotated[tuple[HealthLook, ...], Meta(max_length=100_000)] = ()
    events: Annotated[tuple[HealthEvent, ...], Meta(max_length=100_000)] = ()
    phases: Annotated[tuple[HealthPhase, ...], Meta(max_length=10)] = ()
    verdict: Literal["as predicted", "not as predicted", "cannot tell"] = "cannot tell"
    """Of the first event against the prediction."""
