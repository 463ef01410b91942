"""What an HTTP health probe of rng does under load, by the queueing model.

A probe waits behind the requests that are queued, as any other request. So it is late once more of them wait than rng serves
within the timeout, and from then on each one is, since the workers are a closed loop that keeps its queue.
"""

from __future__ import annotations

import math
import random
from statistics import fmean, quantiles
from typing import Literal

from dclab.lab import HealthProbe
from dclab.measure.simulate import simulate
from dclab.measure.system import System
from dclab.results import HealthPrediction

__all__ = ["LOOK_SECONDS", "failing_seconds", "predict_probe", "watch_seconds"]

Outcome = Literal["fails", "holds", "cannot tell"]

SIMULATED_SECONDS = 40.0
RUNS = 8
DRAWS = 2000
SURE = 0.975
"""Share of the draws with one outcome from which on it is said."""

BUILD_SECONDS = 3.0
"""Within which the queue is there: workers that were refused wait 2 s, and each is served once before all queue again."""
LOOK_SECONDS = 2.0
"""By which an event is seen late, also that the probe is in force: the passes of the kubelet and of controllers, and the time
between two looks."""
START_SECONDS = 3.0
"""For a container to be started again, and to answer its TCP check."""

MODEL_ERROR = 0.03
"""Relative: how far a lab's waits may be from the model's. Nothing is said where it decides."""

SEVERAL_LOW, SEVERAL_HIGH = 0.001, 0.999
"""Between these shares of late probes nothing is said of several replicas: how their queues differ wanders slowly."""


def failing_seconds(probe: HealthProbe) -> float:
    """Return within how long a probe of which every one is late is seen to have failed often enough."""
    return BUILD_SECONDS + probe.failure_threshold * probe.period_seconds + probe.timeout_seconds + LOOK_SECONDS


def watch_seconds(probe: HealthProbe, grace: float) -> float:
    """Return how long a probe has to be watched: until the first event if every probe is late, and a cycle and a half more."""
    first = failing_seconds(probe)
    if probe.kind == "liveness":
        first += grace + START_SECONDS
    return first + 1.5 * (probe.failure_threshold + 1) * probe.period_seconds


def predict_probe(workers: int, replicas: int, probe: HealthProbe, grace: float) -> HealthPrediction:
    """Return what a probe of rng does while so many workers use it, as long as `watch_seconds`.

    Args:
        workers: that run.
        replicas: of rng.
        probe: whose path is answered at once, so that it waits for nothing but its turn.
        grace: seconds that a container has to end by itself; it never does while somebody waits for it.
    """
    system = System(workers=workers, rngs=replicas)
    waits = [wait for seed in range(1, RUNS + 1) for wait in simulate(system, SIMULATED_SECONDS, seed=seed).rng_waits]
    wait_ms = 1000 * fmean(waits)
    late, seldom, often = (
        sum(one > factor * probe.timeout_seconds for one in waits) / len(waits)
        for factor in (1.0, 1 + MODEL_ERROR, 1 - MODEL_ERROR)
    )
    longest = watch_seconds(probe, grace)
    outcomes = {_outcome(one, replicas, probe, longest) for one in (late, seldom, often)}
    outcome = outcomes.pop() if len(outcomes) == 1 else "cannot tell"
    if outcome != "fails":
        return HealthPrediction(late_share=late, wait_ms=wait_ms, outcome=outcome)
    firsts = [one for one in _draws(late, replicas, probe, longest) if one is not None]
    low, *_, high = quantiles(firsts, n=40)
    low = max(0.0, low - LOOK_SECONDS)
    high += BUILD_SECONDS + LOOK_SECONDS
    enough = math.ceil((1 + MODEL_ERROR) * max(waits))
    if probe.kind == "liveness":
        return HealthPrediction(
            late_share=late,
            wait_ms=wait_ms,
            outcome="fails",
            first_low=low + grace,
            first_high=high + grace + START_SECONDS,
            enough_seconds=enough,
        )
    cycle = _cycle(fmean(waits), probe) if replicas == 1 and late > SURE else (None, None)
    return HealthPrediction(
        late_share=late,
        wait_ms=wait_ms,
        outcome="fails",
        first_low=low,
        first_high=high,
        enough_seconds=enough,
        cycle_low=cycle[0],
        cycle_high=cycle[1],
    )


def _outcome(late: float, replicas: int, probe: HealthProbe, longest: float) -> Outcome:
    if replicas > 1 and SEVERAL_LOW < late < SEVERAL_HIGH:
        return "cannot tell"
    share = sum(one is not None for one in _draws(late, replicas, probe, longest)) / DRAWS
    return "fails" if share >= SURE else "holds" if share <= 1 - SURE else "cannot tell"


def _draws(late: float, replicas: int, probe: HealthProbe, longest: float) -> list[float | None]:
    """Seconds until the first replica has failed so often in a row, of chance where in its period it begins."""
    dice = random.Random(1)
    found: list[float | None] = []
    for _ in range(DRAWS):
        times = (_first(dice, late, probe, longest) for _ in range(replicas))
        found.append(min((one for one in times if one is not None), default=None))
    return found


def _first(dice: random.Random, late: float, probe: HealthProbe, longest: float) -> float | None:
    at = dice.uniform(0, probe.period_seconds)
    row = 0
    while at + probe.timeout_seconds <= longest:
        row = row + 1 if dice.random() < late else 0
        if row == probe.failure_threshold:
            return at + probe.timeout_seconds
        at += probe.period_seconds
    return None


def _cycle(wait: float, probe: HealthProbe) -> tuple[float, float]:
    """Seconds from one time out of service to the next: out until the queue is served, in until as many probes are late.

    The probe after the last late one comes a period later. By then the queue, of which nobody new becomes part, has been
    served for the period, and the probe succeeds if what is left of it takes less than the timeout.
    """
    period = probe.period_seconds
    out = max(1, math.ceil((wait - probe.timeout_seconds) / period))
    spare = max(0, math.ceil((BUILD_SECONDS - period) / period))
    shortest = (out + probe.failure_threshold) * period
    return max(0.0, shortest - LOOK_SECONDS), shortest + spare * period + LOOK_SECONDS
