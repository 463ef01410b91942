"""The rate and its interval, against a simulation of DockerCoins whose true rate is known."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.errors import DclabError
from dclab.lab import Counter
from dclab.measure.rate import ClockStepped, CounterReset, check_clock, estimate_rate
from dclab.measure.ratio import Ratio, quotient, verdict
from dclab.measure.student import t_quantile
from dclab.results import Rate
from tests.measure import coverage
from tests.measure.dockercoins_process import counter_samples

RUNS = 30


def truth(workers):
    return estimate_rate(counter_samples(workers, 2000, seed=99)).mean


@pytest.mark.parametrize("workers", [1, 3, 5, 10])
@pytest.mark.parametrize(("seconds", "worst"), [(5, 0.12), (20, 0.01)])
def test_the_interval_covers_the_true_rate(workers, seconds, worst):
    true = truth(workers)
    found = [estimate_rate(counter_samples(workers, seconds, seed=seed)) for seed in range(RUNS)]
    covered = sum(one.ci95_low <= true <= one.ci95_high for one in found)
    assert covered >= 0.94 * RUNS
    assert max(abs(one.mean - true) / true for one in found) < worst
    assert abs(sum(one.mean for one in found) / RUNS - true) / true < worst / 5


@pytest.mark.parametrize(("workers", "servers"), [(1, 1), (3, 1), (10, 1), (10, 4), (100, 1), (100, 20)])
def test_stopping_when_it_is_narrow_does_not_make_it_cover_less(workers, servers):
    true, found = coverage.simulate(workers, servers, runs=RUNS)
    assert sum(one.rate.ci95_low <= true <= one.rate.ci95_high for one in found) >= 0.94 * RUNS
    assert sum(one.on_cap for one in found) <= 0.02 * RUNS
    assert max(one.samples[-1].t - one.samples[0].t for one in found) <= 20


def test_a_clock_that_is_set_is_a_lost_window():
    samples = counter_samples(3, 8, seed=5)
    arrived = [one.t - samples[0].t for one in samples]
    check_clock(samples, [at + 0.2 * (i % 2) for i, at in enumerate(arrived)])
    stepped = [replace(one, t=one.t + 3600 * (i > 20)) for i, one in enumerate(samples)]
    with pytest.raises(ClockStepped, match=r"\+3600\.0 s"):
        check_clock(stepped, arrived)


def test_the_interval_is_narrow_enough_to_be_of_use():
    halves = [estimate_rate(counter_samples(10, 20, seed=seed)).relative_half_width for seed in range(10)]
    assert max(halves) < 0.03


def test_a_rate_that_wanders_is_less_certain():
    steady = counter_samples(10, 20, seed=1)
    dice = random.Random(1)
    clock, drifting = 0.0, []
    for index, one in enumerate(steady):
        clock += 0.2 * (1.3 if (index // 20) % 2 else 0.7) * dice.uniform(0.99, 1.01)
        drifting.append(replace(one, t=clock))
    assert estimate_rate(drifting).relative_half_width > 2 * estimate_rate(steady).relative_half_width


@given(st.floats(-1e6, 1e9), st.floats(0.5, 4))
def test_the_rate_knows_no_epoch_and_scales_with_time(shift, factor):
    samples = counter_samples(3, 8, seed=5)
    moved = [Counter(t=one.t * factor + shift, hashes=one.hashes, coins=0) for one in samples]
    assert estimate_rate(moved).mean == pytest.approx(estimate_rate(samples).mean / factor, rel=1e-4)


def test_a_counter_that_goes_backwards_is_a_lost_window():
    samples = counter_samples(3, 8, seed=5)
    samples[20] = replace(samples[20], hashes=0)
    with pytest.raises(CounterReset):
        estimate_rate(samples)


def test_too_few_readings_are_refused():
    with pytest.raises(DclabError, match="readings"):
        estimate_rate(counter_samples(3, 8, seed=5)[:5])
    with pytest.raises(DclabError, match="readings"):
        estimate_rate([])


def rate(low, mean, high):
    return Rate(mean=mean, ci95_low=low, ci95_high=high)


def test_the_quotient_of_rates():
    found = quotient(rate(9.8, 9.9, 10.0), rate(3.2, 3.3, 3.4))
    assert found.mean == pytest.approx(3.0)
    assert found.low < 3.0 < found.high
    assert 0.15 < found.high - found.low < 0.25
    assert quotient(rate(9.8, 9.9, 10.0), rate(0, 1, 2.5)).high == float("inf")


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (Ratio(1.8, 1.5, 2.1), "more"),
        (Ratio(1.0, 0.9, 1.1), "no more"),
        (Ratio(1.75, 0.9, 2.6), "cannot tell"),
        (Ratio(1.2, 1.2, 1.2), "cannot tell"),
        (Ratio(9.0, 0.0, float("inf")), "cannot tell"),
    ],
)
def test_what_a_ratio_says(ratio, said):
    assert verdict(ratio) == said


@pytest.mark.parametrize(("df", "t"), [(1, 12.706), (2, 4.303), (3, 3.182), (10, 2.228), (30, 2.042), (1000, 1.962)])
def test_students_t(df, t):
    assert t_quantile(df) == pytest.approx(t, abs=0.001)
