"""The check of a point by Little's law: it speaks up where workers are missing, and not where probes are few."""

from __future__ import annotations

import random
from dataclasses import replace
from statistics import fmean

import pytest

from dclab.measure.accounting import accounting_caveats
from dclab.measure.queueing import accounted_workers
from dclab.measure.simulate import System, simulate
from dclab.results import Rate, SweepPoint


def point(workers, accounted, probes=5, rngs=1, wait=700.0):
    return SweepPoint(
        workers=workers,
        hashes_per_second=Rate(mean=10.0, ci95_low=9.9, ci95_high=10.1),
        webui_reading=10,
        webui_readings=(),
        seconds=4,
        samples=40,
        ready_seconds=1,
        probe_ms={"rng": wait, "hasher": 1.0},
        probes={"rng": probes, "hasher": probes},
        rng_replicas=rngs,
        littles_law=accounted,
    )


@pytest.mark.parametrize(
    ("one", "found"),
    [
        (point(10, 10.4), []),
        (point(10, 6.0), ["littles-law"]),
        (point(10, 6.0, probes=0), []),
        (point(1, 1.5), []),
        (point(1, 2.5), ["littles-law"]),
        (point(10, 6.0, rngs=2, wait=300.0), []),
        (point(10, None), []),
        # A hundred whose rng took 7 % longer than 0.1 s for each; and forty of which are missing.
        (
            replace(
                point(100, 106.4, probes=1, wait=10_430.0),
                hashes_per_second=Rate(mean=9.35, ci95_low=9.3, ci95_high=9.4),
            ),
            [],
        ),
        (point(100, 60.0, probes=1, wait=5_800.0), ["littles-law"]),
    ],
)
def test_of_a_point(one, found):
    assert [each.code for each in accounting_caveats(one)] == found


@pytest.mark.parametrize(("workers", "rngs"), [(3, 1), (10, 1), (10, 2), (10, 4), (20, 4)])
def test_good_points_are_seldom_warned_of(workers, rngs):
    """With five probes in a row, as httplat makes them; it was one in five with several rngs."""
    dice = random.Random(workers * rngs)
    warned = 0
    for seed in range(60):
        run = simulate(System(workers=workers, rngs=rngs), 5.0, seed=seed)
        waits = list(run.rng_waits[:: max(1, len(run.rng_waits) // 5)][:5])
        if len(waits) < 2:
            continue
        wait = fmean(waits)
        accounted = accounted_workers(run.units / 5.0, wait, 0.001 * dice.random(), rngs)
        warned += any(accounting_caveats(point(workers, accounted, len(waits), rngs, 1000 * wait)))
    assert warned <= 3
