"""The verdict and the explanation: pure functions from results to facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dclab.experiments.bottleneck import find_bottleneck
from dclab.experiments.explain_autoscale import explain
from dclab.report.wording import SENTENCES, evidence_sentence
from dclab.results import Evidence, Intervention, LatencySummary, MetricReading, Rate, TargetLatency, TimelinePoint


def latency(ms):
    one = LatencySummary(min=ms, mean=ms, p50=ms, p95=ms, p99=ms, max=ms, count=5)
    return TargetLatency(workers=10, probe=one, call=one)


def change(name, rate):
    service, _, replicas = name.partition(" x")
    rates = Rate(mean=rate, ci95_low=rate - 0.3, ci95_high=rate + 0.3)
    return Intervention(
        name=name,
        workers=10,
        hashes_per_second=rates,
        service=service if replicas else None,
        replicas=int(replicas or 1),
    )


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


def tried(name, rate, *, replicas=1, threads=1, choice="random", waits=None):
    rates = Rate(mean=rate, ci95_low=rate - 0.3, ci95_high=rate + 0.3)
    return Intervention(
        name=name,
        workers=10,
        hashes_per_second=rates,
        service="rng",
        replicas=replicas,
        threads=threads,
        choice=choice,
        probe_ms=waits or {},
    )


def test_threads_help_as_replicas_do():
    found = find_bottleneck({}, interventions=(change("as it is", 9.8), tried("rng with 10 threads", 31.8, threads=10)))
    assert (found.service, codes(found.evidence)) == ("rng", ["threads-help"])
    assert "a single rng raised the rate from 9.8 to 31.8" in evidence_sentence(found.evidence[0])


def test_what_chance_costs():
    found = find_bottleneck(
        {},
        interventions=(
            change("as it is", 9.8),
            tried("rng x3", 23.4, replicas=3),
            tried("rng x3, round robin", 29.0, replicas=3, choice="round robin"),
            tried("rng x3, better of two", 27.0, replicas=3, choice="better of two"),
        ),
    )
    assert codes(found.evidence) == ["scaling-helps", "chance-costs"]
    assert found.evidence[1].values["lost_percent"] == pytest.approx(100 * (1 - 23.4 / 29))


@pytest.mark.parametrize(
    ("waits", "code", "said"),
    [
        ({"rng": 1.1, "hasher": 0.9}, "next-limit-workers", "the workers themselves, 10 of which can make 33.3"),
        ({"rng": 61.0, "hasher": 0.9}, "next-limit-service", "rng is what limits next"),
    ],
)
def test_what_limits_next(waits, code, said):
    found = find_bottleneck({}, interventions=(change("as it is", 9.8), tried("rng x4", 27, replicas=4, waits=waits)))
    assert found.evidence[-1].code == code
    assert said in evidence_sentence(found.evidence[-1])


def test_network_and_redis_are_ruled_out_by_their_figures():
    quick = replace(latency(720).probe, connect=0.3)
    found = find_bottleneck({"rng": TargetLatency(workers=10, probe=quick, call=quick)}, redis_ms=2.0)
    assert codes(found.evidence) == ["probe-queues", "network-quick", "redis-quick"]
    slow = find_bottleneck({"rng": latency(720)}, redis_ms=300.0)
    assert codes(slow.evidence) == ["probe-queues"]
