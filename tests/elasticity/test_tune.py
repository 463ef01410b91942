"""Tuning: one rule and one budget for every metric, and the manifests that it made."""

from __future__ import annotations

import pytest

from dclab import manifests
from dclab.autoscaler import parse_autoscaler
from dclab.elasticity import tune as tuning
from dclab.elasticity.closed_loop import Conditions
from dclab.elasticity.metrics import METRICS, metric_of
from dclab.elasticity.profile import Step, usual_profile
from dclab.elasticity.simulate import check_simulated

TUNED = {"cpu": "cpu-tuned", "latency": "latency-tuned", "requests": "requests", "inflight": "inflight"}


def test_every_metric_has_as_many_candidates():
    counts = set()
    for metric in METRICS:
        specs = [parse_autoscaler(one) for one in tuning.candidates(metric)]
        counts.add(len(specs))
        assert len({repr(one) for one in specs}) == len(specs)
        for one in specs:
            check_simulated(one)
            assert metric_of(one) == metric
            assert (one.min_replicas, one.max_replicas) == (1, 10)
    assert len(counts) == 1


@pytest.mark.parametrize("metric", METRICS)
def test_the_manifest_is_one_of_the_candidates(metric):
    ours = parse_autoscaler(manifests.autoscaler("rng", TUNED[metric]))
    assert ours in [parse_autoscaler(one) for one in tuning.candidates(metric)]


def test_the_cheapest_is_found_with_the_budget_that_was_said(monkeypatch):
    monkeypatch.setattr(tuning, "UP_WINDOWS", (0,))
    monkeypatch.setattr(tuning, "DOWN_WINDOWS", (60,))
    monkeypatch.setattr(tuning, "DOWN_POLICIES", tuning.DOWN_POLICIES[:1])
    monkeypatch.setattr(tuning, "ROUNDS", ((1, None), (2, 3)))
    said = []
    short = Conditions(profile=(Step(200.0, 10, 0),))
    tried = tuning.tune("inflight", short, lambda done, total: said.append((done, total)))
    assert len(tried) == 6
    assert [len(one.runs) for one in tried] == [3, 3, 1, 1, 1, 1]
    assert said[-1] == (10, 10)
    assert tried[0].cost <= tried[1].cost


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("metric", METRICS)
def test_the_rule_gives_the_manifest(metric):
    conditions = Conditions(profile=usual_profile(10, tuning.LONGEST_WINDOW))
    best = tuning.tune(metric, conditions)[0]
    assert parse_autoscaler(best.manifest) == parse_autoscaler(manifests.autoscaler("rng", TUNED[metric]))
