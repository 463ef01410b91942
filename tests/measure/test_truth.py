"""The truth that measured rates are held to: what rng counts, between the times at which it counted."""

from __future__ import annotations

import math

import pytest

from tests.measure.truth import Tally, served_per_second, truth

TOLD = [Tally(100.0, 10), Tally(110.0, 110), Tally(120.5, 215), Tally(130.0, 310)]


@pytest.mark.parametrize(("begin", "end"), [(100, 130), (0, 1000), (109, 121), (112, 119)])
def test_exact_counts_between_exact_times_whatever_the_moments_asked_about(begin, end):
    assert served_per_second(TOLD, begin, end) == pytest.approx(10.0)


def test_all_rngs_are_added_up():
    assert truth({1: TOLD, 2: TOLD[:3]}, 100, 130) == pytest.approx(20.0)


def test_of_one_tally_nothing_is_known():
    assert math.isnan(served_per_second(TOLD, 100, 101))
