"""Warnings about the measurement: each shows when it should, and not otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.lab import ProbeSample, ProbeSpec
from dclab.measure.caveats import CpuTimes, machine_caveats, outliers, probe_caveats


def sample(ms, late=0.0):
    return ProbeSample(at=0.0, total_ms=ms, late_ms=late, error=None if ms is not None else "refused")


def codes(samples, rate=None):
    return [one.code for one in probe_caveats(samples, ProbeSpec(rate=rate), "the probe of rng")]


STEADY = [sample(100 + i % 7) for i in range(30)]


@pytest.mark.parametrize(
    ("samples", "rate", "found"),
    [
        (STEADY, None, []),
        ([*STEADY, sample(None)], None, ["probe-errors"]),
        (STEADY[:4], None, ["few-samples"]),
        ([*STEADY, sample(900.0)], None, ["outliers"]),
        ([sample(5 + i % 7, late=8.0) for i in range(30)], 20.0, ["prober-saturated"]),
        ([sample(5 + i % 7, late=0.2) for i in range(30)], 20.0, []),
        ([], None, []),
    ],
)
def test_of_probes(samples, rate, found):
    assert codes(samples, rate) == found


@given(st.lists(st.floats(0.1, 1e5), min_size=1))
def test_outliers_do_not_depend_on_the_unit_and_are_never_the_half(times):
    assert outliers(times) <= len(times) / 2
    doubled = [2 * one for one in times]
    assert outliers(doubled) == outliers(times)


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (CpuTimes(100, 50, 0), []),
        (CpuTimes(100, 10, 0), ["machine-busy"]),
        (CpuTimes(100, 50, 8), ["steal-time"]),
        (CpuTimes(100, 2, 30), ["machine-busy", "steal-time"]),
        (CpuTimes(0, 0, 0), []),
    ],
)
def test_of_the_machine(after, found):
    assert [one.code for one in machine_caveats(CpuTimes(0, 0, 0), after, "the sweep")] == found
