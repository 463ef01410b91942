"""How many rngs a demand needs."""

from __future__ import annotations

import pytest

from dclab.elasticity.demand import cycle_seconds, demand_steps, needed, simulated_wait, wait_ms
from dclab.elasticity.profile import usual_profile
from dclab.measure.queueing import expected_wait_ms
from dclab.measure.simulate import System


@pytest.mark.parametrize("workers", [1, 4, 10])
def test_one_rng_makes_calls_wait_as_theory_has_it(workers):
    mean, half = simulated_wait(workers, 0, 1)
    # Theory's times are a tenth of a second each, an ordinary lab's a percent more; and below the knee chance is not in it.
    slack = 20 if workers == 4 else 10
    assert mean == pytest.approx(expected_wait_ms(workers), rel=0.03, abs=slack)
    assert half < 5


@pytest.mark.parametrize("rngs", [2, 3, 4])
def test_littles_law_gives_the_same_wait_from_the_rate(rngs):
    """The rates at 10 workers that another simulation of the app gave (tests/measure/test_simulate.py)."""
    rate = {2: 18.4, 3: 24.2, 4: 27.1}[rngs]
    mean, _ = simulated_wait(10, 0, rngs)
    assert mean == pytest.approx(wait_ms(10, rate), rel=0.1, abs=8)


def test_the_wait_of_a_rate():
    assert wait_ms(10, 10.0) == pytest.approx(1000 - 1000 * cycle_seconds())
    assert wait_ms(1, 5.0) == 0  # faster than its cycle: it waited for nothing
    assert wait_ms(10, 0.0) is None
    assert wait_ms(0, 3.0) is None


def test_more_workers_need_more_and_a_laxer_objective_less():
    by_workers = [needed(one, 0, 100.0, 10) for one in (1, 2, 5, 10, 15)]
    assert [one.low for one in by_workers] == sorted(one.low for one in by_workers)
    assert (by_workers[0].low, by_workers[0].high) == (1, 1)
    assert 3 <= by_workers[3].low <= by_workers[3].high <= 4
    by_slo = [needed(10, 0, slo, 10).low for slo in (20.0, 60.0, 100.0, 300.0, 800.0)]
    assert by_slo == sorted(by_slo, reverse=True)
    assert by_slo[-1] == 1


def test_the_waits_bear_out_the_numbers():
    found = needed(10, 0, 100.0, 10)
    waits = {one.rngs: one for one in found.waits}
    assert waits[found.low].low <= 100 < waits[found.low - 1].low if found.low - 1 in waits else True
    assert waits[found.high].high <= 100
    assert all(one.low <= one.mean <= one.high for one in found.waits)


def test_where_the_objective_lies_within_the_interval_two_numbers_are_possible():
    at_four = next(one for one in needed(10, 0, 60.0, 10).waits if one.rngs == 4)
    found = needed(10, 0, at_four.mean, 10)
    assert (found.low, found.high) == (4, 5)


def test_what_even_the_most_do_not_meet_is_unreachable():
    found = needed(30, 0, 100.0, 3)
    assert (found.low, found.high, found.reachable) == (3, 3, False)


def test_a_threaded_rng_is_several():
    assert needed(10, 0, 100.0, 10, System(workers=1, threads=10)).low == 1


def test_nobody_needs_more_than_one_hasher_or_an_rng_without_workers():
    assert needed(10, 15, 100.0, 10, target="hasher")[:3] == (1, 1, True)
    assert needed(0, 15, 100.0, 10)[:3] == (1, 1, True)


def test_a_profile_has_a_demand_at_each_step():
    profile = usual_profile(10, 180.0)
    steps = demand_steps(profile, 100.0, 10)
    assert [one.t for one in steps] == [0, 60, 240, 480, 600]
    assert [one.users for one in steps] == [0, 0, 15, 0, 0]
    assert steps[1].needed == steps[4].needed > steps[3].needed >= steps[0].needed == 1
    assert sum(one.seconds for one in profile) >= 900
