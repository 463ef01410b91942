"""Comparing runs: what is noise stays noise, and what differs is found."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dclab.errors import InvalidInput
from dclab.experiments.alternate import in_turn
from dclab.lab import ProbeSample
from dclab.measure.compare import ERROR, compare_runs, compare_sides
from dclab.measure.latency import summarise
from dclab.measure.rank_test import exceeds, factor, factor_interval, mann_whitney
from dclab.measure.ratio import SAME
from dclab.results import Rate
from dclab.run_folder import load_results
from tests.measure import compare as simulated

SAMPLES = Path(__file__).parent.parent.parent / "reports"


@pytest.fixture(scope="module")
def run():
    return load_results(SAMPLES / "sample-embedded")


def rate(mean, percent=0.5):
    return Rate(mean=mean, ci95_low=mean * (1 - percent / 100), ci95_high=mean * (1 + percent / 100))


def with_rates(run, *rates, started=None):
    """The run with these rates of 1, 2, 3, … workers, and nothing else."""
    points = tuple(
        replace(run.sweep.points[0], workers=workers, hashes_per_second=one) for workers, one in enumerate(rates, 1)
    )
    sweep = replace(run.sweep, points=points, models=(), best_model=None)
    return replace(run, sweep=sweep, latency=None, interventions=(), started=started or run.started)


def verdicts(*sides):
    return [one.verdict for one in compare_sides(sides)]


def test_a_run_does_not_differ_from_itself(run):
    found = compare_runs([run, run])
    assert {one.verdict for one in found} <= {"same", "cannot tell"}
    assert {one.what for one in found} >= {"10 workers", "rng x2, 10 workers", "probe of rng, 10 workers"}
    assert verdicts([with_rates(run, rate(9.8))], [with_rates(run, rate(9.8))]) == ["same"]


@pytest.mark.parametrize(
    ("times", "percent", "verdict"),
    [
        (1.2, 0.5, "higher"),
        (0.8, 0.5, "lower"),
        (1.01, 0.5, "same"),  # their intervals are apart, but less than a machine may vary by
        (1.035, 0.1, "higher"),
        (1.035, 1.0, "cannot tell"),
        (1.0, 4.0, "cannot tell"),
    ],
)
def test_of_one_run_a_side_a_difference_counts_beyond_what_may_be_the_machines(run, times, percent, verdict):
    base, other = (with_rates(run, rate(mean, percent)) for mean in (10.0, 10.0 * times))
    (found,) = compare_runs([base, other])
    assert (found.verdict, found.base_runs, found.other_runs) == (verdict, 1, 1)
    assert found.ratio == pytest.approx(times)
    assert found.ratio_ci95_low < times < found.ratio_ci95_high
    assert (found.p < ERROR) is (verdict in ("higher", "lower"))


def series(run, dice, times=1.0, runs=5, sd=0.005, figures=8, drift=0.0):
    """Two sides of runs in ABBA order whose machine differs from run to run; the other's rates are `times` as high."""
    sides = {"base": [], "other": []}
    for order, (side, _) in enumerate(in_turn(runs)):
        machine = dice.lognormvariate(drift * order, sd) * (times if side == "other" else 1.0)
        rates = [rate(each * machine * dice.lognormvariate(0, 0.002)) for each in range(3, 3 + figures)]
        sides[side].append(with_rates(run, *rates, started=f"2026-01-01T00:{order:02}:00+00:00"))
    return list(sides.values())


def test_runs_of_the_same_are_called_different_as_seldom_as_it_says(run):
    """Although each states its rates to ±0.5 %, and the machine drifts by 3 % from the first run to the last."""
    dice = random.Random(1)
    found = [compare_sides(series(run, dice, drift=0.003)) for _ in range(200)]
    assert all(one.paired and (one.base_runs, one.other_runs) == (5, 5) for one in found[0])
    assert sum(any(one.verdict in ("higher", "lower") for one in each) for each in found) <= 0.05 * 200


def test_a_change_of_five_percent_is_found_in_five_pairs(run):
    dice = random.Random(2)
    found = [compare_sides(series(run, dice, times=0.95)) for _ in range(60)]
    assert sum(all(one.verdict == "lower" for one in each) for each in found) >= 0.8 * 60
    assert not any(one.verdict in ("higher", "same") for each in found for one in each)


def test_runs_from_the_process_itself():
    """A short form of `python -m tests.measure.compare`."""
    same = [simulated.compared(seed, 5, 1.0, (3, 10)) for seed in range(12)]
    assert sum(map(simulated.different, same)) <= 1
    slower = [simulated.compared(100 + seed, 5, 1.05, (3, 10)) for seed in range(5)]
    assert [simulated.told(one, "10 workers") for one in slower] == ["lower"] * 5
    assert {simulated.told(one, "probe of rng, 10 workers") for one in slower} <= {"higher", "cannot tell"}


def test_runs_that_were_not_made_in_turn_are_not_paired(run):
    dice = random.Random(3)
    base, other = series(run, dice, times=1.1)
    late = [replace(one, started=f"2026-01-02T00:0{index}:00+00:00") for index, one in enumerate(other)]
    odd = [replace(one, started="yesterday") for one in other]
    for side in (late, odd, other[:3], other[:1]):
        found = compare_sides([base, side])
        assert not found[0].paired
        assert {one.verdict for one in found} == {"higher"}, len(side)


def test_what_only_some_runs_have_measured_is_not_compared(run):
    base = [with_rates(run, rate(3), rate(6)), with_rates(run, rate(3.01))]
    other = [with_rates(run, rate(3.01), rate(6)), with_rates(run, rate(3), rate(6))]
    assert [one.what for one in compare_sides([base, other])] == ["1 worker"]
    with pytest.raises(InvalidInput, match="nothing in common"):
        compare_runs([run, replace(run, sweep=None, latency=None, interventions=())])


def probed(run, times, timeouts=()):
    samples = [ProbeSample(at=0.0, total_ms=one) for one in times]
    samples += [ProbeSample(at=0.0, total_ms=None, error="late", gave_up_ms=one) for one in timeouts]
    one = summarise(samples)
    latency = {"rng": replace(run.latency["rng"], probe=one)}
    return replace(run, sweep=None, interventions=(), latency=latency)


def test_the_direction_of_latencies_is_that_of_the_ranks(run):
    """Most requests of the other run take longer than most of the base, although its median is lower."""
    base = [100.0] * 45 + [200.0 + i / 10 for i in range(55)]
    other = [190.0 + i / 10 for i in range(55)] + [400.0] * 45
    assert sorted(other)[49] < sorted(base)[49]
    found = compare_runs([probed(run, base), probed(run, other)])[0]
    assert found.other_exceeds > 0.6
    assert found.ratio > 1
    assert found.verdict in ("higher", "cannot tell")


def test_timeouts_are_the_longest_of_all(run):
    base, other = [100.0 + i / 10 for i in range(60)], [100.0 + i / 10 for i in range(10)]
    found = compare_runs([probed(run, base), probed(run, other, [10_000.0] * 50)])[0]
    assert found.other_exceeds > 0.5
    assert found.verdict == "higher"
    assert found.ratio_ci95_high is None
    several = compare_sides([[probed(run, base)] * 2, [probed(run, base), probed(run, other, [10_000.0] * 50)]])[0]
    assert several.verdict == "cannot tell"  # a mean that is only a lower bound


@given(
    st.lists(st.floats(1.0, 100.0), min_size=1, max_size=5),
    st.floats(0.5, 2.0),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_verdict_interval_and_p_agree(means, times, base_runs, other_runs):
    run = load_results(SAMPLES / "sample-embedded")
    dice = random.Random(sum(means))

    def side(runs, by):
        return [with_rates(run, *(rate(by * one * dice.lognormvariate(0, 0.01)) for one in means)) for _ in range(runs)]

    for one in compare_sides([side(base_runs, 1.0), side(other_runs, times)]):
        low, high = one.ratio_ci95_low, one.ratio_ci95_high
        assert low <= one.ratio <= high
        least = SAME if base_runs == other_runs == 1 else 1.0
        if one.verdict == "same":
            assert 1 / SAME < low <= high < SAME
        else:
            assert (one.verdict == "higher") is (low > least)
            assert (one.verdict == "lower") is (high < 1 / least)
        if one.verdict in ("higher", "lower"):
            assert one.p < ERROR


def test_without_a_histogram_one_cannot_tell(run):
    bare = {name: replace(one, probe=replace(one.probe, histogram=None)) for name, one in run.latency.items()}
    found = {one.what: one for one in compare_runs([run, replace(run, latency=bare)])}
    assert found["probe of rng, 10 workers"].ratio is None
    assert found["call of rng, 10 workers"].ratio == pytest.approx(1.0)


def test_a_rate_of_nothing_cannot_be_compared(run):
    nothing = replace(run.sweep.points[0], hashes_per_second=Rate(mean=0.0, ci95_low=0.0, ci95_high=0.1))
    other = replace(run, sweep=replace(run.sweep, points=(nothing,)))
    assert compare_runs([other, run])[0].verdict == "cannot tell"


def drawn(dice, count, shift=0.0):
    return Counter(round(dice.gauss(100 + shift, 10), 1) for _ in range(count))


def test_mann_whitney_errs_as_seldom_as_it_says():
    dice = random.Random(1)
    wrong = sum(mann_whitney(drawn(dice, 15), drawn(dice, 15)) < 0.05 for _ in range(2000))
    assert 0.03 * 2000 < wrong < 0.06 * 2000
    found = sum(mann_whitney(drawn(dice, 30), drawn(dice, 30, shift=15)) < 0.002 for _ in range(200))
    assert found > 190


def test_a_published_value_of_mann_whitney():
    """scipy.stats.mannwhitneyu([1..10], [6..15], method="asymptotic") gives U = 12.5 and p = 0.0050754."""
    a, b = Counter(range(1, 11)), Counter(range(6, 16))
    assert mann_whitney(a, b) == pytest.approx(0.0050754, rel=1e-4)
    assert mann_whitney(Counter(range(7)), b) is None


@given(st.lists(st.integers(0, 50), min_size=8, max_size=40), st.lists(st.integers(0, 50), min_size=8, max_size=40))
def test_mann_whitney_knows_no_order_of_its_samples(a, b):
    p = mann_whitney(Counter(a), Counter(b))
    assert 0 <= p <= 1
    assert mann_whitney(Counter(b), Counter(a)) == pytest.approx(p)
    assert mann_whitney(Counter(a), Counter(a)) > 0.9


SAMPLE = st.dictionaries(st.integers(1, 1000), st.integers(1, 5), min_size=8, max_size=20)


@settings(max_examples=40)
@given(SAMPLE, SAMPLE, st.sampled_from([0.125, 0.5, 4.0]))
def test_the_factor_scales_and_its_interval_holds_what_the_test_does_not_reject(a, b, times):
    scaled = {times * value: count for value, count in b.items()}
    assert factor(a, scaled) == pytest.approx(times * factor(a, b), rel=1e-6)
    assert exceeds(a, b) == pytest.approx(1 - exceeds(b, a))
    low, high = factor_interval(a, b, 0.05)
    assert low <= factor(a, b) <= high
    if low > 0:
        assert mann_whitney(a, b, low * 0.999) <= 0.05
    if high < float("inf"):
        assert mann_whitney(a, b, high * 1.001) <= 0.05


def test_the_factor_of_latencies_is_covered_as_often_as_it_says():
    dice = random.Random(5)

    def times(count, by):
        return Counter(by * dice.lognormvariate(0, 0.3) for _ in range(count))

    covered = 0
    for _ in range(300):
        low, high = factor_interval(times(15, 1.0), times(15, 1.3), 0.05)
        covered += low <= 1.3 <= high
    assert covered >= 0.93 * 300
