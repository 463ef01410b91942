"""Autoscalers in a closed loop with the plant."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise

import pytest

from dclab import manifests
from dclab.autoscaler import parse_autoscaler
from dclab.elasticity.closed_loop import Conditions, simulate_run
from dclab.elasticity.metrics import METRICS, metric_of
from dclab.elasticity.profile import Step, usual_profile
from dclab.elasticity.repeats import mean_scores, predict, spread_of_mean, spread_of_one
from dclab.elasticity.settling import longest_window, settled
from dclab.elasticity.simulate import check_simulated, compare_simulated, predict_run, profile_of
from dclab.errors import InvalidInput, NotSupported
from dclab.experiments.autoscalers import shipped, shipped_for
from dclab.results import ElasticPoint
from tests.elasticity import table

SHORT = Conditions(profile=(Step(30.0, 2, 0), Step(240.0, 10, 0)))


def spec(which="cpu", **fields):
    found = copy.deepcopy(manifests.autoscaler("rng", which))
    found["spec"] |= fields
    return parse_autoscaler(found)


@pytest.mark.parametrize("which", manifests.AUTOSCALERS)
def test_every_autoscaler_of_ours_can_be_simulated_and_scales_up(which):
    one = spec(which)
    check_simulated(one)
    assert metric_of(one) == which.removesuffix("-tuned")
    found = simulate_run(one, SHORT, seed=1)
    assert max(point.ready for point in found.timeline) > 1
    assert found.timeline[0].ready == 1
    assert found.timeline[0].t < 5
    assert found.timeline[-1].t == pytest.approx(found.seconds, abs=3)
    assert found.scores.over_slo is not None


def test_a_seed_says_all():
    one = spec("inflight")
    assert simulate_run(one, SHORT, 3) == simulate_run(one, SHORT, 3)
    assert simulate_run(one, SHORT, 3).timeline != simulate_run(one, SHORT, 4).timeline


def test_what_is_seen_is_what_is_there():
    """Fixed at four rngs: in flight as Little's law has it, requests as workers and httplat make them, CPU as rng uses."""
    fixed = {"minReplicas": 4, "maxReplicas": 4}
    steady = Conditions(profile=(Step(400.0, 10, 0),))
    last = {
        which: simulate_run(spec(which, **fixed), steady, 1).timeline[-1] for which in ("cpu", "requests", "inflight")
    }
    read = {which: point.metrics[0].current for which, point in last.items()}
    point = last["inflight"]
    assert 24 < point.hashes_per_second < 30
    assert read["requests"] == pytest.approx((27 + 1) / 4, rel=0.1)
    assert read["inflight"] == pytest.approx((10 - 27 * 0.2037) / 4, rel=0.25)
    assert read["cpu"] in (4, 5)  # percent of 200 millicores, rounded down


def test_nothing_is_known_before_two_scrapes_and_nothing_is_scaled_by_it():
    rare = replace(SHORT, scrape_seconds=200.0, rate_seconds=150.0)
    found = simulate_run(spec("inflight"), rare, 1)
    assert all(metric.current is None for point in found.timeline for metric in point.metrics)
    assert {point.desired for point in found.timeline} == {1}
    assert {one.reason for one in found.events} == {"FailedGetPodsMetric", "FailedComputeMetricsReplicas"}


def test_a_faster_clock_gives_the_same_profile_in_less_time_of_the_plant():
    one = spec("inflight")
    slow, fast = (simulate_run(one, replace(SHORT, clock_speed=speed, pod_start=0.5), 1) for speed in (1.0, 5.0))
    assert slow.seconds == fast.seconds
    assert [step.t for step in slow.demand] == [step.t for step in fast.demand]
    assert len(fast.timeline) < len(slow.timeline)
    assert abs(slow.timeline[-1].ready - fast.timeline[-1].ready) <= 1


def test_scores_are_those_of_the_timeline():
    found = simulate_run(spec("cpu"), SHORT, 1)
    steps = [(b.t - a.t, a.ready) for a, b in pairwise(found.timeline)]
    assert found.scores.pod_minutes == pytest.approx(sum(dt * ready for dt, ready in steps) / 60, rel=0.03)


def test_in_flight_rests_where_latency_does_not():
    """The prediction of this experiment, with queues, rates and starting pods in it; `tests.elasticity.table` has all of it."""
    latency, inflight = table.ROWS[0], table.ROWS[5]
    seeds = range(1, 4)
    quiet, restless = table.hour(inflight, seeds, 1800.0), table.hour(latency, seeds, 1800.0)
    assert quiet.scores.cost < restless.scores.cost
    assert quiet.scores.reversals < restless.scores.reversals
    assert all((one.settled, one.resting) == (True, 4) for one in quiet.runs)
    late = [point.ready for one in restless.runs for point in one.timeline if point.t > 900]
    assert max(late) - min(late) >= 3


# Settling.


def points(*desired):
    return [ElasticPoint(t=10.0 * index, desired=one, ready=one) for index, one in enumerate(desired)]


def test_settled_is_judged_on_two_windows_and_not_before():
    one = spec(
        "cpu", behavior={"scaleUp": {"stabilizationWindowSeconds": 0}, "scaleDown": {"stabilizationWindowSeconds": 90}}
    )
    assert longest_window(one) == 90
    still = points(*[1] * 10, *[4] * 21)
    assert settled(still, one, 300.0, since=50.0) == (True, 4)
    assert settled(still, one, 300.0, since=150.0) == (None, None)
    assert settled(points(*[4] * 29, 5, 4), one, 300.0, since=50.0) == (False, None)
    assert settled([], one, 300.0, since=0.0) == (None, None)
    bare = copy.deepcopy(manifests.autoscaler("rng"))
    del bare["spec"]["behavior"]
    assert longest_window(parse_autoscaler(bare)) == 300


# Repeats.


def test_repeats_have_means_and_intervals():
    found = predict(spec("inflight"), SHORT, range(1, 5))
    costs = [one.scores.cost for one in found.runs]
    assert found.scores.cost == pytest.approx(sum(costs) / 4)
    assert min(costs) <= found.typical.scores.cost <= max(costs)
    one, mean = found.spread["cost"], spread_of_mean([each.scores for each in found.runs])["cost"]
    assert one.low < mean.low < found.scores.cost < mean.high < one.high
    assert one.repeats == 4
    assert spread_of_one([found.runs[0].scores]) == {}


def test_what_most_runs_do_not_have_has_no_mean():
    one = simulate_run(spec("cpu"), SHORT, 1).scores
    never = replace(one, first_enough_seconds=None)
    assert mean_scores([never, never, one]).first_enough_seconds is None
    assert mean_scores([never, one, one]).first_enough_seconds == one.first_enough_seconds


# Comparisons.


def test_a_comparison_has_runs_predictions_and_verdicts():
    candidates = [shipped("rng", "cpu"), shipped("rng", "inflight")]
    said = []
    found = compare_simulated(candidates, SHORT, repeats=3, progress=said.append)
    assert [one.name for one in found.runs] == ["cpu", "inflight"]
    assert len(said) == 2
    (verdict,) = found.verdicts
    means = [one.predicted.cost for one in found.runs]
    assert verdict.difference == pytest.approx(means[0] - means[1])
    run = found.runs[1]
    again = predict_run(run.manifest, run.demand, run.seconds, repeats=3)
    assert again.scores == run.predicted
    assert profile_of(run.demand, run.seconds) == SHORT.profile


def test_what_cannot_be_simulated_is_named():
    with pytest.raises(NotSupported, match="hasher"):
        check_simulated(parse_autoscaler(manifests.autoscaler("hasher")))
    with pytest.raises(NotSupported, match="100000 replicas"):
        check_simulated(spec("cpu", maxReplicas=100_000))
    strange = table.hpa(table.of_pods("queue_length", "1"), {})
    with pytest.raises(InvalidInput, match="queue_length"):
        check_simulated(parse_autoscaler(strange))
    assert predict_run(strange, (), 10.0) is None


def test_the_manifests_request_is_the_simulations():
    rng = manifests.workload(manifests.named(manifests.load(), "Deployment", "rng"))
    assert Conditions(profile=()).request_millicores == rng.cpu_request_millicores


def test_the_usual_profile_lets_settling_be_judged():
    for one in shipped_for("rng", METRICS):
        profile = usual_profile(10, one.window)
        assert profile[-1].seconds >= max(2 * one.window, 120)
        assert sum(step.seconds for step in profile) >= 900
