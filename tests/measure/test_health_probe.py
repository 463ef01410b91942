"""What is predicted of health probes, updates and kills, and how looks are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.lab import HealthProbe
from dclab.measure.health_probe import failing_seconds, predict_probe, watch_seconds
from dclab.measure.health_watch import cycles, first_event, health_events, health_phases, judge, unreported
from dclab.measure.rolling import predict_loss, predict_stuck, resolve
from dclab.measure.simulate import REPORT_EVERY, System, simulate
from dclab.results import HealthLook, HealthPrediction, ReplicaHealth

READINESS = HealthProbe(kind="readiness", period_seconds=5)
LIVENESS = HealthProbe(kind="liveness", period_seconds=5)


@pytest.mark.parametrize(
    ("workers", "replicas", "outcome"),
    [
        (1, 1, "holds"),
        (10, 1, "holds"),
        (12, 1, "cannot tell"),
        (15, 1, "fails"),
        (30, 1, "fails"),
        (15, 3, "cannot tell"),
    ],
)
def test_a_queue_of_more_than_the_timeout_fails_a_probe(workers, replicas, outcome):
    found = predict_probe(workers, replicas, READINESS, 10)
    assert found.outcome == outcome
    assert (found.first_low is not None) == (outcome == "fails")


def test_it_fails_after_as_many_periods_as_its_threshold_says():
    """Its phase is chance: the first late probe comes within a period, the last two periods later, and ends by its timeout.

    When it is in force is seen up to 2 s late, and so is that it has failed.
    """
    found = predict_probe(15, 1, READINESS, 10)
    assert 9 <= found.first_low < 9.5
    assert 15.5 < found.first_high <= failing_seconds(READINESS) + 0.01
    assert found.cycle_low < 20 < found.cycle_high
    alive = predict_probe(15, 1, LIVENESS, 10)
    assert alive.first_low == pytest.approx(found.first_low + 10)
    assert alive.cycle_low is None
    patient = predict_probe(15, 1, HealthProbe(kind="readiness", period_seconds=5, timeout_seconds=2), 10)
    assert patient.outcome == "holds"
    assert watch_seconds(LIVENESS, 10) > alive.first_high


def test_the_same_is_predicted_each_time():
    assert predict_probe(15, 1, READINESS, 10) == predict_probe(15, 1, READINESS, 10)


def look(t, *served, phase="http", restarts=0, hashes=0):
    replicas = tuple(
        ReplicaHealth(name=f"rng-{n}", ready=one, in_service=one, terminating=False, restarts=restarts, current=True)
        for n, one in enumerate(served)
    )
    return HealthLook(t=t, phase=phase, replicas=replicas, hashes=hashes)


def test_events_lie_between_two_looks_of_one_phase():
    looks = [
        look(0, True, phase="tcp"),
        look(1, False),
        look(2, True),
        look(3, False),
        look(4, False, restarts=1),
        look(5, True, restarts=1),
        look(6, True, phase="back"),
    ]
    assert [(one.after, one.t, one.what) for one in health_events(looks)] == [
        (1, 2, "in service"),
        (2, 3, "out of service"),
        (3, 4, "restarted"),
        (4, 5, "in service"),
    ]
    assert first_event(looks, "readiness") == (1, 2)
    assert first_event(looks, "liveness") == (2, 3)
    assert first_event(looks[:2], "readiness") is None
    (http,) = [one for one in health_phases(looks, 1, 1) if one.phase == "http"]
    assert (http.seconds, http.out_seconds, http.times_out, http.restarts) == (4, 3, 1, 1)


def test_a_cycle_is_from_one_time_out_to_the_next():
    looks = [look(t, t not in (3, 8)) for t in range(12)]
    assert cycles(looks) == [(4, 6)]


def fails(low, high):
    return HealthPrediction(late_share=1, wait_ms=1300, outcome="fails", first_low=low, first_high=high)


HOLDS = HealthPrediction(late_share=0, wait_ms=10, outcome="holds")
UNSURE = HealthPrediction(late_share=0.2, wait_ms=950, outcome="cannot tell")


@pytest.mark.parametrize(
    ("predicted", "out", "until", "verdict"),
    [
        (fails(2.5, 4), 3, 10, "as predicted"),
        (fails(4.5, 6), 3, 10, "not as predicted"),
        (fails(1, 2), 5, 10, "not as predicted"),
        (fails(2, 4), None, 10, "not as predicted"),
        (fails(2, 40), None, 10, "cannot tell"),
        (HOLDS, None, 10, "as predicted"),
        (HOLDS, None, 4, "cannot tell"),
        (HOLDS, 3, 10, "not as predicted"),
        (UNSURE, 3, 10, "cannot tell"),
    ],
)
def test_what_was_seen_is_held_against_the_prediction(predicted, out, until, verdict):
    looks = [look(t, t != out) for t in range(until + 1)]
    assert judge(predicted, looks, "readiness", 10) == verdict


def test_nothing_seen_is_no_verdict():
    assert judge(HOLDS, [], "readiness", 10) == judge(fails(1, 2), [], "liveness", 10) == "cannot tell"


@given(st.sampled_from([1, 2, 3, 5, 10, 15, 30]), st.sampled_from([1, 2, 4]), st.integers(0, 1000))
def test_workers_hold_no_more_than_is_said(workers, rngs, seed):
    """Of a simulated run: units made and not reported, at any report, by who made them."""
    run = simulate(System(workers=workers, rngs=rngs), 6.0, seed=seed)
    reported = sum(one.units for one in run.reports if one.t > 0)
    assert abs(run.units - reported) <= unreported(workers, rngs)


def test_a_kill_loses_what_a_worker_holds():
    """Three workers make four units between two reports, so they hold one and a half each; hasher has one of the three."""
    low, high = predict_loss(3, 2, held=True)
    assert 4 <= low <= 7
    assert 15 <= high <= 18
    assert predict_loss(3, 2, held=False) == (0, 4)
    assert predict_loss(1, 1, held=True)[0] == 0
    assert predict_loss(1, 1, held=True)[1] <= 4
    assert REPORT_EVERY == 1


@given(st.integers(1, 100))
def test_an_update_hangs_between_its_bounds(desired):
    surge, unavailable = resolve("25%", "25%", desired)
    found = predict_stuck(desired, surge, unavailable)
    assert found.old == desired - desired // 4
    assert found.old + found.new <= desired + -(-desired // 4)
