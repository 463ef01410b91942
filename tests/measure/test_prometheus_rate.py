"""A counter's rate as Prometheus has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.measure.prometheus_rate import prometheus_rate


def counter(*times, rate=2.0, since=-1000.0):
    return [(t, rate * (t - since)) for t in times]


def test_samples_all_over_the_window_give_the_rate():
    assert prometheus_rate(counter(5, 15, 25), 30, 30) == pytest.approx(2.0)


def test_too_few_samples_are_unknown_and_not_zero():
    assert prometheus_rate([], 30, 30) is None
    assert prometheus_rate(counter(25), 30, 30) is None
    assert prometheus_rate(counter(-20, -10, 25), 30, 30) is None  # those before the window do not count
    assert prometheus_rate([(5, 1.0), (5, 1.0)], 30, 30) is None


def test_a_counter_that_did_not_move_has_a_rate_of_zero():
    assert prometheus_rate([(5, 7.0), (15, 7.0), (25, 7.0)], 30, 30) == 0


def test_a_young_counter_reads_low():
    """Samples at 10 s and 20 s of a window of 30 s, counting since 8 s: extrapolated back to there, and to the end."""
    found = prometheus_rate(counter(10, 20, since=8.0), 28, 30)
    assert found == pytest.approx(2.0 * (2 + 10 + 8) / 30)


def test_far_from_its_ends_the_window_is_extrapolated_by_half_an_interval():
    assert prometheus_rate(counter(30, 35, 40), 60, 60) == pytest.approx(2.0 * (2.5 + 10 + 2.5) / 60)


def test_a_counter_that_began_anew_has_only_grown():
    assert prometheus_rate([(5, 100.0), (15, 120.0), (25, 20.0)], 30, 30) == pytest.approx(40 * 30 / 20 / 30)


@given(st.floats(0.1, 100), st.floats(1, 60), st.floats(0, 0.99), st.integers(3, 6))
def test_a_steady_counter_that_is_old_enough_gives_its_rate(rate, period, phase, periods):
    window = periods * period
    times = [period * (phase + each) for each in range(periods + 1) if phase + each <= periods]
    samples = counter(*times, rate=rate, since=-10 * window)
    assert prometheus_rate(samples, window, window) == pytest.approx(rate)
