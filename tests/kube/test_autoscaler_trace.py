"""A trace from looking at an autoscaler: the recorded run of a real one, seen through the API alone, replays the same."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dclab.autoscaler import trace
from dclab.autoscaler.parse import parse_autoscaler
from dclab.engines.kube.lab.autoscaler_objects import AutoscalerState
from dclab.engines.kube.lab.autoscaler_trace import AutoscalerWatch
from dclab.engines.kube.objects import decode
from dclab.engines.kube.workloads import Pod, PodMetrics

RECORDED = Path(__file__).parent.parent / "autoscaler" / "recorded.jsonl"


def text(unix):
    return datetime.fromtimestamp(unix, UTC).isoformat()


def status_of(one, scaled):
    current = {"name": "cpu", "current": {"averageUtilization": one.outcome.utilization}}
    return {
        "currentReplicas": one.seen.replicas,
        "desiredReplicas": one.outcome.desired,
        "lastScaleTime": text(scaled),
        "currentMetrics": [{"type": "Resource", "resource": current}] if one.outcome.utilization is not None else [],
        "conditions": [
            {"type": kind, "status": state, "reason": reason}
            for kind, (state, reason) in one.outcome.conditions.items()
        ],
    }


def pods_of(one):
    return [
        {
            "metadata": {"name": pod.name, **({"deletionTimestamp": text(0)} if pod.deleted else {})},
            "spec": {"containers": [{"resources": {"requests": {"cpu": f"{one.seen.requests[pod.name]:g}m"}}}]},
            "status": {
                "phase": pod.phase,
                **({"startTime": text(pod.started)} if pod.started else {}),
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "True" if pod.ready else "False",
                        "lastTransitionTime": text(pod.ready_changed),
                    }
                ],
            },
        }
        for pod in one.seen.pods
    ]


def metrics_of(one):
    return [
        {
            "metadata": {"name": name},
            "timestamp": text(metric.at),
            "window": f"{metric.window:g}s",
            "containers": [{"usage": {"cpu": f"{metric.value:g}m"}}],
        }
        for name, metric in one.seen.usage.items()
    ]


@pytest.fixture(scope="module")
def recorded():
    return trace.read(RECORDED)


def look(watch, at, status, seen):
    watch.look(
        at,
        decode(status, AutoscalerState),
        decode(pods_of(seen), list[Pod]),
        decode(metrics_of(seen), list[PodMetrics]),
        seen.seen.pod_metrics,
        seen.seen.values,
    )


def looked_at(passes, every=2.0):
    """Looks every few seconds: the status is that of the last pass, pods and metrics those of the next."""
    watch = AutoscalerWatch()
    scaled = 0.0
    at = passes[0].at - every
    for done, coming in zip([None, *passes], [*passes, passes[-1]], strict=True):
        if done is not None and done.outcome.desired != done.seen.replicas:
            scaled = done.at
        until = coming.at if coming is not done else at + every
        while at < until:
            look(watch, at, status_of(done, scaled) if done else {}, coming)
            at += every
    return watch.passes()


def test_looking_at_a_real_run_gives_its_decisions_and_replaying_them_too(recorded):
    header, passes = recorded
    found = looked_at(passes)
    spec = parse_autoscaler(header.autoscaler)
    steps = [one.outcome.desired for one in passes]
    assert [one.outcome.desired for one in found if one.outcome.desired != one.seen.replicas] == [
        after for before, after in zip([1, *steps], steps, strict=False) if after != before
    ]
    for one, decision in trace.replay(spec, found):
        assert decision.desired == one.outcome.desired


def test_nothing_is_told_before_the_autoscaler_has_looked(recorded):
    _, passes = recorded
    watch = AutoscalerWatch()
    for status in ({}, {"currentReplicas": 0, "desiredReplicas": 0}):
        look(watch, passes[0].at, status, passes[0])
    assert watch.passes() == []


def test_after_an_outage_a_pass_did_not_see_what_was_there_before_it(recorded):
    """The last look is from long before the pass, and the utilization may be the same by chance."""
    _, passes = recorded
    known = [one for one in passes if one.outcome.utilization is not None]
    watch = AutoscalerWatch()
    for at in range(0, 10, 2):
        look(watch, known[0].at + at, status_of(known[0], 0), known[1])
    back = known[1].at + 120
    look(watch, back, status_of(known[1], 1), known[2])
    assert [one.at for one in watch.passes()][-1] == back


OTHERS = sorted(RECORDED.parent.glob("recorded-*.jsonl"))


def _changes(passes):
    return [one.outcome.desired for one in passes if one.outcome.desired != one.seen.replicas]


@pytest.mark.parametrize("file", OTHERS, ids=lambda file: file.stem.removeprefix("recorded-"))
def test_of_a_rate_the_status_tells_what_the_autoscaler_saw(file):
    """Looks every two seconds, at rates that are others each time they are asked for, by up to a tenth."""
    header, passes = trace.read(file)
    spec = parse_autoscaler(header.autoscaler)
    (metric,) = header.autoscaler["spec"]["metrics"]
    kind = metric["type"]
    amount = {"Pods": "averageValue", "Object": "value"}[kind]
    chance = random.Random(17)
    watch = AutoscalerWatch()
    status, scaled, at = {}, 0.0, passes[0].at - 2.0
    for one, decision in trace.replay(spec, passes):
        while at < one.at + 1:
            if at >= one.at:
                scaled = one.at if one.outcome.desired != one.seen.replicas else scaled
                current = {amount: f"{round(1000 * decision.metrics[0].current)}m"}
                shown = {**metric[kind.lower()], "current": current}
                status = {**status_of(one, scaled), "currentMetrics": [{"type": kind, kind.lower(): shown}]}
            wandered = {
                name: {pod: replace(value, value=value.value * chance.uniform(0.9, 1.1)) for pod, value in pods.items()}
                for name, pods in one.seen.pod_metrics.items()
            }
            values = {name: value * chance.uniform(0.9, 1.1) for name, value in one.seen.values.items()}
            seen = decode(pods_of(one), list[Pod])
            watch.look(at, decode(status, AutoscalerState), seen, [], wandered, values)
            at += 1.0
    found = watch.passes()
    assert len(found) > len(passes) / 2
    assert _changes(found) == _changes(passes)
    pairs = [(one, trace.outcome(decision)) for one, decision in trace.replay(spec, found)]
    assert all(ours.utilization == one.outcome.utilization for one, ours in pairs)
    # A look is up to a second before the pass: a recommendation may just so be in the stabilization window, or not.
    assert sum(ours.desired != one.outcome.desired for one, ours in pairs) <= 1
