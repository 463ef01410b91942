"""How often `compare` errs and how often it finds a change, by simulation: `./dev python -m tests.measure.compare`.

Runs come from the one model of the process (`dclab.measure.simulate`), on a machine all of whose times differ from run to
run by a factor of their own, and drift from the first run to the last: a sweep by each worker's own reports, and 15 probes
and calls of each service.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import fmean

from dclab.experiments.alternate import in_turn
from dclab.lab import ProbeSample
from dclab.measure.compare import Difference, compare_sides
from dclab.measure.latency import summarise
from dclab.measure.simulate import Simulated, System, simulate
from dclab.results import (
    SCHEMA,
    Environment,
    LatencySummary,
    Rate,
    Results,
    Sweep,
    SweepPoint,
    TargetLatency,
)

WORKERS = (1, 2, 3, 4, 5, 10)
BETWEEN_RUNS = 0.005
"""Standard deviation of the logarithm of a run's factor."""
DRIFT = 0.01
"""From the first run to the last, beside that."""
SECONDS = 4.0
PROBES = 15
HALF_WIDTH = 0.01
"""Of each rate, as a run states it."""
SLOWER = 4
ENVIRONMENT = Environment(dclab="", python="", system="", cpus=2, memory_mb=1, engine_reason="", versions={})
BEGUN = datetime(2026, 1, 1)


def system(workers: int, times: float, rng: float) -> System:
    """A system whose times are all so many times the usual, and rng's so many times that again."""
    usual = System(workers=workers)
    return replace(usual, delay=times * usual.delay, hashing=times * usual.hashing, service=times * rng * usual.service)


def rate_of(window: Simulated) -> float:
    """Of each worker what lies between its first and last report, all together."""
    total = 0.0
    for worker in {one.worker for one in window.reports}:
        mine = [one for one in window.reports if one.worker == worker]
        total += sum(one.units for one in mine[1:]) / (mine[-1].t - mine[0].t)
    return total


def latency_of(waits: Sequence[float], takes: float, dice: random.Random) -> LatencySummary:
    """PROBES requests that wait so long, and then take so long, with what the network adds."""
    times = [1000 * (wait + takes) + dice.lognormvariate(-0.6, 0.4) for wait in dice.sample(waits, PROBES)]
    return summarise([ProbeSample(at=0.0, total_ms=one) for one in times])


def run(seed: int, times: float, rng: float, workers: Sequence[int] = WORKERS, order: int = 0) -> Results:
    """One run, the `order`-th, on a machine of its own."""
    dice = random.Random(seed)
    times *= dice.lognormvariate(0, BETWEEN_RUNS)
    points = []
    for index, count in enumerate(workers):
        mean = rate_of(simulate(system(count, times, rng), SECONDS, seed=seed + index))
        rate = Rate(mean=mean, ci95_low=mean * (1 - HALF_WIDTH), ci95_high=mean * (1 + HALF_WIDTH))
        points.append(
            SweepPoint(
                workers=count,
                hashes_per_second=rate,
                webui_reading=0,
                webui_readings=(),
                seconds=SECONDS,
                samples=0,
                ready_seconds=0,
            )
        )
    busiest = system(max(workers), times, rng)
    waits = simulate(busiest, 2 * PROBES, seed=seed - 1)
    latency = {
        "rng": TargetLatency(
            workers=max(workers),
            probe=latency_of(waits.rng_waits, 0, dice),
            call=latency_of(waits.rng_waits, busiest.service, dice),
        ),
        "hasher": TargetLatency(
            workers=max(workers),
            probe=latency_of([0.0] * PROBES, 0, dice),
            call=latency_of([0.0] * PROBES, busiest.hashing, dice),
        ),
    }
    return Results(
        schema=SCHEMA,
        engine="embedded",
        lab="simulated",
        command="",
        started=(BEGUN + timedelta(minutes=order)).isoformat(),
        environment=ENVIRONMENT,
        sweep=Sweep(points=tuple(points)),
        latency=latency,
    )


def compared(seed: int, pairs: int, rng: float, workers: Sequence[int] = WORKERS) -> list[Difference]:
    """What `compare` says of so many pairs in ABBA order; the other side's rng takes `rng` times as long."""
    sides: dict[str, list[Results]] = {"base": [], "other": []}
    for order, (side, _) in enumerate(in_turn(pairs)):
        drifted = 1 + DRIFT * order / (2 * pairs)
        slower = rng if side == "other" else 1.0
        sides[side].append(run(100 * (seed * 100 + order), drifted, slower, workers, order))
    return compare_sides(list(sides.values()))


def different(found: Sequence[Difference]) -> bool:
    """Whether any figure is called higher or lower."""
    return any(one.verdict in ("higher", "lower") for one in found)


def told(found: Sequence[Difference], what: str) -> str:
    """The verdict of one figure."""
    return next(one.verdict for one in found if one.what == what)


def main(trials: int) -> None:
    """Print how often each happens."""
    for pairs in (5, 3, 1):
        count = trials if pairs > 1 else trials // SLOWER  # reading histograms takes longest
        found = [compared(seed, pairs, 1.0) for seed in range(count)]
        wrong = fmean(different(one) for one in found)
        same = fmean(one.verdict == "same" for each in found for one in each)
        say(
            f"A/A, {pairs} pairs: {100 * wrong:.1f} % called different (≤ 5 %), {100 * same:.0f} % of figures the same "
            f"within 3 %   n = {count}"
        )
    for slower, pairs in ((1.05, 5), (1.05, 3), (1.02, 5)):
        found = [compared(10_000 + seed, pairs, slower) for seed in range(trials)]
        right = fmean(told(one, "10 workers") == "lower" for one in found)
        same = fmean(told(one, "10 workers") == "same" for one in found)
        opposite = fmean(any(_opposite(one) for one in each) for each in found)
        goal = " (≥ 80 %)" if (slower, pairs) == (1.05, 5) else ""
        say(
            f"rng slower by {100 * (slower - 1):.0f} %, {pairs} pairs: the rate of 10 workers is called lower in "
            f"{100 * right:.1f} %{goal}, the same in {100 * same:.1f} %; something of rng the wrong way in "
            f"{100 * opposite:.1f} %   n = {trials}"
        )


def _opposite(one: Difference) -> bool:
    """Whether a slower rng is said to have raised a rate or lowered its latency."""
    return one.verdict == ("higher" if one.unit == "hashes/s" else "lower") and "hasher" not in one.what


def say(text: str) -> None:
    """One line."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
