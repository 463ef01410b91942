"""A window of readings, on a clock that the test turns: coarse clocks, clocks that are set, counters that stand still."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from dclab.experiments import sampling
from dclab.experiments.sampling import sample_window
from dclab.measure.rate import ClockStepped, CounterStill, estimate_rate
from tests.measure.dockercoins_process import counter_samples

SKEW = 1000.0


class Clock:
    """The time module, as far as a window needs it."""

    def __init__(self):
        self.now = 50.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(sampling, "time", made)
    return made


def window(clock, samples, longest=30.0):
    """Readings as they come, each 3 ms late."""
    coming = iter(samples)

    def read():
        clock.now += 0.003
        return next(coming)

    found = []
    return sample_window(read, longest, found), found


def readings(workers=3):
    return counter_samples(workers, 40, poll=0.1, seed=4)


def test_a_clock_in_whole_seconds_measures_as_well_as_any(clock):
    fine, _ = window(clock, [replace(one, t=one.t + SKEW) for one in readings()])
    coarse, samples = window(clock, [replace(one, t=float(math.floor(one.t + SKEW))) for one in readings()])
    assert coarse.rate.mean == pytest.approx(fine.rate.mean, rel=0.01)
    assert coarse.rate.relative_half_width == pytest.approx(fine.rate.relative_half_width, abs=0.005)
    assert samples[-1].t - samples[0].t == pytest.approx((len(samples) - 1) * sampling.EVERY_SECONDS, abs=0.1)
    assert coarse.samples is samples


def test_a_fine_clock_that_reads_a_whole_second_by_chance_is_no_coarse_one(clock):
    given = [replace(one, t=one.t + SKEW) for one in readings()]
    shift = given[0].t - round(given[0].t)
    given = [replace(one, t=one.t - shift) for one in given]
    assert given[0].t == int(given[0].t)
    found, samples = window(clock, given)
    assert samples == given[: len(samples)]
    assert found.rate == estimate_rate(samples)


def test_a_clock_that_is_set_is_noticed_in_either_direction(clock):
    for step in (3600.0, -3600.0):
        with pytest.raises(ClockStepped):
            window(clock, [replace(one, t=one.t + step * (index > 20)) for index, one in enumerate(readings())])


def test_a_counter_that_stands_still_is_no_rate_and_is_not_waited_for(clock):
    begun = clock.now
    with pytest.raises(CounterStill, match="did not rise"):
        window(clock, [replace(one, hashes=7) for one in readings()])
    assert clock.now - begun < 12


def test_a_counter_that_begins_late_is_measured(clock):
    late = [replace(one, hashes=max(0, one.hashes - readings()[80].hashes)) for one in readings()]
    found, _ = window(clock, late)
    assert found.rate.mean > 1
