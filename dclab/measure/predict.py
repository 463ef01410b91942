"""What a lab would do with other numbers of workers and rngs, from what its sweep has shown."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from dclab.errors import DclabError
from dclab.measure.models import best_model
from dclab.measure.queueing import HASHER_SLOTS, SERVICE_SECONDS
from dclab.measure.simulate import simulated_rate
from dclab.results import ModelFit, Rate, Sweep

__all__ = ["CannotTell", "Plan", "Prediction", "System", "cheapest", "predict", "system_of"]

DRAWS = 40
BUSY = 0.8
MOST_WORKERS = 200
MOST_RNGS = 50


class CannotTell(DclabError):
    """The points of the run do not say enough."""

    code = "cannot-tell"


@dataclass(frozen=True, kw_only=True)
class System:
    """What a sweep with one rng shows of the system, each with its standard error, in seconds."""

    cycle: float
    cycle_error: float
    service: float
    service_error: float


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Hashes per second with these replicas."""

    workers: int
    rng: int
    hasher: int
    hashes_per_second: Rate
    at_most: float
    """Were no two calls ever at one rng while another is idle."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Replicas that reach a rate."""

    workers: int
    rng: int
    hasher: int
    hashes_per_second: float


def system_of(sweep: Sweep | None, models: tuple[ModelFit, ...]) -> System:
    """The queueing bound's parameters with standard errors from the intervals of the points that each rests on.

    Raises:
        CannotTell: the points do not bear out the bound.
    """
    best = best_model(models)
    if sweep is None or best is None or best.name != "bound":
        found = "It has no sweep" if sweep is None else f"Its points bear out {best.name if best else 'no model'}"
        raise CannotTell(
            "This run cannot tell what other numbers would give.",
            f"{found}; a prediction needs a sweep of five points or more, with one rng, that reaches a plateau.",
            "Measure one: dclab scale-sweep --workers 1,2,3,4,5,10.",
        )
    cycle, cap = best.parameters["cycle_seconds"], best.parameters["cap"]
    knee = cycle * cap
    errors = {one.workers: one.hashes_per_second.half_width / 1.96 for one in sweep.points}
    below = [n for n in errors if n <= 1.05 * knee]
    above = [n for n in errors if n > 1.05 * knee]
    if not below or not above:
        raise CannotTell(
            "This run cannot tell what other numbers would give.",
            f"Its points lie on one side only of {knee:.1f} workers, where the rate stops growing.",
            "Measure both: dclab scale-sweep --workers 1,2,3,4,5,10.",
        )
    slope_error = sum((n * errors[n]) ** 2 for n in below) ** 0.5 / sum(n * n for n in below)
    cap_error = sum(errors[n] ** 2 for n in above) ** 0.5 / len(above)
    return System(cycle=cycle, cycle_error=slope_error * cycle**2, service=1 / cap, service_error=cap_error / cap**2)


def _rate(system: System, workers: int, rng: int, hasher: int, seed: int = 1) -> float:
    think = max(0.0, system.cycle - system.service)
    return simulated_rate(workers, rng, think, system.service, hashers=hasher, seed=seed)


def predict(system: System, workers: int, rng: int, hasher: int = 1) -> Prediction:
    """Simulated with the fitted parameters; the interval is that of draws within their errors.

    As on Kubernetes, each call goes to an rng at random.
    """
    dice = random.Random(7)
    drawn = sorted(
        _rate(
            System(
                cycle=dice.gauss(system.cycle, system.cycle_error),
                cycle_error=0.0,
                service=max(1e-6, dice.gauss(system.service, system.service_error)),
                service_error=0.0,
            ),
            workers,
            rng,
            hasher,
            seed,
        )
        for seed in range(DRAWS)
    )
    mean = sum(drawn) / DRAWS
    return Prediction(
        workers=workers,
        rng=rng,
        hasher=hasher,
        hashes_per_second=Rate(mean=mean, ci95_low=drawn[0], ci95_high=drawn[-1]),
        at_most=min(workers / system.cycle, rng / system.service, hasher * HASHER_SLOTS / SERVICE_SECONDS),
    )


def cheapest(system: System, wanted: float) -> Plan:
    """The fewest replicas in all, workers and rngs, that reach a rate; of equals, the one of the higher rate.

    There are as many hashers as the rate keeps busy for at most BUSY of the time, so that hardly any call queues there.

    Raises:
        CannotTell: no numbers within bounds reach it.
    """
    hasher = max(1, math.ceil(wanted * SERVICE_SECONDS / (BUSY * HASHER_SLOTS)))
    for total in range(2, MOST_WORKERS + MOST_RNGS):
        found = []
        for rng in range(max(1, total - MOST_WORKERS), min(MOST_RNGS, total - 1) + 1):
            workers = total - rng
            if min(workers / system.cycle, rng / system.service) >= wanted:
                rate = _rate(system, workers, rng, hasher)
                if rate >= wanted:
                    found.append(Plan(workers=workers, rng=rng, hasher=hasher, hashes_per_second=rate))
        if found:
            return max(found, key=lambda one: one.hashes_per_second)
    raise CannotTell(
        f"{wanted:g} hashes/s are out of reach.",
        f"Not even {MOST_WORKERS} workers and {MOST_RNGS} rngs would make them.",
        "Ask for less.",
    )
