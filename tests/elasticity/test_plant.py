"""The plant against the simulation that the rates' intervals rest on, against theory, and against itself."""

from __future__ import annotations

import pytest

from dclab.elasticity.demand import USUAL, cycle_seconds
from dclab.elasticity.plant import Plant
from dclab.measure.queueing import expected_probe_ms
from dclab.measure.simulate import System, true_rate


def running(workers, rngs, *, users=0, seed=1, settle=20.0, system=USUAL):
    plant = Plant(system, seed=seed, rngs=rngs, pod_start=1.0)
    plant.set_workers(workers)
    plant.set_users(users)
    plant.advance(settle)
    return plant


def over(plant, seconds):
    before, begin = plant.totals(), plant.now
    plant.advance(begin + seconds)
    after = plant.totals()
    return type(after)(*(b - a for a, b in zip(before, after, strict=True)))


@pytest.mark.parametrize(("workers", "rngs"), [(1, 1), (3, 1), (10, 1), (10, 2), (10, 3), (10, 4), (10, 10), (5, 2)])
def test_rates_are_those_of_the_other_simulation(workers, rngs):
    found = over(running(workers, rngs), 1500.0).units / 1500.0
    # httplat asks once a second and takes half a millisecond of an rng each time; both wander by some tenths of a percent.
    assert found == pytest.approx(true_rate(System(workers=workers, rngs=rngs), 50_000), rel=0.01)


def test_rates_of_a_threaded_rng_are_those_of_the_other_simulation():
    threaded = System(workers=10, threads=4)
    found = over(running(10, 1, system=threaded), 600.0).units / 600.0
    assert found == pytest.approx(true_rate(threaded, 20_000), rel=0.01)


@pytest.mark.parametrize(("workers", "rngs"), [(10, 1), (10, 3), (4, 2)])
def test_waits_and_in_flight_follow_littles_law(workers, rngs):
    found = over(running(workers, rngs), 1000.0)
    cycle = 1000.0 * workers / found.units
    assert found.waited / found.units == pytest.approx(cycle - cycle_seconds(), abs=0.002)
    service = USUAL.service + USUAL.service_jitter
    held = (found.waited + found.units * service + found.probe_seconds) / 1000.0
    assert found.in_flight_seconds / 1000.0 == pytest.approx(held, rel=0.01)


@pytest.mark.parametrize("workers", [4, 10])
def test_a_probe_waits_as_theory_has_it(workers):
    found = over(running(workers, 1), 4000.0)
    assert 1000 * found.probe_seconds / found.probes == pytest.approx(expected_probe_ms(workers), rel=0.05)


def test_a_siege_has_all_its_users_in_flight_and_hardly_slows_the_workers():
    alone, beside = over(running(10, 4), 300.0), over(running(10, 4, users=15), 300.0)
    added = (beside.in_flight_seconds - alone.in_flight_seconds) / 300.0
    assert 12 < added <= 15
    assert beside.units == pytest.approx(alone.units, rel=0.05)
    assert beside.requests > 3 * alone.requests


def test_workers_users_and_rngs_come_and_go():
    plant = running(10, 1, users=5)
    plant.scale(4)
    plant.advance(plant.now + 3.0)
    assert plant.ready == 4
    full = over(plant, 100.0).units / 100.0
    assert full > 20
    plant.set_workers(2)
    plant.set_users(0)
    plant.scale(1)
    plant.advance(plant.now + 5.0)
    assert (plant.ready, len(plant.pods)) == (1, 1)  # those that were drained have answered all, and are gone
    assert all(one.n == 0 for one in plant.gone)
    found = over(plant, 200.0)
    assert found.units / 200.0 == pytest.approx(2 / cycle_seconds(), rel=0.15)
    assert found.requests - found.units == pytest.approx(found.probes, abs=2)


def test_of_replicas_that_are_too_many_the_unready_go_first_then_the_youngest():
    plant = running(2, 2)
    first = [one.name for one in plant.pods]
    plant.scale(4)
    plant.scale(3)
    assert [one.draining for one in plant.pods] in ([False, False, True, False], [False, False, False, True])
    plant.advance(plant.now + 3.0)
    plant.scale(2)
    plant.advance(plant.now + 3.0)
    assert [one.name for one in plant.pods] == first


def test_a_seed_says_all():
    assert over(running(7, 2, users=3, seed=5), 50.0) == over(running(7, 2, users=3, seed=5), 50.0)
    assert over(running(7, 2, users=3, seed=5), 50.0) != over(running(7, 2, users=3, seed=6), 50.0)
