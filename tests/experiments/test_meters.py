"""What is measured between two looks: equal to what was simulated, and to a sum by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.errors import LabLost
from dclab.experiments.meters import Meters, held_between, recent_rate
from dclab.lab import Counter, Quantities
from dclab.measure.simulate import System, simulate


@pytest.mark.parametrize(("workers", "rngs"), [(2, 1), (10, 1), (10, 4), (5, 3)])
def test_the_rate_of_five_seconds_is_that_of_the_simulated_workers(workers, rngs):
    """Within 4 % on average over 40 windows, and none of them far off: a look is 5 s, the truth is in its units."""
    off = []
    for seed in range(40):
        run = simulate(System(workers=workers, rngs=rngs), 20.0, seed=seed, settle=10.0)
        longer = simulate(System(workers=workers, rngs=rngs), 14.5, seed=seed, settle=10.0)
        until = simulate(System(workers=workers, rngs=rngs), 9.5, seed=seed, settle=10.0)
        truth = (longer.units - until.units) / 5.0  # one and the same run, longer and shorter
        known = [one for one in run.reports if 6.5 <= one.t <= 15.0]
        off.append(recent_rate(known, 9.5, 15.0) / truth - 1)
    assert abs(sum(off) / len(off)) < 0.02
    assert max(map(abs, off)) < 0.15


def test_a_window_that_has_only_begun_has_no_rate():
    run = simulate(System(workers=3), 10.0, seed=1)
    assert recent_rate(run.reports, 8.9, 10.0) is None


COUNTS = st.floats(0, 1e4)
STEPS = st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=5)


@given(STEPS, st.floats(0.1, 100))
def test_replicas_that_stay_and_replicas_that_come_are_added_up(steps, seconds):
    before = {f"old-{i}": Quantities(10.0, 5.0, 7.0, 0.0) for i in range(len(steps))}
    after = {f"old-{i}": Quantities(10.0 + seconds, 5.0 + a, 7.0 + b, 0.5) for i, (a, b) in enumerate(steps)}
    after["new"] = Quantities(10.0 + seconds, 3.0, 4.0, 0.0)
    held, accepted, full = held_between(before, after)
    assert held * seconds == pytest.approx(sum(a for a, _ in steps) + 3.0, rel=1e-6, abs=1e-6)
    assert accepted * seconds == pytest.approx(sum(b for _, b in steps) + 4.0, rel=1e-6, abs=1e-6)
    assert full == pytest.approx(0.5 * len(steps))


def test_a_restarted_replica_begins_at_nothing():
    before, after = {"a": Quantities(1.0, 50.0, 500.0, 2.0)}, {"a": Quantities(3.0, 1.0, 10.0, 0.0)}
    assert held_between(before, after) == (0.5, 5.0, 0.0)


def test_nothing_is_known_where_nobody_counts_or_nothing_is_newer():
    one = {"a": Quantities(1.0, 5.0, 5.0, 0.0)}
    for before, after in (({}, one), (one, {}), (one, one)):
        assert held_between(before, after) == (None, None, 0.0)


class PrometheusAway:
    """A lab whose counter rises by ten a look and whose Prometheus answers at every other one."""

    def __init__(self):
        self.looks = 0

    def counter(self):
        self.looks += 1
        return Counter(t=float(self.looks), hashes=10 * self.looks, coins=0)

    def worker_reports(self, since):
        return []

    def quantities(self, target):
        if self.looks % 2:
            raise LabLost("Prometheus does not answer.", "ConnectionError.")
        return {"a": Quantities(float(self.looks), 2.0 * self.looks, 5.0 * self.looks, 0.0)}


def test_a_prometheus_that_is_away_leaves_what_it_knows_unknown_and_the_run_goes_on():
    meters = Meters(PrometheusAway(), "rng")
    readings = [meters.look({"w"}) for _ in range(6)]
    assert {(one.in_flight, one.requests_per_second) for one in readings} == {(None, None)}
    assert readings[-1].hashes_per_second == pytest.approx(10)
