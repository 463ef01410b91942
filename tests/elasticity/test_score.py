"""Scores: the published test vector, brute force, and what must hold of any run."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.elasticity.score import MISSING_WEIGHT, START_SECONDS, cost, score, score_run
from dclab.results import DemandStep, ElasticPoint

DEMAND = [(0, 1), (7, 5), (16, 3), (17, 2), (19, 4)]
SUPPLY = [(0, 1), (2, 2), (3, 1), (5, 3), (9, 7), (11, 6), (12, 8), (14, 2), (20, 2)]


def test_the_vector_of_bungees_unit_tests():
    found = score(DEMAND, SUPPLY, 20)
    assert found.accuracy_under == 13 / 20
    assert found.accuracy_over == 16 / 20
    assert found.timeshare_under == 6 / 20
    assert found.timeshare_over == 8 / 20
    assert found.jitter == 60 * 8 / 20  # theirs is per unit of time, ours a minute
    # Beside what they test: up, down, up, down, up and down again.
    assert found.reversals == 5
    assert found.first_enough_seconds == 2  # demand exceeds supply at 7, there is enough at 9
    assert found.pod_minutes == (2 + 2 + 2 + 12 + 14 + 6 + 16 + 12) / 60
    assert found.ideal_pod_minutes == (7 + 45 + 3 + 4 + 4) / 60
    assert found.cost == pytest.approx(3 * 13 / 20 + 16 / 20 + (1 + 2 + 4 + 2) * 60 / 20)


def curves():
    """Whole seconds, so that a sum over each of them is exact."""
    changes = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 6)), max_size=15)
    return st.tuples(st.integers(1, 6), changes).map(
        lambda found: [(0, found[0]), *zip(accumulate(t for t, _ in found[1]), (v for _, v in found[1]), strict=True)]
    )


def second_by_second(curve, seconds):
    values = dict(curve)
    found, now = [], None
    for t in range(seconds):
        now = values.get(t, now)
        found.append(now)
    return found


@given(curves(), curves(), st.integers(1, 150))
def test_scores_are_the_sum_over_every_second(demand, supply, seconds):
    found = score(demand, supply, seconds)
    d, s = second_by_second(demand, seconds), second_by_second(supply, seconds)
    both = list(zip(d, s, strict=True))
    assert found.accuracy_under == pytest.approx(sum(max(a - b, 0) for a, b in both) / seconds)
    assert found.accuracy_over == pytest.approx(sum(max(b - a, 0) for a, b in both) / seconds)
    assert found.timeshare_under == pytest.approx(sum(a > b for a, b in both) / seconds)
    assert found.timeshare_over == pytest.approx(sum(b > a for a, b in both) / seconds)
    moved = [abs(b - a) for a, b in pairwise(s)]
    wanted = [abs(b - a) for a, b in pairwise(d)]
    assert found.jitter == pytest.approx(60 * (sum(moved) - sum(wanted)) / seconds)
    signs = [b > a for a, b in pairwise(s) if b != a]
    assert found.reversals == sum(a != b for a, b in pairwise(signs))
    assert found.pod_minutes == pytest.approx(sum(s) / 60)
    assert found.ideal_pod_minutes == pytest.approx(sum(d) / 60)
    started = sum(b - a for a, b in pairwise(s) if b > a)
    expected = MISSING_WEIGHT * found.accuracy_under + found.accuracy_over + started * START_SECONDS / seconds
    assert found.cost == pytest.approx(expected)


@given(curves(), curves(), st.integers(1, 150))
def test_the_first_enough_is_when_demand_was_met_after_it_first_was_not(demand, supply, seconds):
    both = list(zip(second_by_second(demand, seconds), second_by_second(supply, seconds), strict=True))
    # What is missing counts from a step of demand on, not from a loss of replicas.
    steps = [t for t, (d, s) in enumerate(both) if d > s and t in dict(demand)]
    found = score(demand, supply, seconds).first_enough_seconds
    if not steps:
        assert found == 0
        return
    enough = [t for t in range(steps[0], seconds) if both[t][0] <= both[t][1]]
    assert found == (enough[0] - steps[0] if enough else None)


@given(curves(), st.integers(1, 150))
def test_supply_that_is_demand_costs_its_starts_alone(demand, seconds):
    found = score(demand, demand, seconds)
    assert (found.accuracy_under, found.accuracy_over, found.jitter) == (0, 0, 0)
    assert found.pod_minutes == found.ideal_pod_minutes
    d = second_by_second(demand, seconds)
    started = sum(b - a for a, b in pairwise(d) if b > a)
    assert found.cost == pytest.approx(cost(0, 0, started, seconds))


def test_a_missing_replica_costs_three_times_one_too_many():
    missing, over = score([(0, 2)], [(0, 1)], 60), score([(0, 1)], [(0, 2)], 60)
    assert missing.cost == 3 * over.cost == 3


def test_waits_count_for_the_time_since_the_point_before():
    waits = [(10, 50.0), (30, 150.0), (40, None), (60, 20.0)]
    assert score([(0, 1)], [(0, 1)], 60, waits=waits, slo_ms=100).over_slo == 20 / 50
    assert score([(0, 1)], [(0, 1)], 60, waits=[(10, None)], slo_ms=100).over_slo is None


@pytest.mark.parametrize(
    ("demand", "supply", "seconds"),
    [([], [(0, 1)], 9), ([(1, 1)], [(0, 1)], 9), ([(0, 1)], [(0, 1), (5, 2), (4, 1)], 9), ([(0, 1)], [(0, 1)], 0)],
)
def test_what_is_no_run_is_refused(demand, supply, seconds):
    with pytest.raises(ValueError, match="must"):
        score(demand, supply, seconds)


def step(t, needed, high):
    return DemandStep(t=t, workers=5, users=0, needed=needed, needed_high=high)


def test_both_demands_are_scored_where_they_differ():
    points = [ElasticPoint(t=t, desired=2, ready=2, wait_ms=90.0) for t in (1.0, 5.0, 10.0)]
    low, high = score_run([step(0, 2, 2)], points, 10.0, 100.0)
    assert (low.accuracy_under, low.over_slo, high) == (0, 0, None)
    low, high = score_run([step(0, 1, 1), step(5, 2, 3)], points, 10.0, 80.0)
    assert (low.accuracy_under, low.accuracy_over, low.over_slo) == (0, 0.5, 1)
    assert (high.accuracy_under, high.accuracy_over) == (0.5, 0.5)
