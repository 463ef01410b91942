"""Verdicts with three outcomes, and what quick runs conclude by them."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.measure.ratio import Ratio, pooled, quotient, seconds_to_tell, verdict
from dclab.results import Rate
from tests.measure.verdicts import KINDS, outcomes


def rate(mean, half, seconds=None):
    return Rate(mean=mean, ci95_low=mean - half, ci95_high=mean + half, seconds=seconds)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Ratio(1.8, 1.7, 1.9), "more"),
        (Ratio(1.0, 0.98, 1.02), "no more"),
        (Ratio(1.75, 1.0, 2.5), "cannot tell"),
        (Ratio(1.3, 1.22, 1.38), "cannot tell"),  # at 95 % it would be more
        (Ratio(1.1, 1.02, 1.18), "cannot tell"),
        (Ratio(2.0, 0.0, math.inf), "cannot tell"),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(found, said):
    assert verdict(found, 1.2) == said


@given(st.floats(0.5, 3), st.floats(0.01, 1), st.floats(1, 30))
def test_what_cannot_be_told_can_be_after_as_long_as_is_said(mean, half, seconds):
    found = Ratio(mean, mean - half, mean + half)
    needed = seconds_to_tell(found, 1.2, seconds)
    if verdict(found, 1.2) == "cannot tell" and needed is not None:
        shrunk = half * math.sqrt(seconds / needed) * 0.999
        assert needed <= 600.1
        assert verdict(Ratio(mean, mean - shrunk, mean + shrunk), 1.2) != "cannot tell"


def test_a_verdict_of_equal_rates_is_seldom_wrong():
    """A thousand times two rates whose errors are what their intervals say: one in a thousand may be called different."""
    dice = random.Random(1)
    pairs = [(rate(10 + dice.gauss(0, 0.1), 0.196), rate(10 + dice.gauss(0, 0.1), 0.196)) for _ in range(4000)]
    assert sum(verdict(quotient(*pair), 1.0) != "cannot tell" for pair in pairs) <= 12


def test_two_measurements_of_one_rate_tell_more_than_one():
    found = pooled([rate(10.0, 0.3), rate(10.2, 0.3)])
    assert found.mean == pytest.approx(10.1)
    assert found.ci95_high - found.mean == pytest.approx(0.3 / math.sqrt(2))
    assert not found.unstable


def test_the_surer_one_counts_more():
    found = pooled([rate(10.0, 1.5, 4.0), rate(11.0, 0.5, 16.0)])
    assert found.mean == pytest.approx(10.9)
    assert found.seconds == 20.0


def test_measurements_that_contradict_each_other_are_both_held():
    found = pooled([rate(10.0, 0.1), rate(11.0, 0.1)])
    assert found.ci95_low <= 9.9
    assert found.ci95_high >= 11.1
    assert found.unstable


@pytest.mark.parametrize("kind", KINDS)
def test_quick_runs_conclude_nothing_wrong(kind):
    """Three of each kind; `python -m tests.measure.verdicts` simulates thousands."""
    found = outcomes(kind, range(3))
    assert [said for one in found for said in one.wrong] == []
    assert sum(one.cannot_tell for one in found) <= 1
