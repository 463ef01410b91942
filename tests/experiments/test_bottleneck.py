"""The verdict and the explanation: pure functions from results to facts."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from dclab.experiments.bottleneck import find_bottleneck
from dclab.experiments.explain_autoscale import explain
from dclab.experiments.rule_out import Cpu
from dclab.lab import ProbeSample
from dclab.measure.latency import summarise
from dclab.report.wording import SENTENCES, evidence_sentence
from dclab.results import (
    Evidence,
    Intervention,
    LatencySummary,
    MetricReading,
    Rate,
    Sweep,
    SweepPoint,
    TargetLatency,
    TimelinePoint,
)


def latency(ms):
    one = LatencySummary(min=ms, mean=ms, p50=ms, p95=ms, p99=ms, max=ms, count=5)
    return TargetLatency(workers=10, probe=one, call=one)


def change(name, rate, half=0.3, seconds=None):
    service, _, replicas = name.partition(" x")
    rates = Rate(mean=rate, ci95_low=rate - half, ci95_high=rate + half, seconds=seconds)
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
    assert (found.service, found.certainty) == ("rng", "suspected")
    assert codes(found.evidence) == ["probe-queues"]


def test_an_experiment_overrules_the_suspicion():
    suspected = {"rng": latency(720), "hasher": latency(1)}
    tried = (change("as it is", 9.9), change("rng x2", 9.8), change("hasher x2", 15.0))
    found = find_bottleneck(suspected, interventions=tried)
    assert (found.service, found.certainty) == ("hasher", "proved")
    assert codes(found.evidence)[1:] == ["scaling-does-not-help", "scaling-helps"]


def test_a_change_that_does_not_help_ends_the_suspicion():
    tried = (change("as it is", 9.9), change("rng x2", 9.8))
    found = find_bottleneck({"rng": latency(720), "hasher": latency(1)}, interventions=tried)
    assert (found.service, found.certainty) == (None, None)


@pytest.mark.parametrize(
    "tried",
    [
        (change("as it is", 9.9),),
        (change("as it is", 9.9), change("rng x2", 12.5, half=2.0)),
        (change("as it is", 9.9), change("hasher x2", 9.9)),
    ],
)
def test_what_no_change_has_shown_stays_suspected(tried):
    found = find_bottleneck({"rng": latency(720), "hasher": latency(1)}, interventions=tried)
    assert (found.service, found.certainty) == ("rng", "suspected")


def test_where_it_cannot_be_told_it_is_said_how_long_it_would_take():
    tried = (change("as it is", 10.0, seconds=4.0), change("rng x2", 17.5, half=7.5, seconds=4.0))
    found = find_bottleneck({}, interventions=tried)
    assert codes(found.evidence) == ["scaling-cannot-tell", "longer-would-tell"]
    assert "17.5 ± 7.5" in evidence_sentence(found.evidence[0])
    # The gap from 1.75 to 1.2 is 0.44 of the half width at 99.9 %: 5.2 times as long.
    assert found.evidence[1].values["seconds"] == pytest.approx(21, abs=0.5)
    hopeless = (change("as it is", 10.0, seconds=4.0), change("rng x2", 12.01, half=7.5, seconds=4.0))
    assert codes(find_bottleneck({}, interventions=hopeless).evidence) == ["scaling-cannot-tell"]


def test_a_change_is_compared_with_the_baseline_before_and_after():
    quiet = (change("as it is", 10.0), change("rng x2", 13.2), change("as it is, afterwards", 10.0))
    assert find_bottleneck({}, interventions=quiet).certainty == "proved"
    drifted = (change("as it is", 10.0), change("rng x2", 13.2), change("as it is, afterwards", 11.5))
    found = find_bottleneck({}, interventions=drifted)
    assert (found.service, codes(found.evidence)) == (None, ["scaling-cannot-tell"])


def test_where_nothing_waits_nothing_is_named():
    found = find_bottleneck({"rng": latency(3), "hasher": latency(2)})
    assert (found.service, codes(found.evidence)) == (None, ["no-queue"])


def test_where_both_wait_neither_is_suspected():
    found = find_bottleneck({"rng": latency(300), "hasher": latency(200)})
    assert (found.service, codes(found.evidence)) == (None, ["queue-at-either"])


def test_few_probes_that_scatter_cannot_tell():
    samples = [ProbeSample(at=0.0, total_ms=ms) for ms in (1.0, 2.0, 60.0)]
    one = summarise(samples)
    found = find_bottleneck({"rng": TargetLatency(workers=4, probe=one, call=one), "hasher": latency(1)})
    assert (found.service, codes(found.evidence)) == (None, ["queue-cannot-tell"])


@pytest.mark.parametrize(
    ("cpu", "code"),
    [
        (Cpu(13, 200, 500), "cpu-idle"),
        (Cpu(180, 100), "cpu-above-request"),
        (Cpu(180, 100, 500), "cpu-above-request"),
        (Cpu(480, 100, 500), "cpu-at-limit"),
    ],
)
def test_cpu_is_compared_with_request_and_limit(cpu, code):
    found = find_bottleneck({"rng": latency(720)}, cpu={"rng": cpu})
    assert codes(found.evidence) == ["probe-queues", code]
    assert code not in evidence_sentence(found.evidence[1])


def sweep(*rates):
    return Sweep(
        points=tuple(
            SweepPoint(
                workers=workers,
                hashes_per_second=Rate(mean=rate, ci95_low=rate - half, ci95_high=rate + half),
                webui_reading=rate,
                webui_readings=(),
                seconds=4,
                samples=40,
                ready_seconds=0.3,
            )
            for workers, rate, half in rates
        )
    )


def test_a_plateau_is_where_twice_the_workers_are_known_to_do_no_more():
    assert codes(find_bottleneck(None, sweep((3, 9.8, 0.1), (10, 9.9, 0.1))).evidence) == ["plateau"]
    assert codes(find_bottleneck(None, sweep((3, 9.8, 0.9), (10, 9.9, 0.9))).evidence) == []
    assert codes(find_bottleneck(None, sweep((8, 9.8, 0.1), (10, 9.9, 0.1))).evidence) == []


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


def demonstration(*, waits, at_end, cpu=40):
    """One tick a second: 5 s of each phase, from 1 replica over 6 to 4."""
    dice = random.Random(1)

    def points(phase, begin, desired, ms, used):
        return [
            point(begin + t, phase, desired, cpu=used + t % 2, latency_ms=ms * dice.uniform(0.9, 1.1), target=target)
            for t in range(5)
            for target in (5 if phase in ("autoscaled", "after-load") else None,)
        ]

    return (
        *points("baseline", 0, 1, waits, 13),
        *points("load", 5, 1, waits, 20),
        *points("autoscaled", 10, 1, waits, 20),
        *points("autoscaled", 15, 6, at_end, 60),
        *points("after-load", 20, 6, at_end, cpu),
        *points("after-load", 25, 4, at_end, cpu),
    )


def rate_of(mean):
    return Rate(mean=mean, ci95_low=mean - 0.1, ci95_high=mean + 0.1)


def test_a_demonstration_explains_itself():
    rates = {"baseline": rate_of(9.9), "load": rate_of(6.0)}
    found = explain(demonstration(waits=700, at_end=50), 200, at_rest=True, rates=rates)
    assert codes(found) == [
        "above-target-before-load",
        "load-slowed-work",
        "scaled-up",
        "latency-fell",
        "scaled-down",
        "rest-replicas",
        "rest-waits",
    ]
    values = {one.code: one.values for one in found}
    assert values["above-target-before-load"]["metric_percent"] == pytest.approx(6.75, abs=0.1)
    assert values["scaled-up"] == {"from_replicas": 1, "to_replicas": 6, "seconds": 5}
    assert values["scaled-down"]["seconds"] == 5
    assert values["rest-replicas"]["per_replica_target_millicores"] == 10
    for one in found:
        assert one.code not in evidence_sentence(one)


def test_nothing_is_said_to_wait_where_probes_are_answered_at_once():
    rates = {"baseline": rate_of(9.9), "load": rate_of(9.9)}
    found = explain(demonstration(waits=0.8, at_end=0.8), 200, at_rest=True, rates=rates)
    assert codes(found) == ["above-target-before-load", "scaled-up", "scaled-down", "rest-replicas", "rest-answers"]


def test_replicas_that_are_kept_by_a_bound_do_not_follow_from_cpu():
    found = explain(demonstration(waits=700, at_end=50, cpu=200), 200, at_rest=True)
    assert "rest-waits" not in codes(found)


@pytest.mark.parametrize(
    ("current", "ms", "code"),
    [(None, 700, "never-scaled-unknown"), (4.0, 700, "never-scaled-queued"), (4.0, 0.8, "never-scaled")],
)
def test_one_that_never_scaled_and_never_rested_says_so(current, ms, code):
    metric = MetricReading(type="Resource", name="cpu", current=current, target=5)
    scaled = tuple(replace(point(t, "autoscaled", 1, latency_ms=ms + t), metrics=(metric,)) for t in range(3))
    timeline = (point(0, "baseline", 1), point(0, "load", 1), *scaled)
    assert codes(explain(timeline, 200, at_rest=False)) == [code, "not-at-rest"]


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
        probe_ms_ci95={name: (0.8 * ms, 1.2 * ms) for name, ms in (waits or {}).items()},
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
    assert codes(found.evidence) == ["scaling-helps", "chance-costs", "chance-costs"]
    lost = found.evidence[1].values
    assert lost["lost_low"] < 100 * (1 - 23.4 / 29) < lost["lost_high"]
    assert "round robin 29.0" in evidence_sentence(found.evidence[1])


def test_chance_may_cost_nothing():
    policy = tried("rng x3, round robin", 23.6, replicas=3, choice="round robin")
    found = find_bottleneck({}, interventions=(change("as it is", 9.8), tried("rng x3", 23.4, replicas=3), policy))
    assert codes(found.evidence) == ["scaling-helps", "chance-cannot-tell"]


@pytest.mark.parametrize(
    ("rate", "waits", "code", "said"),
    [
        (32, {"rng": 1.1, "hasher": 0.9}, "next-limit-workers", "the workers themselves, 10 of which can make 33.3"),
        (27, {"rng": 1.1, "hasher": 0.9}, "next-limit-elsewhere", "something else limits next"),
        (30, {"rng": 1.1, "hasher": 0.9}, "next-limit-no-queue", "cannot be told"),
        (27, {"rng": 61.0, "hasher": 0.9}, "next-limit-service", "rng is what limits next"),
        (27, {"rng": 21.0, "hasher": 0.9}, "next-limit-cannot-tell", "cannot be told"),
    ],
)
def test_what_limits_next(rate, waits, code, said):
    found = find_bottleneck({}, interventions=(change("as it is", 9.8), tried("rng x4", rate, replicas=4, waits=waits)))
    assert found.evidence[-1].code == code
    assert said in evidence_sentence(found.evidence[-1])


def test_network_and_redis_are_ruled_out_by_their_figures():
    quick = replace(latency(720).probe, connect=0.3)
    found = find_bottleneck({"rng": TargetLatency(workers=10, probe=quick, call=quick)}, redis_ms=2.0)
    assert codes(found.evidence) == ["probe-queues", "network-quick", "redis-quick"]
    slow = find_bottleneck({"rng": latency(720)}, redis_ms=300.0)
    assert codes(slow.evidence) == ["probe-queues"]
