"""Which DockerCoins could this be? What a rate and its rounds say of workers and rngs that one cannot count."""

from __future__ import annotations

import math
from functools import lru_cache

from dclab.measure.simulate import true_rate
from dclab.measure.system import System

__all__ = ["systems_like"]

NEAR = 0.06
"""Share by which a system's simulated rate may differ from the measured one: other machines, other versions."""
LEAST_OF_BOUND = 0.6
"""Chance leaves more than this of what the rngs could serve."""
MOST_WORKERS, MOST_RNGS = 100, 10
UNITS = 5000
ENOUGH = 3
"""With few rngs a rate wanders most."""


@lru_cache(maxsize=2048)
def systems_like(rate: float, workers: int, *, alone: bool) -> tuple[System, ...]:
    """Return the systems with random load balancing that do about so many hashes per second.

    Args:
        rate: hashes per second; rounded by the caller, so that answers are remembered.
        workers: about how many report in a round.
        alone: whether each unit is reported by itself, so that there may be any greater number of workers.
    """
    found = []
    for rngs in range(1, MOST_RNGS + 1):
        if alone:
            least = math.ceil(rate)
            numbers = sorted({least, 2 * least, 4 * least, 10 * rngs, 20 * rngs})
        else:
            numbers = list(range(max(1, math.floor(0.75 * workers)), math.ceil(1.35 * workers) + 1))
        system = System(workers=1, rngs=rngs)
        cycle = system.delay + system.service + system.hashing
        near: list[tuple[float, int]] = []
        for number in numbers:
            bound = min(number / cycle, rngs / system.service)
            if LEAST_OF_BOUND * bound <= rate <= (1 + NEAR) * bound:
                off = abs(true_rate(System(workers=number, rngs=rngs), UNITS) / rate - 1)
                if off <= NEAR:
                    near.append((off, number))
        if near:
            found.append(System(workers=min(near)[1], rngs=rngs))
        if len(found) == ENOUGH:
            break
    return tuple(found) or (
        System(workers=max(2, min(MOST_WORKERS, workers)), rngs=max(2, min(MOST_RNGS, round(rate / 10)))),
    )
