"""How many rngs a demand needs: the least number with which a worker's own call waits no longer than the objective.

The wait is the simulated one (`plant`). Its interval is that of the simulation and of what an rng's service takes, which
differs from machine to machine: where the objective lies within it, two numbers are possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from statistics import fmean
from typing import NamedTuple

from dclab.elasticity.plant import Plant
from dclab.elasticity.profile import Step
from dclab.measure.moments import variance
from dclab.measure.queueing import SERVICE_SECONDS
from dclab.measure.simulate import System
from dclab.measure.student import t_quantile
from dclab.results import DemandStep

__all__ = ["USUAL", "Need", "Wait", "cycle_seconds", "demand_steps", "needed", "simulated_wait", "wait_ms"]

USUAL = System(workers=1)
"""A lab on an ordinary machine: its times; how many there are of each is said elsewhere."""

FASTEST, SLOWEST = 0.1000, 0.1030
"""Seconds that an rng takes for a call on the machines that dclab was measured on (as in `dclab.measure.wander`)."""
UNITS, UNITS_BESIDE_USERS = 20_000, 6_000
"""Simulated calls, and fewer where a siege's requests come on top."""
MOST_SECONDS_BESIDE_USERS = 300.0
BATCHES = 20
SETTLE_SECONDS = 20.0


class Wait(NamedTuple):
    """Mean milliseconds that a worker's call queues with so many rngs, and its 95 % interval."""

    rngs: int
    mean: float
    low: float
    high: float


class Need(NamedTuple):
    """How many rngs a demand needs."""

    low: int
    """Where waits are at the lower ends of their intervals."""
    high: int
    """Where they are at the upper ends."""
    reachable: bool
    """False where even the most rngs that there may be do not meet the objective; `low` and `high` are then the most."""
    waits: tuple[Wait, ...]
    """Those that were compared with the objective."""


def cycle_seconds(system: System = USUAL) -> float:
    """Return the mean time of a worker's unit without queueing."""
    return system.delay + system.service + system.hashing + 2 * system.jitter + system.service_jitter


def wait_ms(workers: int, hashes_per_second: float, system: System = USUAL) -> float | None:
    """Return the mean milliseconds that a worker's call queues at this rate, by Little's law: N / X less the cycle.

    None where nothing was done, so that it is not known.
    """
    if workers <= 0 or hashes_per_second <= 0:
        return None
    return max(0.0, 1000 * (workers / hashes_per_second - cycle_seconds(system)))


@lru_cache(maxsize=1024)
def simulated_wait(workers: int, users: int, rngs: int, system: System = USUAL) -> tuple[float, float]:
    """Return the mean milliseconds that a worker's call queues, and half of its 95 % interval, of one simulated run.

    Calls go to rngs at random, as on Kubernetes.
    """
    plant = Plant(system, seed=1, rngs=rngs, pod_start=0.0)
    plant.set_workers(workers)
    plant.set_users(users)
    plant.advance(SETTLE_SECONDS)
    rate = min(workers / cycle_seconds(system), rngs * system.threads / system.service)
    length = (min(UNITS_BESIDE_USERS / rate, MOST_SECONDS_BESIDE_USERS) if users else UNITS / rate) / BATCHES
    before, means = plant.totals(), []
    for _ in range(BATCHES):
        plant.advance(plant.now + length)
        after = plant.totals()
        if after.units > before.units:
            means.append(1000 * (after.waited - before.waited) / (after.units - before.units))
        before = after
    return fmean(means), t_quantile(len(means) - 1) * (variance(means) / len(means)) ** 0.5


def _wait(workers: int, users: int, rngs: int, system: System) -> Wait:
    mean, _ = simulated_wait(workers, users, rngs, system)
    fast, below = simulated_wait(workers, users, rngs, replace(system, service=FASTEST * _slowness(system)))
    slow, above = simulated_wait(workers, users, rngs, replace(system, service=SLOWEST * _slowness(system)))
    return Wait(rngs, mean, max(0.0, min(mean, fast - below)), max(mean, slow + above))


def _slowness(system: System) -> float:
    """How much longer an rng takes than the usual one."""
    return system.service / USUAL.service


def needed(workers: int, users: int, slo_ms: float, most: int, system: System = USUAL, *, target: str = "rng") -> Need:
    """Return the least number of rngs with which a worker's own call waits `slo_ms` or less on average.

    Args:
        workers: how many there are; without any there is no call that could wait, and one rng is enough.
        users: of a siege that asks rng for `/` without think time.
        slo_ms: the objective.
        most: rngs that there may be.
        system: its times, and rng's threads.
        target: which deployment is scaled; nothing queues at a hasher, so that one is enough.
    """
    if target != "rng":
        return Need(1, 1, True, (Wait(1, 0.0, 0.0, 0.0),))
    # No queueing at all would still take N D / k a cycle: fewer rngs cannot do.
    each = workers * SERVICE_SECONDS / system.threads
    least = next((k for k in range(1, most) if 1000 * (each / k - cycle_seconds(system)) <= slo_ms), most)
    waits: list[Wait] = []
    if workers:
        for rngs in range(least, most + 1):
            waits.append(_wait(workers, users, rngs, system))
            if waits[-1].high <= slo_ms:
                break
    else:
        waits.append(Wait(1, 0.0, 0.0, 0.0))
    low = next((one.rngs for one in waits if one.low <= slo_ms), None)
    high = next((one.rngs for one in waits if one.high <= slo_ms), most)
    return Need(most if low is None else low, high, low is not None, tuple(waits))


def demand_steps(
    profile: Sequence[Step], slo_ms: float, most: int, system: System = USUAL, *, target: str = "rng"
) -> tuple[DemandStep, ...]:
    """Return the demand of each step of a profile, as `needed` has it."""
    steps, t = [], 0.0
    for one in profile:
        need = needed(one.workers, one.users, slo_ms, most, system, target=target)
        steps.append(
            DemandStep(
                t=t,
                workers=one.workers,
                users=one.users,
                needed=need.low,
                needed_high=need.high,
                reachable=need.reachable,
            )
        )
        t += one.seconds
    return tuple(steps)
