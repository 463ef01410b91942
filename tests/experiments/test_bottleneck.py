"""The verdict and the explanation: pure functions from results to facts."""

from __future__ import annotations

import pytest

from dclab.experiments.bottleneck import find_bottleneck
from dclab.experiments.explain_autoscale import explain
from dclab.report.wording import SENTENCES, evidence_sentence
from dclab.results import Evidence, Intervention, LatencySummary, MetricReading, Rate, TargetLatency, TimelinePoint


def latency(ms):
    one = LatencySummary(min=ms, mean=ms, p50=ms, p95=ms, p99=ms, max=ms, count=5)
    return TargetLatency(workers=10, probe=one, call=one)


def change(name, rate):
    rates = Rate(mean=rate, ci95_low=rate - 0.3, ci95_high=rate + 0.3)
    return Intervention(name=name, workers=10, hashes_per_second=rates)


def codes(found):
    return [one.code for one in found]


def test_the_service_that_queues_is_suspected():
    found = find_bottleneck({"rng": latency(720), "hasher": latency(1)})
    assert found.service == "rng"
    assert codes(found.evidence) == ["probe-queues"]


def test_an_experiment_overrules_the_suspicion():
    suspected = {"rng": latency(720), "hasher": latency(1)}
    tried = (change("as it is", 9.9), change("rng x2", 9.8), change("hasher x2", 15.0))
    found = find_bottleneck(suspected, interventions=tried)
    assert found.service == "hasher"
    assert codes(found.evidence)[1:] == ["scaling-does-not-help", "scaling-helps"]


def test_where_nothing_waits_nothing_is_named():
    found = find_bottleneck({"rng": latency(3), "hasher": latency(2)})
    assert (found.service, codes(found.evidence)) == (None, ["no-queue"])


def point(t, phase, desired, *, cpu=None, latency_ms=None, rate=None, target=None):
    metrics = (MetricReading(type="Resource", name="cpu", current=6, target=target),) if target else ()
    return TimelinePoint(
        t=t,
        phase=phase,
        current=desired,
        desired=desired,
        ready=desired,
        metrics=metrics,
        latency_ms=latency_ms,
        hashes_per_second=rate,
        cpu_millicores=cpu,
    )


def test_a_demonstration_explains_itself():
    timeline = (
        point(0, "baseline", 1, cpu=13, latency_ms=700, rate=9.9),
        point(10, "load", 1, cpu=20, latency_ms=800, rate=6.0),
        point(20, "autoscaled", 1, cpu=20, target=5, latency_ms=800),
        point(35, "autoscaled", 6, cpu=60, target=5, latency_ms=50),
        point(50, "after-load", 6, cpu=40, target=5),
        point(80, "after-load", 4, cpu=40, target=5),
    )
    found = explain(timeline, 200, at_rest=True)
    assert codes(found) == [
        "above-target-before-load",
        "load-slowed-work",
        "scaled-up",
        "latency-fell",
        "scaled-down",
        "rest-replicas",
    ]
    values = {one.code: one.values for one in found}
    assert values["above-target-before-load"]["metric_percent"] == pytest.approx(6.5)
    assert values["scaled-up"] == {"from_replicas": 1, "to_replicas": 6, "seconds": 15}
    assert values["scaled-down"]["seconds"] == 30
    assert values["rest-replicas"]["per_replica_target_millicores"] == 10
    for one in found:
        assert one.code not in evidence_sentence(one)


def test_one_that_never_scaled_and_never_rested_says_so():
    timeline = (point(0, "baseline", 1), point(5, "load", 1), point(9, "autoscaled", 1, target=5))
    assert codes(explain(timeline, 200, at_rest=False)) == ["never-scaled", "not-at-rest"]


def test_an_unknown_code_is_still_shown():
    assert evidence_sentence(Evidence(code="new", values={"a": 1.0})) == "new: a 1.0"
    assert evidence_sentence(Evidence(code="plateau", values={"rate_from": 1.0})) == "plateau: rate_from 1.0"
    assert all("{" in text or text.endswith(".") for text in SENTENCES.values())
