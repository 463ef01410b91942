"""Windows on a clock that the test turns, of simulated labs whose replicas, reports and counters misbehave."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from dclab.errors import DclabError
from dclab.experiments import lab_window, readings, sampling
from dclab.experiments.lab_window import measure_rate
from dclab.experiments.recompute import recomputed_rate
from dclab.experiments.sampling import looks, sample_window
from dclab.lab import SERVICES, DeploymentState, Replicas
from dclab.measure.counter_clock import ClockStepped, CounterStill
from dclab.measure.cpu_times import CpuTimes
from dclab.measure.interval import BUSY_DRIFT
from dclab.measure.simulate import System, counter_readings, lab_system, simulate, true_rate

SKEW = 1000.0
LATE = 0.003
"""Seconds from asking for the counter to its answer."""


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
    random.seed(1)  # of the readings' jitter: an interval of 95 % misses now and then
    monkeypatch.setattr(readings, "time", made)
    monkeypatch.setattr(sampling, "time", made)
    return made


class SimulatedLab:
    """A lab whose workers do what the simulation says, as far as a window asks it."""

    load_balancing = "random"

    def __init__(self, clock, system, seed=1):
        self.clock, self.system, self.begun = clock, system, clock.now
        self.all = list(simulate(system, 80, seed=seed).reports)
        self.broken = lambda reports: reports
        """What the lab makes of its reports."""
        self.asked = 0
        self.replaced = ()
        """Looks at the replicas before which a worker is replaced."""
        self.scaled = system.workers
        """How many workers there are to be after the first look."""
        self.names = [f"worker-{index}" for index in range(system.workers)]

    @property
    def now(self):
        return self.clock.now - self.begun

    def counter(self):
        (reading,) = counter_readings(self.all, [self.now])
        self.clock.now += LATE
        return replace(reading, t=reading.t + SKEW)

    def worker_reports(self, since):
        moved = [one._replace(t=one.t + SKEW) for one in self.all if one.t <= self.now]
        return self.broken([one for one in moved if one.t >= since])

    def replicas(self, deployment):
        count = {"worker": self.system.workers, "rng": self.system.rngs}.get(deployment, 1)
        names = tuple(self.names) if deployment == "worker" else tuple(f"{deployment}-{i}" for i in range(count))
        if deployment == "worker":
            self.asked += 1
            if self.asked in self.replaced:
                names = (*names[1:], "worker-new")
            if self.asked > 1:
                names, count = (*names, *(f"worker-more-{i}" for i in range(self.scaled - count))), self.scaled
        return Replicas(desired=count, ready=count, terminating=0, restarts=0, names=names)

    def states(self):
        return {name: DeploymentState(counts=self.replicas(name), usage=()) for name in SERVICES}

    def ready(self):
        pass


class Notes:
    """An observer that remembers."""

    def __init__(self):
        self.caveats, self.rows = [], {"counter": [], "reports": [], "windows": []}

    def caveat(self, caveat):
        self.caveats.append(caveat.code)

    def raw(self, name, rows):
        self.rows[name] += rows


def measured(clock, system, change=lambda _: None, **asked):
    lab, notes = SimulatedLab(clock, system), Notes()
    change(lab)
    window = measure_rate(lab, asked.pop("longest", 30.0), notes, "it", **asked)
    true = true_rate(system, 50_000)
    assert window.rate.ci95_low <= true <= window.rate.ci95_high
    return window, notes


@pytest.mark.parametrize("workers", [1, 3, 10, 50])
def test_one_rng_takes_one_look_and_the_rate_can_be_computed_again(clock, workers):
    window, notes = measured(clock, System(workers=workers))
    assert window.rate.relative_half_width < 0.02
    assert window.rate.seconds < 4
    assert window.rate.reports > 2
    assert not window.rate.on_cap
    assert not notes.caveats
    again = recomputed_rate("it", **notes.rows)
    assert again == window.rate
    with pytest.raises(DclabError, match="no window 'other'"):
        recomputed_rate("other", **notes.rows)


def test_on_a_busy_machine_the_interval_is_wider_and_the_raw_data_say_so(clock, monkeypatch):
    """It is faster or slower from one window to the next by more than a quiet one is."""
    found = {}
    for used in (0.1, 0.97):
        readings = iter(CpuTimes(float(n), (1 - used) * n, 0.0) for n in range(1000))
        monkeypatch.setattr(lab_window, "cpu_times", lambda readings=readings: next(readings))
        window, notes = measured(clock, System(workers=10))
        assert [one["busy"] for one in notes.rows["windows"]] == [pytest.approx(used, abs=0.01)]
        assert recomputed_rate("it", **notes.rows) == window.rate
        found[used] = window.rate.relative_half_width
    assert 2 * BUSY_DRIFT < found[0.97] < 0.01
    assert found[0.1] < 0.6 * found[0.97]


def test_what_cannot_be_known_well_ends_at_its_longest_and_says_so(clock):
    window, notes = measured(clock, System(workers=10, rngs=2), longest=12.0)
    assert window.rate.on_cap
    assert window.rate.on_cap
    assert 0.04 < window.rate.relative_half_width < 0.12
    assert len(notes.rows["counter"]) == pytest.approx(120, abs=20)


def test_a_window_is_as_long_as_what_is_wanted_needs(clock):
    window, _ = measured(clock, System(workers=10, rngs=2), enough=lambda rate: rate.ci95_low > 12)
    assert window.rate.seconds < 8
    assert not window.rate.on_cap


@pytest.mark.parametrize(
    "broken",
    [
        lambda reports: reports[: len(reports) // 2],
        lambda reports: [one for one in reports if one.worker != "worker-2"],
        lambda reports: [one._replace(units=one.units + 1) for one in reports],
        lambda _: [],
    ],
    ids=["cut off", "one log is missing", "other units", "another wording"],
)
def test_reports_that_do_not_add_up_are_not_used_and_that_is_said(clock, broken):
    window, notes = measured(clock, System(workers=3), lambda lab: setattr(lab, "broken", broken))
    assert notes.caveats == ["reports-differ"]
    assert window.rate.reports is None
    assert notes.rows["windows"][-1]["by"] == "counter"
    assert recomputed_rate("it", **notes.rows) == window.rate


def test_reports_out_of_order_or_twice_are_reports(clock):
    window, notes = measured(
        clock, System(workers=3), lambda lab: setattr(lab, "broken", lambda reports: reports[::-1] + reports[:5])
    )
    assert not notes.caveats
    assert window.rate.reports


def test_a_lab_that_cannot_tell_who_reported_is_measured_by_its_counter(clock):
    window, notes = measured(clock, System(workers=40), lambda lab: setattr(lab, "broken", lambda _: None))
    assert not notes.caveats
    assert window.rate.reports is None
    assert window.rate.relative_half_width < 0.02
    assert len(window.samples) > 100


def test_so_is_one_of_a_hundred_workers(clock):
    """As on Kubernetes, where the logs of so many are not read; each of them reports once in ten seconds."""
    window, notes = measured(clock, System(workers=100), lambda lab: setattr(lab, "broken", lambda _: None))
    assert not notes.caveats
    assert window.rate.reports is None
    assert window.rate.relative_half_width < 0.02


def test_three_hundred_workers_and_thirty_rngs_by_their_reports_with_hasher_the_limit(clock):
    window, notes = measured(clock, lab_system(300, 30), longest=12.0)
    assert not notes.caveats
    assert window.rate.relative_half_width < 0.02


def test_a_replaced_worker_is_a_disturbed_window_and_is_measured_again(clock):
    _, notes = measured(clock, System(workers=3), lambda lab: setattr(lab, "replaced", (2,)))
    assert notes.caveats == ["disturbed"]
    assert {one.get("attempt", 1) for one in notes.rows["counter"]} == {1, 2}
    with pytest.raises(lab_window.Disturbed, match="1 came and 1 went"):
        measured(clock, System(workers=3), lambda lab: setattr(lab, "replaced", (2, 4, 6)))


def test_reports_of_a_worker_that_left_before_the_window_do_not_count(clock):
    def left(lab):
        gone = [
            one._replace(worker="worker-gone") for one in simulate(System(workers=1), 1, seed=9).reports if one.t < 0
        ]
        lab.all = sorted([*lab.all, *gone], key=lambda one: one.t)

    _, notes = measured(clock, System(workers=3), left)
    assert not notes.caveats


def test_no_worker_is_no_rate(clock):
    with pytest.raises(CounterStill, match="No worker is ready"):
        measured(clock, System(workers=0))


def test_work_that_stops_is_no_rate(clock):
    def stop(lab):
        lab.all = [one for one in lab.all if one.t < 1.0]

    with pytest.raises((CounterStill, lab_window.Disturbed)):
        measured(clock, System(workers=3), stop)


def url(clock, readings, longest=30.0, **asked):
    """The window of a web UI whose readings these are, each 3 ms late."""
    begun = clock.now

    def read():
        clock.now += LATE
        return readings(clock.now - begun)

    return sample_window(read, longest, **asked)


def counting(workers=3, seconds=60, **system):
    reports = simulate(System(workers=workers, **system), seconds, seed=4).reports
    return lambda t: replace(counter_readings(reports, [t])[0], t=t + SKEW)


def test_a_clock_in_whole_seconds_measures_as_well_as_any(clock):
    fine = url(clock, counting())
    coarse = url(clock, lambda t: replace(counting()(t), t=float(math.floor(t + SKEW))))
    assert coarse.rate.mean == pytest.approx(fine.rate.mean, rel=0.01)
    assert coarse.rate.relative_half_width == pytest.approx(fine.rate.relative_half_width, abs=0.005)
    assert coarse.rate.seconds < 8


def test_a_fine_clock_that_reads_a_whole_second_by_chance_is_no_coarse_one(clock):
    found = url(clock, lambda t: replace(counting()(t), t=t - LATE + SKEW))
    assert found.samples[0].t == int(found.samples[0].t)
    assert found.samples[1].t != int(found.samples[1].t)


def test_a_clock_that_is_set_is_noticed_in_either_direction(clock):
    for step in (3600.0, -3600.0):
        with pytest.raises(ClockStepped):
            url(clock, lambda t, step=step: replace(counting()(t), t=t + SKEW + step * (t > 2)))


def test_a_counter_that_stands_still_is_no_rate_and_is_not_waited_for(clock):
    begun = clock.now
    with pytest.raises(CounterStill, match="did not rise"):
        url(clock, lambda t: replace(counting()(t), hashes=7))
    assert clock.now - begun < 15


def test_a_rate_that_changes_is_measured_from_then_on(clock):
    before = simulate(System(workers=3), 60, seed=4).reports
    after = simulate(System(workers=2), 60, seed=5).reports
    reports = [one for one in before if one.t <= 8] + [one._replace(t=one.t + 8) for one in after if one.t > 0]
    said = []
    found = url(
        clock,
        lambda t: replace(counter_readings(reports, [t])[0], t=t + SKEW),
        enough=lambda rate: rate.seconds > 11,
        caveat=said.append,
    )
    assert [one.code for one in said] == ["rate-changed"]
    assert found.rate.mean == pytest.approx(6.56, rel=0.03)
    assert found.samples[0].t > SKEW + 7


def test_looks_are_few_and_end_at_the_longest():
    assert list(looks(3)) == [3]
    assert list(looks(30))[-1] == 30
    assert len(list(looks(30))) <= 10


def test_a_lab_that_someone_else_scales_gives_no_rate_of_what_was_asked(clock):
    """Measured again, it would be the rate of four workers under the name of three."""

    def scale(lab):
        lab.scaled = 4

    for change, asked in ((scale, {}), (lambda _: None, {"workers": 2})):
        with pytest.raises(lab_window.Rescaled, match="Something else scaled worker from"):
            measured(clock, System(workers=3), change, **asked)
