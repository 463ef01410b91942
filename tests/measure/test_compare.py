"""Comparing runs: what is noise stays noise, and what differs is found."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.measure.compare import SIGNIFICANT, compare_runs, mann_whitney
from dclab.results import Rate
from dclab.run_folder import load_results

SAMPLES = Path(__file__).parent.parent.parent / "reports"


@pytest.fixture(scope="module")
def run():
    return load_results(SAMPLES / "sample-embedded")


def test_a_run_is_the_same_as_itself(run):
    found = compare_runs([run, run])
    assert {one.verdict for one in found} == {"same"}
    assert {one.what for one in found} >= {"10 workers", "rng x2, 10 workers", "probe of rng, 10 workers"}


def test_a_faster_rate_is_found_and_a_slightly_faster_one_is_not(run):
    def faster(by):
        points = tuple(
            replace(
                one,
                hashes_per_second=Rate(
                    mean=by * one.hashes_per_second.mean,
                    ci95_low=by * one.hashes_per_second.ci95_low,
                    ci95_high=by * one.hashes_per_second.ci95_high,
                ),
            )
            for one in run.sweep.points
        )
        return replace(run, sweep=replace(run.sweep, points=points))

    verdicts = {one.what: one.verdict for one in compare_runs([run, faster(1.002), faster(1.2), faster(0.8)])[:6]}
    assert set(verdicts.values()) == {"same"}
    by_run = {(one.run, one.what): one.verdict for one in compare_runs([run, faster(1.002), faster(1.2), faster(0.8)])}
    assert by_run[2, "10 workers"] == "higher"
    assert by_run[3, "10 workers"] == "lower"


def test_without_a_histogram_one_cannot_tell(run):
    bare = {name: replace(one, probe=replace(one.probe, histogram=None)) for name, one in run.latency.items()}
    verdicts = {one.what: one.verdict for one in compare_runs([run, replace(run, latency=bare)])}
    assert verdicts["probe of rng, 10 workers"] == "cannot tell"
    assert verdicts["call of rng, 10 workers"] == "same"


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
    found = sum(mann_whitney(drawn(dice, 30), drawn(dice, 30, shift=15)) < SIGNIFICANT for _ in range(200))
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
