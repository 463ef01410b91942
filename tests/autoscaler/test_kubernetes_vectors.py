"""Kubernetes' own unit tests, as inputs and expected outputs. HPA_VECTORS names another file of that format."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dclab.autoscaler import AutoscalerSpec, ControllerSettings, History, Observation, Pod, PodMetric
from dclab.autoscaler.behavior import limit, scale_limit, stabilize, stabilize_down
from dclab.autoscaler.history import Timed, remember
from dclab.autoscaler.parse import DOWN, UP
from dclab.autoscaler.replica_count import (
    MetricUnavailable,
    from_average_value,
    from_pod_values,
    from_utilization,
    from_value,
    utilization,
)
from dclab.autoscaler.spec import Behavior, MetricSpec, Policy, Rules, Tolerance

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


def spec_of(case, behavior=None):
    return AutoscalerSpec(
        name="rng", target="rng", min_replicas=case["min"], max_replicas=case["max"], metrics=(), behavior=behavior
    )


@cases("convertDesiredReplicasWithBehaviorRate")
def test_vectors_rate_limits(case):
    behavior = Behavior(up=rules(case["scaleUp"], UP), down=rules(case["scaleDown"], DOWN))
    history = History(
        ups=tuple(timed(case["scaleUpEvents"], "change")), downs=tuple(timed(case["scaleDownEvents"], "change"))
    )
    found = limit(spec_of(case, behavior), history, case["current"], case["desired"], NOW)
    assert (found.replicas, found.reason) == (case["expected"], case["condition"])


@cases("convertDesiredReplicasWithRules")
def test_vectors_limits_without_behavior(case):
    found = limit(spec_of(case), History(), case["current"], case["desired"], NOW)
    assert (found.replicas, found.reason) == (case["expected"], case["condition"])


@cases("policyLimits")
def test_vectors_policy_limits(case):
    given = Rules(window_seconds=0, policies=policies(case["policies"]), select=case["selectPolicy"])
    found = scale_limit(given, History(), case["current"], NOW, rising=case["direction"] == "up")
    assert found == case["expectedLimit"]


@cases("stabilizeRecommendationWithBehaviors")
def test_vectors_stabilization(case):
    behavior = Behavior(
        up=Rules(window_seconds=case["scaleUpWindow"], policies=()),
        down=Rules(window_seconds=case["scaleDownWindow"], policies=()),
    )
    past = timed(case["recommendations"], "value")
    assert stabilize(past, case["current"], case["desired"], behavior, NOW) == case["expected"]


@cases("stabilizeRecommendation")
def test_vectors_stabilization_without_behavior(case):
    """An autoscaler without behavior only has a window down: the highest recent recommendation counts."""
    past = timed(case["recommendations"], "value")
    assert stabilize_down(past, case["desired"], case["window"], NOW) == case["expected"]
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


def metrics_of(levels, unit=1):
    """Samples of amounts in milli-units; an observation has them in units of its own."""
    named = levels if isinstance(levels, dict) else {f"pod-{i}": value for i, value in enumerate(levels)}
    return {name: PodMetric(value=value / unit, at=NOW, window=60) for name, value in named.items()}


def metric_of(case, kind, target_type):
    return MetricSpec(type=kind, name="metric", target_type=target_type, target=case["target"])


@cases("cpuUtilizationReplicas")
def test_vectors_cpu_utilization(case):
    count = max(len(case["requestMilli"]), case["current"])
    seen = Observation(
        replicas=case["current"],
        pods=tuple(pods_of(case, count)),
        usage=metrics_of(case["usageMilli"]),
        requests={f"pod-{i}": value for i, value in enumerate(case["requestMilli"])},
    )
    arguments = (metric_of(case, "Resource", "Utilization"), seen, NOW, SETTINGS, TOLERANCE)
    if case["expectedError"]:
        with pytest.raises(MetricUnavailable, match=case["expectedError"]):
            from_utilization(*arguments)
        return
    found = from_utilization(*arguments)
    assert (found.replicas, found.current) == (case["expected"], case["expectedUtilization"])


@cases("podsMetricReplicas")
def test_vectors_pods_metric(case):
    seen = Observation(
        replicas=case["current"],
        pods=tuple(pods_of(case, case["current"])),
        pod_metrics={"metric": metrics_of(case["levels"], unit=1000)},
    )
    found = from_pod_values(metric_of(case, "Pods", "AverageValue"), seen, NOW, SETTINGS, TOLERANCE)
    assert (found.replicas, found.current) == (case["expected"], case["expectedUsage"])


@cases("valueMetricReplicas")
def test_vectors_value_metric(case):
    seen = Observation(
        replicas=case["current"],
        pods=tuple(pods_of(case, case["current"])),
        values={"metric": case["total"] / 1000},
    )
    if case["kind"] == "perPod":
        found = from_average_value(metric_of(case, "External", "AverageValue"), seen, TOLERANCE)
    else:
        found = from_value(metric_of(case, "Object", "Value"), seen, SETTINGS, TOLERANCE)
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
