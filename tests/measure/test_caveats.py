"""Warnings about the measurement: each shows when it should, and not otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.lab import ProbeSample, ProbeSpec
from dclab.measure.caveats import (
    generator_caveats,
    load_caveats,
    machine_caveats,
    outliers,
    probe_caveats,
    rate_caveats,
)
from dclab.measure.cpu_times import CpuTimes
from dclab.results import LoadTest, Rate


def sample(ms, late=0.0):
    return ProbeSample(at=0.0, total_ms=ms, late_ms=late, error=None if ms is not None else "refused")


def codes(samples, rate=None):
    return [one.code for one in probe_caveats(samples, ProbeSpec(rate=rate), "the probe of rng")]


def late(ms):
    return ProbeSample(at=0.0, total_ms=None, error="no answer within 10 s", gave_up_ms=ms)


def unsent(ms):
    return ProbeSample(at=0.0, total_ms=None, error="not sent within 10 s", gave_up_ms=ms, sent=False)


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
        ([*STEADY, late(10_000.0)], None, ["probe-timeouts"]),
        (
            [*STEADY, late(10_000.0), unsent(10_000.0), sample(None)],
            20.0,
            ["probe-errors", "probe-timeouts", "probes-unsent"],
        ),
        ([*STEADY, sample(900.0)], 20.0, ["stall"]),
        # One of them late for a reason of ours: its time is ours, and the maximum would be.
        ([*STEADY[:29], sample(100.0, late=60.0)], 2.0, ["prober-saturated"]),
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
        (CpuTimes(100, 50, 0, periods=100, throttled=5), []),
        (CpuTimes(100, 50, 0, periods=100, throttled=6), ["cpu-limit"]),
        (CpuTimes(0, 0, 0, periods=10, throttled=10), ["cpu-limit"]),
        (CpuTimes(100, 10, 0, periods=100, throttled=60), ["cpu-limit", "machine-busy"]),
    ],
)
def test_of_the_machine(after, found):
    assert [one.code for one in machine_caveats(CpuTimes(0, 0, 0), after, "the sweep")] == found


@pytest.mark.parametrize(
    ("rate", "found"),
    [
        (Rate(mean=10, ci95_low=9.8, ci95_high=10.2, seconds=3.5), None),
        (Rate(mean=10, ci95_low=8, ci95_high=12, seconds=3.5), None),  # enough for what the window was for
        (Rate(mean=10, ci95_low=9.6, ci95_high=10.4, seconds=30, on_cap=True), None),
        (Rate(mean=18, ci95_low=17.0, ci95_high=19.0, seconds=30, on_cap=True), "about 4 min"),
        (Rate(mean=10, ci95_low=9, ci95_high=11, seconds=5, unstable=True), "what else is running"),
        (Rate(mean=10, ci95_low=9, ci95_high=11), None),  # of an older version: how it was got is not known
    ],
)
def test_of_a_rate(rate, found):
    said = list(rate_caveats(rate, "The rate"))
    assert all(one.message.startswith("The rate ") for one in said)
    assert all("--seconds" not in one.hint for one in said)
    assert bool(said) == (found is not None)
    assert found is None or found in said[0].hint


def load(generator, cores, *, failed=100, percent=1.0, complete=True):
    figures = dict.fromkeys(
        (
            "availability_percent",
            "data_transferred_mb",
            "response_time_seconds",
            "throughput_mb_per_second",
            "concurrency",
            "longest_transaction_seconds",
            "shortest_transaction_seconds",
        ),
        1.0,
    )
    figures["availability_percent"] = percent
    counts = {"transactions": 100, "successful_transactions": 100, "failed_transactions": failed}
    return LoadTest(
        target="rng",
        url="http://rng/",
        concurrent=15,
        requested_seconds=10,
        generator=generator,
        elapsed_seconds=10,
        transaction_rate=2000,
        generator_cores=cores,
        complete=complete,
        **figures,
        **counts,
    )


@pytest.mark.parametrize(
    ("generator", "cores", "saturated"),
    [("built-in", 0.95, True), ("built-in", 0.3, False), ("siege 4.0.7", 0.95, False), ("siege 4.0.7", None, False)],
)
def test_of_the_load_generator(generator, cores, saturated, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    found = list(generator_caveats(load(generator, cores)))
    assert [one.code for one in found] == ["generator-saturated"] * saturated


@pytest.mark.parametrize(
    ("found", "stopped", "said"),
    [
        (load("siege 4.0.7", None, failed=0, percent=100.0), False, []),
        (load("siege 4.0.7", None, failed=1, percent=99.1), False, []),
        (load("siege 4.0.7", None, failed=300, percent=25.0), False, ["300 of 400 requests", "only 25.0 %"]),
        (
            load("siege 4.0.7", None, failed=1038, percent=8.8, complete=False),
            False,
            ["aborted by siege 4.0.7 after 10 of 10 s because of socket failures (1038", "1038 of 1138 requests"],
        ),
        (load("siege 4.0.7", None, failed=0, percent=100.0, complete=False), True, ["was stopped after 10 of 10 s"]),
    ],
)
def test_of_a_load_that_fell_short(found, stopped, said):
    texts = " ".join(one.message for one in load_caveats(found, stopped=stopped))
    assert all(one in texts for one in said)
    assert bool(texts) == bool(said)


def test_a_stall_is_no_reason_to_go_by_the_median_in_an_open_loop():
    samples = [*STEADY, *(sample(900.0 + i) for i in range(5))]
    (open_loop,), (closed,) = (list(probe_caveats(samples, ProbeSpec(rate=rate), "rng")) for rate in (20.0, None))
    assert "not by the median" in open_loop.hint
    assert "904 ms at most" in open_loop.message
    assert "Use the median" in closed.hint


def test_few_samples_are_no_warning_where_nobody_can_ask_for_more():
    assert list(probe_caveats(STEADY[:3], ProbeSpec(), "the probe of rng", more="")) == []


def test_the_errors_of_failed_probes_are_named():
    (found,) = probe_caveats([sample(None), sample(None)], ProbeSpec(), "the probe of rng")
    assert "2 of 2 requests" in found.message
    assert "(refused)" in found.message
