"""How often the 95 % interval covers the true rate, over thousands of simulated windows that end by the rule.

python -m tests.measure.coverage [RUNS]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dclab.experiments.sampling import LOOK_EVERY, SHORTEST_SECONDS, WANTED, Window
from dclab.lab import Counter
from dclab.measure.rate import estimate_rate
from tests.measure.dockercoins_process import counter_samples

SYSTEMS = [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (10, 1), (10, 2), (10, 4), (30, 1), (30, 10), (100, 1), (100, 20)]
"""Workers and rngs."""
LONGEST = 30.0
EVERY = 0.1


def settle(workers: int) -> float:
    """Seconds that a sweep lets pass before the window."""
    return 4 + 0.2 * workers


def stopped(samples: Sequence[Counter]) -> Window:
    """The window that the rule would have ended, of readings that go on."""
    for size in range(LOOK_EVERY, len(samples) + 1, LOOK_EVERY):
        part = list(samples[:size])
        if part[-1].t - part[0].t >= SHORTEST_SECONDS:
            rate = estimate_rate(part)
            if rate.relative_half_width <= WANTED:
                return Window(rate, part, on_cap=False)
    return Window(estimate_rate(samples), list(samples), on_cap=True)


def simulate(workers: int, servers: int, runs: int) -> tuple[float, list[Window]]:
    """The true rate, and what so many windows came to."""
    wait = settle(workers)
    true = estimate_rate(counter_samples(workers, 1000, servers=servers, seed=99, settle=wait)).mean
    found = [
        stopped(counter_samples(workers, LONGEST, servers=servers, seed=seed, poll=EVERY, settle=wait))
        for seed in range(runs)
    ]
    return true, found


def main(runs: int) -> None:
    """Print a row for each system."""
    head = f"{'workers':>8}{'rngs':>6}{'hashes/s':>10}{'covered':>10}{'±':>8}{'window':>9}{'on cap':>8}"
    print(f"{head}   ({runs} windows each)", flush=True)  # noqa: T201
    for workers, servers in SYSTEMS:
        true, found = simulate(workers, servers, runs)
        covered = sum(one.rate.ci95_low <= true <= one.rate.ci95_high for one in found) / runs
        half = sum(one.rate.relative_half_width for one in found) / runs
        window = sum(one.samples[-1].t - one.samples[0].t for one in found) / runs
        capped = sum(one.on_cap for one in found)
        row = f"{workers:8}{servers:6}{true:10.2f}{100 * covered:9.1f}%{100 * half:7.1f}%{window:8.1f}s{capped:8}"
        print(row, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
