"""How often the 95 % interval of a rate covers the true one, over thousands of simulated windows that end by the rule.

python -m tests.measure.coverage [--quick] [--windows 2000] [--counter | --url] [--processes 1]

The process' own floor is 1.96 times the root mean square of the estimates' errors: no interval that covers 95 % can be
narrower by much. A machine's drift and the error of the stamps are simulated, too (`DRIFT`, `STAMP_SECONDS`).
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import get_args

from dclab.experiments.sampling import WANTED, looks
from dclab.measure.interval import expected_half_width
from dclab.measure.simulate import LoadBalancing, System, true_rate
from tests.measure.simulated import assumed, simulated_rate

WORKERS = (1, 2, 3, 5, 10, 20, 30, 100)
RNGS = (1, 2, 4, 10)
SERVICES = (0.1000, 0.1010, 0.1020, 0.1030)
"""Seconds; the windows of a cell take them in turn."""
LONGEST = 30.0


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What the windows of one kind of lab came to."""

    workers: int
    rngs: int
    load_balancing: LoadBalancing
    windows: int
    rate: float
    covered: float
    bias: float
    half: float
    floor: float
    seconds: float
    on_cap: float
    unstable: float

    def __str__(self) -> str:
        """One row."""
        return (
            f"{self.workers:7}{self.rngs:6}  {self.load_balancing:14}{self.rate:9.2f}{100 * self.covered:9.1f} %"
            f"{100 * self.bias:+8.2f} %{100 * self.half:8.2f} %{100 * self.floor:8.2f} %"
            f"{self.half / self.floor if self.floor else math.inf:7.2f}{self.seconds:8.1f} s"
            f"{100 * self.on_cap:6.0f} %{100 * self.unstable:8.1f} %"
        )


HEAD = (
    f"{'workers':>7}{'rngs':>6}  {'load balancing':14}{'hashes/s':>9}{'covered':>11}{'bias':>10}{'stated ±':>10}"
    f"{'floor ±':>10}{'ratio':>7}{'window':>10}{'on cap':>8}{'unstable':>10}"
)


def cell(
    place: tuple[int, int, LoadBalancing],
    *,
    windows: int,
    anonymous: bool = False,
    known: bool = True,
    longest: float = LONGEST,
    units: int = 400_000,
) -> Cell:
    """Simulate the windows of one kind of lab."""
    workers, rngs, policy = place
    halves, errors, covered, seconds, on_cap, unstable, rates = [], [], 0, [], 0, 0, []
    dice = random.Random(str(place))
    for index in range(windows):
        service = SERVICES[index % len(SERVICES)]
        system = System(workers=workers, rngs=rngs, load_balancing=policy, service=service)
        true = true_rate(system, units if rngs > 1 and policy != "round robin" else 50_000)
        possible = next(
            (one for one in looks(longest) if expected_half_width(assumed(system), true, one - 0.5) <= 1.2 * WANTED),
            longest,
        )
        found = simulated_rate(
            system,
            seed=dice.getrandbits(32),
            longest=longest,
            anonymous=anonymous,
            known=known,
            possible=0.0 if anonymous else possible,
        )
        rates.append(true)
        halves.append(found.relative_half_width)
        errors.append(found.mean / true - 1)
        covered += found.ci95_low <= true <= found.ci95_high
        seconds.append((found.seconds or 0.0) + (0.0 if anonymous else 0.5))
        on_cap += found.on_cap
        unstable += found.unstable
    return Cell(
        workers=workers,
        rngs=rngs,
        load_balancing=policy,
        windows=windows,
        rate=fmean(rates),
        covered=covered / windows,
        bias=fmean(errors),
        half=fmean(halves),
        floor=1.96 * math.sqrt(fmean(one * one for one in errors)),
        seconds=fmean(seconds),
        on_cap=on_cap / windows,
        unstable=unstable / windows,
    )


def places(workers: Sequence[int], rngs: Sequence[int]) -> Iterator[tuple[int, int, LoadBalancing]]:
    """Every combination; with one rng there is nothing to balance."""
    for count in rngs:
        for policy in get_args(LoadBalancing) if count > 1 else ("random",):
            for one in workers:
                yield one, count, policy


def main() -> None:
    """Print a row for each cell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=2000, help="of each cell")
    parser.add_argument("--quick", action="store_true", help="fewer cells")
    parser.add_argument("--counter", action="store_true", help="from the counter alone, workers and rngs known")
    parser.add_argument("--url", action="store_true", help="from the counter alone, nothing known")
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args()
    workers, rngs = ((1, 3, 10, 30), (1, 2, 4)) if asked.quick else (WORKERS, RNGS)
    run = partial(cell, windows=asked.windows, anonymous=asked.counter or asked.url, known=not asked.url)
    print(HEAD, f"  ({asked.windows} windows each)", flush=True)  # noqa: T201
    found: list[Cell] = []
    with ProcessPoolExecutor(asked.processes) as pool:
        for one in pool.map(run, places(workers, rngs)):
            print(one, flush=True)  # noqa: T201
            found.append(one)
    worst = min(found, key=lambda one: one.covered)
    widest = max(found, key=lambda one: one.half / one.floor)
    print(f"pooled: {100 * fmean(one.covered for one in found):.2f} %; least: {100 * worst.covered:.1f} %")  # noqa: T201
    print(f"cells below 94 %: {sum(one.covered < 0.94 for one in found)} of {len(found)}")  # noqa: T201
    print(f"stated over floor: {fmean(one.half / one.floor for one in found):.2f} on average, at most:\n{widest}")  # noqa: T201


if __name__ == "__main__":
    main()
