"""Rates that change within a window, and workers that fall silent."""

from __future__ import annotations

import contextlib
import random

import pytest

from dclab.measure.by_worker import LOOK_BACK_SECONDS, Progress
from dclab.measure.changes import find_change, silent_workers
from dclab.measure.rate import TooShort, anonymous_rate
from dclab.measure.simulate import System, counter_readings, simulate
from tests.measure.simulated import reading_times


def joined(before, at, after, seconds, seed=1):
    """Readings of a lab that is another one from `at` on."""
    first, second = simulate(before, at, seed=seed).reports, simulate(after, seconds - at, seed=seed + 1).reports
    reports = [one for one in first if one.t <= at] + [one._replace(t=one.t + at) for one in second if one.t > 0]
    return counter_readings(reports, reading_times(seconds, 0.02, random.Random(seed)))


@pytest.mark.parametrize(("before", "after"), [(3, 2), (2, 3), (1, 2), (5, 1)])
@pytest.mark.parametrize("at", [6.0, 8.0])
def test_a_worker_that_comes_or_goes_is_a_change(before, after, at):
    found = [find_change(joined(System(workers=before), at, System(workers=after), 15, seed)) for seed in range(10)]
    seen = [one for one in found if one is not None]
    assert len(seen) >= 7
    assert all(at - 1 < one.t < at + 3.5 for one in seen)
    assert "The rate changed from" in str(seen[0])


@pytest.mark.parametrize(
    "system",
    [System(workers=1), System(workers=3, service_jitter=0.02), System(workers=10), System(workers=10, rngs=2)],
)
def test_a_rate_that_only_wanders_has_not_changed(system):
    found = [find_change(joined(system, 10, system, 20, seed)) for seed in range(15)]
    assert sum(one is not None for one in found) <= 1


@pytest.mark.parametrize("at", [1.5, 2.5, 3.5])
def test_a_change_that_is_not_seen_leaves_no_narrow_interval(at):
    for seed in range(10):
        with contextlib.suppress(TooShort):
            found = anonymous_rate(joined(System(workers=3), at, System(workers=2), 5, seed))
            one_of_them = any(found.ci95_low <= rate <= found.ci95_high for rate in (9.83, 6.56))
            assert one_of_them or found.relative_half_width > 0.05


def silent(reports, system, now=8.0, begin=4.0):
    """Who is silent in a window that began at 4 s; reports are those since half a second before."""
    known = [one for one in reports if begin - LOOK_BACK_SECONDS <= one.t <= now]
    workers = [f"worker-{index}" for index in range(system.workers)]
    return silent_workers(Progress(known, now), system, workers, begin - LOOK_BACK_SECONDS)


@pytest.mark.parametrize("since", [-1.0, 3.0, 4.5])
def test_a_worker_that_is_silent_is_named(since):
    """Also one that was silent before the window began, so that nothing of it is known but its name."""
    system = System(workers=3)
    reports = [one for one in simulate(system, 8, seed=1).reports if one.worker != "worker-1" or one.t < since]
    assert silent(reports, system) == ["worker-1"]


@pytest.mark.parametrize(
    "system",
    [System(workers=40), System(workers=100), System(workers=10, rngs=2), System(workers=100, rngs=10)],
    ids=str,
)
def test_a_worker_in_a_long_queue_is_not_silent(system):
    for seed in range(20):
        assert silent(simulate(system, 8, seed=seed).reports, system) == []
        assert silent(simulate(system, 34, seed=seed).reports, system, now=34.0) == []
