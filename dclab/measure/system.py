"""A DockerCoins to be simulated: its replicas, its load balancing, and how long each thing takes. All times are in seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from dclab.measure.queueing import HASHER_SLOTS, hasher_queues

__all__ = ["LoadBalancing", "System", "lab_system"]

LoadBalancing = Literal["random", "round robin", "better of two"]


@dataclass(frozen=True, kw_only=True)
class System:
    """A DockerCoins, with times as a lab on an ordinary machine has them."""

    workers: int
    rngs: int = 1
    threads: int = 1
    """Requests that one rng serves at a time."""
    hashers: int = 1
    hasher_threads: int | None = None
    """Requests that one hasher serves at a time; None for any number."""
    load_balancing: LoadBalancing = "random"
    delay: float = 0.1003
    """A worker's sleep before each unit, and the overhead of its calls."""
    service: float = 0.1012
    """How long a request holds an rng's thread."""
    hashing: float = 0.1016
    """How long a request holds a hasher's thread."""
    redis: float = 0.0008
    """How long a report takes: the worker waits for it."""
    jitter: float = 0.0004
    """Mean of what comes on top of each sleep and each hash, exponentially distributed."""
    service_jitter: float = 0.0004
    """The same of rng's service; more where rng lacks CPU."""

    @property
    def most(self) -> float:
        """Hashes per second if no worker ever waited for a busy replica while another is idle."""
        cycle = self.delay + self.service + self.hashing
        most = min(self.workers / cycle, self.rngs * self.threads / self.service)
        return most if self.hasher_threads is None else min(most, self.hashers * self.hasher_threads / self.hashing)


def lab_system(workers: int, rngs: int, hashers: int = 1, load_balancing: LoadBalancing = "random") -> System:
    """Return the system of a lab with these replicas; hasher is part of it where it can be so busy that requests queue."""
    system = System(workers=workers, rngs=rngs, load_balancing=load_balancing)
    if not hasher_queues(workers, rngs, hashers):
        return system
    return replace(system, hashers=hashers, hasher_threads=HASHER_SLOTS)
