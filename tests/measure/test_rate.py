"""The rate and its interval, from reports and from the counter alone, against a simulation whose true rate is known."""

from __future__ import annotations

import random
from dataclasses import replace
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dclab.errors import DclabError
from dclab.lab import Counter, WorkerReport
from dclab.measure.by_worker import Progress, agree
from dclab.measure.counter_clock import ClockStepped, CounterReset, CounterStill, check_clock, check_rising
from dclab.measure.interval import rate_with_interval
from dclab.measure.moments import variance
from dclab.measure.rate import TooShort, anonymous_rate, rate_by_worker
from dclab.measure.ratio import Ratio, quotient, verdict
from dclab.measure.recent_rate import RecentRate
from dclab.measure.simulate import System, counter_readings, simulate, true_rate
from dclab.measure.student import t_quantile, upper_tail_of_f
from dclab.measure.wander import wander
from dclab.results import Rate
from tests.measure import coverage
from tests.measure.simulated import reading_times, simulated_rate

ONE_RNG = [1, 2, 3, 5, 10, 30, 100]


def readings(workers=3, seconds=8.0, seed=5, every=0.02, **system):
    reports = simulate(System(workers=workers, **system), seconds, seed=seed).reports
    return counter_readings(reports, reading_times(seconds, every, random.Random(seed)))


@pytest.mark.parametrize("workers", ONE_RNG)
def test_one_rng_is_known_to_half_a_percent_in_the_first_window(workers):
    system = System(workers=workers)
    found = [simulated_rate(system, seed=seed) for seed in range(20)]
    assert median(one.relative_half_width for one in found) < 0.006
    assert all(one.relative_half_width < 0.02 and one.seconds < 4 and not one.unstable for one in found)
    assert max(abs(one.mean / true_rate(system, 50_000) - 1) for one in found) < 0.007


@pytest.mark.parametrize("place", [(1, 1, "random"), (10, 1, "random"), (10, 2, "random"), (10, 4, "round robin")])
def test_the_interval_covers_the_true_rate_and_is_no_wider_than_it_must_be(place):
    found = coverage.cell(place, windows=40, units=100_000)
    assert found.covered >= 0.875  # 35 of 40: 95 % would give fewer in one run of thirty thousand
    assert abs(found.bias) < 0.02
    assert found.half < 2 * found.floor
    assert found.unstable <= 0.1


@pytest.mark.parametrize("workers", [1, 3, 5, 10])
def test_the_counter_alone_knows_one_rng_to_two_percent(workers):
    system = System(workers=workers)
    true = true_rate(system, 50_000)
    found = [simulated_rate(system, seed=seed, anonymous=True) for seed in range(20)]
    assert sum(one.ci95_low <= true <= one.ci95_high for one in found) >= 17
    assert max(abs(one.mean / true - 1) for one in found) < 0.02
    assert median(one.relative_half_width for one in found) < 0.01
    assert all(one.relative_half_width < 0.02 and one.seconds < 8 for one in found)


def test_without_knowing_the_lab_the_counter_says_that_it_may_wander():
    """Of a rate of 18 hashes/s nobody can say that rngs are not chosen by chance."""
    found = anonymous_rate(readings(10, 8, rngs=2))
    assert found.relative_half_width > 0.06
    assert anonymous_rate(readings(3, 8)).relative_half_width < 0.02


def test_no_stroboscope():
    """Readings in step with rng's service saw +1 each time, and ±1 % of it; the truth was 1.5 % lower."""
    system = System(workers=10, service=0.1015, jitter=0.0001, service_jitter=0.0001)
    true = true_rate(system, 50_000)
    for seed in range(5):
        reports = simulate(system, 6, seed=seed).reports
        found = anonymous_rate(
            counter_readings(reports, reading_times(6, 0.1, random.Random(seed))), System(workers=10)
        )
        assert found.ci95_low <= true <= found.ci95_high


def test_a_machine_that_wanders_more_than_the_process_is_less_certain_and_unstable():
    system = System(workers=3)
    reports = simulate(system, 8, seed=1).reports
    # In every second second the clock runs three times as fast.
    warped = [one._replace(t=one.t + (one.t % 2 if one.t % 2 < 1 else 2 - one.t % 2)) for one in reports]
    steady, found = (rate_by_worker([r for r in each if r.t <= 8], 0, 8, system) for each in (reports, warped))
    assert not steady.unstable
    assert found.unstable
    assert found.relative_half_width > 5 * steady.relative_half_width


def test_parts_that_differ_widen_the_interval_and_parts_that_do_not_leave_it():
    same = rate_with_interval(10, [10, 10.001, 9.999, 10], 3, [System(workers=10)], 0.01)
    other = rate_with_interval(10, [12, 8, 12, 8], 3, [System(workers=10)], 0.01)
    assert same.relative_half_width < 0.005
    assert other.relative_half_width > 0.2
    wide = rate_with_interval(18, [20, 16, 19, 17], 3, [System(workers=10, rngs=2)], 0.01)
    assert not wide.unstable
    assert wide.relative_half_width < 0.2


@given(st.floats(-1e6, 1e9), st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_neither_the_epoch_nor_the_order_of_reports_matters(shift, seed):
    reports = list(simulate(System(workers=3), 6, seed=5).reports)
    found = rate_by_worker(reports, 0, 6, System(workers=3))
    moved = [one._replace(t=one.t + shift) for one in reports] + [reports[-1]._replace(t=reports[-1].t + shift)]
    random.Random(seed).shuffle(moved)
    assert rate_by_worker(moved, shift, 6 + shift, System(workers=3)).mean == pytest.approx(found.mean, rel=1e-4)


def test_units_between_reports_are_exact():
    done = Progress([WorkerReport("a", 1.0, 3), WorkerReport("a", 2.2, 4), WorkerReport("a", 5.2, 2)], 20)
    assert done.at(2.2) - done.at(1.0) == pytest.approx(4)
    assert done.at(1.6) - done.at(1.0) == pytest.approx(2)
    assert done.at(3.2) - done.at(2.2) == pytest.approx(1)  # or it would have reported a second after 2.2
    assert done.at(5.2) - done.at(4.7) == pytest.approx(1)
    assert done.workers == ("a",)


@pytest.mark.parametrize("workers", [3, 10])
def test_what_a_lab_did_before_the_window_has_no_part_in_its_rate(workers):
    """With more rngs until just before, each worker's first report tells of more units than it did since."""
    system = System(workers=workers)
    true = true_rate(system, 50_000)
    for seed in range(10):
        steady = [one for one in simulate(system, 3.5, seed=seed).reports if one.t <= 3.5]
        first = {one.worker: one for one in reversed(steady) if one.t >= 0}
        before = [one._replace(units=2 * one.units) if one.t < 0 or one == first[one.worker] else one for one in steady]
        found = rate_by_worker(before, 0, 3.5, system)
        assert found.mean == pytest.approx(rate_by_worker(steady, 0, 3.5, system).mean)
        assert found.relative_half_width < 0.006
        assert abs(found.mean / true - 1) < 0.007
        assert not found.unstable


def test_reports_are_compared_with_what_the_counter_rose_by():
    reports = list(simulate(System(workers=3), 6, seed=5).reports)
    samples = counter_readings(reports, reading_times(6, 0.1, random.Random(1)))
    assert agree(reports, samples)
    assert agree([one._replace(t=one.t + 0.05) for one in reports], samples)
    middle = next(index for index, one in enumerate(reports) if one.t > 3)
    assert not agree(reports[:middle] + reports[middle + 1 :], samples)  # one line is missing
    assert not agree([*reports, reports[middle]._replace(t=3.1)], samples)  # one came twice
    assert not agree([one._replace(units=one.units + 1) for one in reports], samples)
    assert not agree([], samples)


def test_a_clock_that_is_set_is_a_lost_window():
    samples = readings()
    arrived = [one.t - samples[0].t for one in samples]
    check_clock(samples, [at + 0.2 * (i % 2) for i, at in enumerate(arrived)])
    stepped = [replace(one, t=one.t + 3600 * (i > 20)) for i, one in enumerate(samples)]
    with pytest.raises(ClockStepped, match=r"\+3600\.0 s"):
        check_clock(stepped, arrived)


def test_a_counter_that_goes_backwards_is_a_lost_window():
    samples = readings()
    samples[200] = replace(samples[200], hashes=0)
    with pytest.raises(CounterReset):
        anonymous_rate(samples)


def test_no_workers_are_no_rate():
    still = [Counter(t=index / 10, hashes=7, coins=0) for index in range(100)]
    with pytest.raises(CounterStill, match="did not rise in 10 s"):
        anonymous_rate(still)
    with pytest.raises(CounterStill, match="No worker reported any work in 4 s"):
        rate_by_worker([], 0, 4, System(workers=1))


def test_counting_that_stops_is_no_slower_rate():
    samples = readings(seconds=20)
    check_rising(samples)
    stopped = [replace(one, hashes=min(one.hashes, samples[400].hashes)) for one in samples]
    with pytest.raises(CounterStill, match=r"stopped rising 1\d s ago"):
        anonymous_rate(stopped)


def test_too_little_is_refused():
    for few in ([], readings()[:5], readings(1, 2.5)):
        with pytest.raises(TooShort, match="too seldom"):
            anonymous_rate(few)
    with pytest.raises(DclabError, match="too seldom"):
        rate_by_worker([], 0, 1, System(workers=1))


def test_wander_is_what_windows_of_the_process_do():
    system = System(workers=10, rngs=2)
    true, found = true_rate(system), wander(system)
    errors = [simulate(system, 20, seed=seed).units / 20 / true - 1 for seed in range(150)]
    assert 1.96 * variance(errors) ** 0.5 == pytest.approx(found.half_width(20), rel=0.25)
    assert found.half_width(80) < 0.65 * found.half_width(20)
    assert found.half_width(1e6) == pytest.approx(found.half_width(1e4) / 10)
    assert wander(System(workers=10)).half_width(3) < 0.003
    assert wander(replace(system, load_balancing="round robin")).half_width(3) < 0.03


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


@pytest.mark.parametrize(("above", "below", "f"), [(1, 10, 4.965), (3, 20, 3.098), (7, 60, 2.167), (2, 2, 19.0)])
def test_fishers_f_at_five_percent(above, below, f):
    assert upper_tail_of_f(f, above, below) == pytest.approx(0.05, abs=1e-4)
    assert upper_tail_of_f(0, above, below) == 1


def test_the_rate_just_now_begins_anew_where_it_is_told_to():
    recent = RecentRate()
    for second in range(7):
        recent.add(Counter(t=second, hashes=10 * second, coins=0))
    recent.restart()
    assert recent.add(Counter(t=7, hashes=70, coins=0)) is None
    assert recent.add(Counter(t=10, hashes=76, coins=0)) == pytest.approx(2)
