"""A rolling update to a bad image and back, and what the end of a replica costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from dclab.results.bounds import Count, Name, Replicas, Seconds
from dclab.results.health import HealthLook, HealthPhase

__all__ = ["Loss", "RolloutDemo", "Stuck", "Took"]


@dataclass(frozen=True, kw_only=True)
class Stuck:
    """How many replicas there are once the update hangs."""

    old: Replicas
    """Of the old template, in service."""
    new: Replicas
    """Of the new one, none of them ready."""


@dataclass(frozen=True, kw_only=True)
class Took:
    """How long something took, as exactly as the observations allow."""

    low: Seconds
    high: Seconds


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Workers that were stopped, and whether each of their hashes was counted."""

    how: Literal["SIGTERM", "SIGKILL"]
    """Whether they could report what they held."""
    at_once: Replicas
    """Workers that were stopped together."""
    rounds: Annotated[int, Meta(ge=1, le=1000)]
    """How often."""
    served: Count
    """Hashes that hasher made for them."""
    counted: Count
    """By which the hash counter rose."""
    predicted_low: Count
    predicted_high: Count
    """95 % interval of how many are not counted."""

    @property
    def lost(self) -> int:
        """Hashes that nobody counted."""
        return self.served - self.counted

    @property
    def workers(self) -> int:
        """Workers that were stopped."""
        return self.at_once * self.rounds


@dataclass(frozen=True, kw_only=True)
class RolloutDemo:
    """One demonstration of a rolling update."""

    target: Name
    replicas: Annotated[int, Meta(ge=1, le=10_000)]
    workers: Replicas
    """Number of workers: those that run meanwhile, or those that are updated."""
    rngs: Replicas
    """Replicas of rng."""
    max_surge: Replicas
    max_unavailable: Replicas
    predicted: Stuck
    timeline: Annotated[tuple[HealthLook, ...], Meta(max_length=100_000)] = ()
    phases: Annotated[tuple[HealthPhase, ...], Meta(max_length=10)] = ()
    stuck: Stuck | None = None
    """At the end of the phase with the bad image; None before it, or where a new replica got ready."""
    waiting: Name = ""
    """Why the new ones do not run, as `kubectl get pods` shows it."""
    undone: Took | None = None
    """From the undo until all replicas are ready and of the old template; None where that was not seen."""
    healed: Took | None = None
    """From the order to delete a replica until it is gone and all are ready again; None where that was not seen."""
    failed: Mapping[Name, Count] = field(default_factory=dict)
    """By phase: calls of workers that failed, as their logs say."""
    losses: Annotated[tuple[Loss, ...], Meta(max_length=10)] = ()
    verdict: Literal["as predicted", "not as predicted", "cannot tell"] = "cannot tell"
    """Of `stuck` against the prediction."""
