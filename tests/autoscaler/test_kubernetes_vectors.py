"""Kubernetes' own unit tests, as inputs and expected outputs. HPA_VECTORS names another file of that format."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dclab.autoscaler.behavior import (
    Timed,
    limit,
    limit_without_behavior,
    remember,
    scale_limit,
    stabilize,
)
from dclab.autoscaler.parse import DOWN, UP
from dclab.autoscaler.replica_count import (
    MetricUnavailable,
    Pod,
    PodMetric,
    Tolerance,
    from_average_value,
    from_pod_values,
    from_utilization,
    from_value,
    utilization,
)
from dclab.autoscaler.spec import ControllerSettings, Policy, Rules

VECTORS = json.loads(Path(os.environ.get("HPA_VECTORS") or Path(__file__).with_name("hpa-vectors.json")).read_text())
GIVEN = VECTORS["meta"]["testSettings"]
SETTINGS = ControllerSettings(
    tolerance=GIVEN["tolerance"],
    cpu_initialization_seconds=GIVEN["cpuInitializationPeriodSeconds"],
    initial_readiness_seconds=GIVEN["delayOfInitialReadinessSeconds"],
)
TOLERANCE = Tolerance(GIVEN["tolerance"], GIVEN["tolerance"])
NOW = 1_000_000.0
LONG_AGO = 0.0


def cases(section):
    found = VECTORS.get(section, [])
    return pytest.mark.parametrize("case", found, ids=[one.get("name", str(i)) for i, one in enumerate(found)])


def rules(given, default):
    if given is None:
        return default
    return Rules(
        window_seconds=given.get("stabilizationWindowSeconds", default.window_seconds),
        select=given.get("selectPolicy", "Max"),
        policies=policies(given["policies"]),
    )


def policies(given):
    return tuple(Policy(type=one["type"], value=one["value"], period_seconds=one["periodSeconds"]) for one in given)


def timed(records, key):
    return [Timed(NOW - one["ageSeconds"], one[key]) for one in records]


@cases("convertDesiredReplicasWithBehaviorRate")
def test_vectors_rate_limits(case):
    found = limit(
        case["current"],
        case["desired"],
        case["min"],
        case["max"],
        rules(case["scaleUp"], UP),
        rules(case["scaleDown"], DOWN),
        timed(case["scaleUpEvents"], "change"),
        timed(case["scaleDownEvents"], "change"),
        NOW,
    )
    assert (found.replicas, found.reason) == (case["expected"], case["condition"])


@cases("convertDesiredReplicasWithRules")
def test_vectors_limits_without_behavior(case):
    found = limit_without_behavior(case["current"], case["desired"], case["min"], case["max"])
    assert (found.replicas, found.reason) == (case["expected"], case["condition"])


@cases("policyLimits")
def test_vectors_policy_limits(case):
    given = Rules(window_seconds=0, policies=policies(case["policies"]), select=case["selectPolicy"])
    found = scale_limit(given, case["current"], [], [], NOW, rising=case["direction"] == "up")
    assert found == case["expectedLimit"]


@cases("stabilizeRecommendationWithBehaviors")
def test_vectors_stabilization(case):
    up = Rules(window_seconds=case["scaleUpWindow"], policies=())
    down = Rules(window_seconds=case["scaleDownWindow"], policies=())
    past = timed(case["recommendations"], "value")
    assert stabilize(past, case["current"], case["desired"], up, down, NOW) == case["expected"]


@cases("stabilizeRecommendation")
def test_vectors_stabilization_without_behavior(case):
    """An autoscaler without behavior only has a window down: the highest recent recommendation counts."""
    past = timed(case["recommendations"], "value")
    up = Rules(window_seconds=0, policies=())
    down = Rules(window_seconds=case["window"], policies=())
    current = max(one.value for one in past)
    assert stabilize(past, current, case["desired"], up, down, NOW) == case["expected"]
    assert len(remember(past, case["desired"], case["window"], NOW)) == case["logLength"]


def at(given, index, default):
    return default if given is None else given[index]


def pods_of(case, count):
    pods = []
    for index in range(count):
        ready = at(case.get("ready"), index, "True") == "True"
        started = ready_changed = LONG_AGO
        age = at(case.get("startAge"), index, None)
        if age is not None:
            started = ready_changed = NOW if age == "hot" else NOW - 180
        pods.append(
            Pod(
                name=f"pod-{index}",
                ready=ready,
                started=started,
                ready_changed=ready_changed,
                phase=at(case.get("phase"), index, "Running"),
                deleted=at(case.get("deleted"), index, False),
            )
        )
    return pods


def metrics_of(levels):
    named = levels if isinstance(levels, dict) else {f"pod-{i}": value for i, value in enumerate(levels)}
    return {name: PodMetric(value=value, at=NOW, window=60) for name, value in named.items()}


@cases("cpuUtilizationReplicas")
def test_vectors_cpu_utilization(case):
    count = max(len(case["requestMilli"]), case["current"])
    requests = {f"pod-{i}": value for i, value in enumerate(case["requestMilli"])}
    arguments = (
        case["current"],
        case["target"],
        pods_of(case, count),
        metrics_of(case["usageMilli"]),
        requests,
        NOW,
        SETTINGS,
        TOLERANCE,
    )
    if case["expectedError"]:
        with pytest.raises(MetricUnavailable, match=case["expectedError"]):
            from_utilization(*arguments)
        return
    found = from_utilization(*arguments)
    assert (found.replicas, found.current) == (case["expected"], case["expectedUtilization"])


@cases("podsMetricReplicas")
def test_vectors_pods_metric(case):
    pods = pods_of(case, case["current"])
    found = from_pod_values(case["current"], case["target"], pods, metrics_of(case["levels"]), NOW, SETTINGS, TOLERANCE)
    assert (found.replicas, found.current) == (case["expected"], case["expectedUsage"])


@cases("valueMetricReplicas")
def test_vectors_value_metric(case):
    if case["kind"] == "perPod":
        found = from_average_value(case["current"], case["target"], case["total"], TOLERANCE)
    else:
        pods = pods_of(case, case["current"])
        found = from_value(case["current"], case["target"], case["total"], pods, TOLERANCE)
    assert (found.replicas, found.current) == (case["expected"], case["expectedUsage"])


@cases("resourceUtilizationRatio")
def test_vectors_utilization_ratio(case):
    if "error" in case:
        with pytest.raises(MetricUnavailable, match=case["error"]):
            utilization(case["metrics"], case["requests"])
        return
    found = utilization(case["metrics"], case["requests"])
    assert found == case["current"]
    assert found / case["target"] == pytest.approx(case["ratio"])
