"""The fewest replicas of rng and hasher with which the calls of N workers do not queue."""

from __future__ import annotations

import math
from typing import NamedTuple

from dclab.measure.queueing import CYCLE_SECONDS, HASHER_SLOTS, SERVICE_SECONDS, bound_rate, knee

__all__ = ["Needs", "needs_of"]


class Needs(NamedTuple):
    """Replicas that serve all workers as fast as they can ask, and the rate that they make then at most."""

    workers: int
    rngs: int
    hashers: int
    hashes_per_second: float

    def __str__(self) -> str:
        """In a sentence."""
        return (
            f"{self.workers} workers make up to {self.hashes_per_second:.0f} hashes/s if no call has to wait, which takes at least "
            f"{self.rngs} rng and {self.hashers} hasher (one rng serves {knee():g} workers, one hasher "
            f"{HASHER_SLOTS * CYCLE_SECONDS / SERVICE_SECONDS:g})."
        )


def needs_of(workers: int) -> Needs:
    """Return the fewest rngs and hashers that are as fast as so many workers."""
    rngs = math.ceil(workers / knee() - 1e-9)
    rate = bound_rate(workers, rngs)
    hashers = math.ceil(rate * SERVICE_SECONDS / HASHER_SLOTS - 1e-9)
    return Needs(workers, max(1, rngs), max(1, hashers), rate)
