"""Windows of simulated labs, ended by dclab's own rule."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from dclab.experiments.sampling import Enough, known_well, looks
from dclab.lab import Counter, WorkerReport
from dclab.measure.interval import DRIFT
from dclab.measure.rate import STAMP_SECONDS, TooShort, anonymous_rate, rate_by_worker
from dclab.measure.simulate import System, counter_readings, simulate
from dclab.results import Rate

SETTLE_SECONDS = 20.0
"""Until workers that began in step have found theirs."""

__all__ = ["assumed", "drifted", "reading_times", "simulated_rate", "stamped"]


def assumed(system: System) -> System:
    """What a lab knows of itself: its replicas and its load balancing, not how long things take."""
    return System(workers=system.workers, rngs=system.rngs, load_balancing=system.load_balancing)


def drifted(system: System, dice: random.Random) -> System:
    """The same system on a machine that is a little slower or faster than in the long run."""
    speed = dice.gauss(1, DRIFT)
    return replace(system, delay=system.delay * speed, service=system.service * speed, hashing=system.hashing * speed)


def stamped(reports: Sequence[WorkerReport], dice: random.Random) -> list[WorkerReport]:
    """The reports with the error of their stamps."""
    return [one._replace(t=one.t + dice.gauss(0, STAMP_SECONDS)) for one in reports]


def reading_times(seconds: float, every: float, dice: random.Random) -> list[float]:
    """Times of readings with the jitter that dclab gives them."""
    times, t = [], 0.0
    while t <= seconds:
        times.append(t)
        t += every * dice.uniform(0.5, 1.5)
    return times


def simulated_rate(
    system: System,
    *,
    seed: int,
    longest: float = 30.0,
    enough: Enough = known_well,
    anonymous: bool = False,
    known: bool = True,
    possible: float = 0.0,
) -> Rate:
    """Return what a window of this system comes to, as `measure_rate` would end it.

    Args:
        system: the lab, with its true times.
        seed: of the run.
        longest: seconds.
        enough: ends the window.
        anonymous: from the counter alone.
        known: whether the lab's replicas are, for the anonymous estimate.
        possible: seconds before which no look could be enough, so that none need be simulated.
    """
    dice = random.Random(seed)
    machine, ends = drifted(system, dice), [one for one in looks(longest) if one >= min(possible, longest)]
    simulated, rate = 0.0, None
    reports: list[WorkerReport] = []
    samples: list[Counter] = []
    for look in ends:
        if look > simulated:
            simulated = min(longest, 3 * look)
            run = simulate(machine, simulated, seed=seed, settle=SETTLE_SECONDS + 0.3 * system.workers / system.rngs)
            reports = stamped(run.reports, random.Random(seed))
            if anonymous:
                samples = counter_readings(run.reports, reading_times(simulated, 0.02, random.Random(seed)))
        try:
            if anonymous:
                rate = anonymous_rate([one for one in samples if one.t <= look], assumed(system) if known else None)
            else:
                rate = rate_by_worker([one for one in reports if one.t <= look], 0.0, look, assumed(system))
        except TooShort:
            continue
        if enough(rate):
            return rate
    assert rate is not None
    return replace(rate, on_cap=True)
