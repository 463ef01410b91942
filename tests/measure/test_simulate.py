"""The simulation against what is known exactly, and what a sweep lets one predict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dclab import manifests
from dclab.measure.models import fit_models
from dclab.measure.predict import CannotTell, cheapest, predict, system_of
from dclab.measure.queueing import HASHER_SLOTS
from dclab.measure.simulate import System, lab_system, simulated_rate, true_rate
from dclab.run_folder import load_results

SAMPLES = Path(__file__).parent.parent.parent / "reports"


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 5, 10, 30])
def test_one_server_gives_the_bound(workers):
    assert simulated_rate(workers, 1, 0.2, 0.1) == pytest.approx(min(workers / 0.3, 10), rel=0.01)


@pytest.mark.parametrize(("servers", "rate"), [(2, 18.4), (3, 24.2), (4, 27.1), (10, 31.2)])
def test_what_chance_leaves_of_it_at_ten_workers(servers, rate):
    """The figures that another simulation of the app gave."""
    assert simulated_rate(10, servers, 0.2, 0.1, units=30000) == pytest.approx(rate, rel=0.02)


def test_taking_turns_wastes_less_than_chance():
    chance, turns, better = (
        simulated_rate(10, 3, 0.2, 0.1, load_balancing=one) for one in ("random", "round robin", "better of two")
    )
    assert chance < better <= 30
    assert chance < turns <= 30.1


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 30), st.integers(1, 10), st.sampled_from(["random", "round robin", "better of two"]))
def test_never_above_the_bound_and_never_worse_with_more(workers, servers, load_balancing):
    rate = simulated_rate(workers, servers, 0.2, 0.1, load_balancing=load_balancing)
    assert rate <= 1.01 * min(workers / 0.3, servers / 0.1)
    assert simulated_rate(workers + 1, servers, 0.2, 0.1, load_balancing=load_balancing) >= 0.97 * rate


@pytest.mark.parametrize(("hashers", "most"), [(1, 200), (2, 400), (5, 1000)])
def test_a_hasher_serves_twenty_at_a_time(hashers, most):
    system = lab_system(300, 100, hashers)
    found = true_rate(system, 20_000)
    assert 0.7 * min(most, 900) <= found <= most
    assert simulated_rate(300, 100, 0.2, 0.1, hashers=hashers) <= 1.01 * most


def test_where_hasher_is_never_short_of_slots_it_is_no_part_of_the_system():
    assert lab_system(10, 4) == System(workers=10, rngs=4)
    assert lab_system(300, 1) == System(workers=300)
    assert lab_system(300, 30, 2).hasher_threads == HASHER_SLOTS
    hasher = next(
        one for one in manifests.of_kind(manifests.load(), "Deployment") if one["metadata"]["name"] == "hasher"
    )
    assert manifests.workload(hasher).env["THREADS"] == f"{HASHER_SLOTS}"


@pytest.fixture(scope="module")
def measured():
    return load_results(SAMPLES / "sample-embedded")


@pytest.fixture(scope="module")
def system(measured):
    return system_of(measured.sweep, fit_models(measured.sweep.points))


def test_a_second_rng_is_predicted_as_it_was_measured(measured, system):
    seen = next(one for one in measured.interventions if one.name == "rng x2").hashes_per_second
    found = predict(system, 10, 2)
    assert seen.ci95_low <= found.hashes_per_second.mean <= seen.ci95_high
    assert found.hashes_per_second.ci95_low < found.hashes_per_second.mean < found.hashes_per_second.ci95_high
    assert found.at_most == pytest.approx(19.8, abs=0.2)


def test_the_cheapest_plan_is_enough_and_one_less_is_not(system):
    plan = cheapest(system, 25)
    assert plan.hashes_per_second >= 25
    for workers, rng in ((plan.workers - 1, plan.rng), (plan.workers, plan.rng - 1)):
        assert predict(system, workers, rng).hashes_per_second.mean < 25.2
    with pytest.raises(CannotTell, match="out of reach"):
        cheapest(system, 1e6)


def test_what_a_run_cannot_tell(measured):
    few = replace(measured.sweep, points=measured.sweep.points[:3])
    for sweep in (None, few):
        with pytest.raises(CannotTell, match="cannot tell"):
            system_of(sweep, fit_models(sweep.points) if sweep else ())
