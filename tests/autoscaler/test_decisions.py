"""What Kubernetes decides where it is easily got wrong: amounts in milli-units, no `behavior`, failed metrics, zero."""

from __future__ import annotations

import pytest

from dclab.autoscaler import ControllerSettings, History, Observation, Pod, PodMetric, decide, parse_autoscaler
from dclab.autoscaler.explain import reason
from dclab.autoscaler.spec import EMBEDDED

CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 5}}}


def of(kind, name, amount):
    """A metric with its target: `100m` is an average, `=100m` one value for all."""
    target = {"type": "AverageValue", "averageValue": amount}
    if amount.startswith("="):
        target = {"type": "Value", "value": amount[1:]}
    source = {"metric": {"name": name}, "target": target}
    if kind == "Object":
        source["describedObject"] = {"apiVersion": "v1", "kind": "Service", "name": "web"}
    return {"type": kind, kind.lower(): source}


def autoscaler(*metrics, most=20, **spec):
    return parse_autoscaler(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "rng"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "rng"},
                "maxReplicas": most,
                "metrics": list(metrics),
                **spec,
            },
        }
    )


def seen(replicas, *, cpu=(), pods_metric=(), now=0.0, **more):
    count = max(replicas, len(cpu), len(pods_metric))
    pods = tuple(Pod(name=f"pod-{i}", started=-9999.0, ready_changed=-9990.0) for i in range(count))
    named = dict(zip([one.name for one in pods], cpu or pods_metric, strict=False))
    metrics = {name: PodMetric(value=value, at=now, window=15) for name, value in named.items()}
    return Observation(
        replicas=replicas,
        pods=more.pop("pods", pods),
        usage=metrics if cpu else {},
        pod_metrics={"load": metrics} if pods_metric else {},
        requests={one.name: 200 for one in pods},
        **more,
    )


def desired(spec, observation):
    return decide(spec, History(), observation, 0.0).desired


@pytest.mark.parametrize(
    ("replicas", "behavior", "expected"),
    [(1, None, 4), (2, None, 4), (3, None, 6), (1, {}, 5), (2, {}, 6), (3, {}, 7)],
)
def test_no_behavior_is_not_an_empty_one(replicas, behavior, expected):
    spec = autoscaler(CPU, behavior=behavior)
    assert desired(spec, seen(replicas, cpu=[100] * replicas)) == expected


def test_without_behavior_no_period_holds_back():
    """6 replicas of which 4 were added 10 s ago: twice as many at once, while a behavior allows two more in 15 s."""
    for behavior, expected in ((None, 12), ({}, 6)):
        spec = autoscaler(CPU, behavior=behavior)
        first = decide(spec, History(), seen(2, cpu=[100, 100]), 0.0)
        then = decide(spec, first.history, seen(6, cpu=[100] * 6), 10.0)
        assert then.desired == expected


@pytest.mark.parametrize(
    ("target", "values", "expected", "shown"),
    [("500m", [0.6, 0.9], 3, 0.75), ("500m", [0.9], 2, 0.9), ("10", [11.9] * 3, 4, 11.9)],
)
def test_averages_over_pods_are_whole_milli_units(target, values, expected, shown):
    found = decide(autoscaler(of("Pods", "load", target)), History(), seen(len(values), pods_metric=values), 0.0)
    assert (found.desired, found.metrics[0].current) == (expected, shown)


@pytest.mark.parametrize(("value", "target"), [(0.09, "100m"), (0.009, "10m"), (0.018, "20m"), (0.045, "50m")])
def test_nine_tenths_are_within_the_tolerance(value, target):
    found = decide(autoscaler(of("Object", "load", f"={target}")), History(), seen(10, values={"load": value}), 0.0)
    assert (found.desired, found.near) == (10, True)


def test_an_external_average():
    assert desired(autoscaler(of("External", "load", "10m")), seen(6, values={"load": 0.07})) == 7


def test_an_average_over_the_replicas_is_shown_exactly():
    found = decide(autoscaler(of("External", "tasks", "4")), History(), seen(10, values={"tasks": 41}), 0.0)
    assert (found.metrics[0].figures, reason(10, found)) == ("4.1/4", "within the tolerance of the target")


def test_an_average_goes_by_the_replicas_that_there_are():
    found = decide(
        autoscaler(of("External", "tasks", "4")), History(), seen(2, status_replicas=5, values={"tasks": 20}), 0.0
    )
    assert (found.desired, found.metrics[0].current) == (4, 4.0)  # 5 by the metric, 4 by the limit


def test_an_object_metric_without_pods_fails():
    found = decide(autoscaler(of("Object", "load", "=1")), History(), seen(3, values={"load": 5}, pods=()), 0.0)
    assert found.desired == 3
    assert [one.reason for one in found.events] == ["FailedGetObjectMetric", "FailedComputeMetricsReplicas"]
    assert "no pods returned by selector" in found.events[0].message


def test_a_failed_metric_beside_a_good_one_is_told():
    spec = autoscaler(CPU, of("External", "tasks", "4"))
    found = decide(spec, History(), seen(1, cpu=[100]), 0.0)
    assert found.desired == 4
    assert [(one.type, one.reason) for one in found.events] == [
        ("Warning", "FailedGetExternalMetric"),
        ("Normal", "SuccessfulRescale"),
    ]


def test_conditions_stay_until_something_changes_them():
    spec = autoscaler(CPU, most=2)
    first = decide(spec, History(), seen(1, cpu=[100]), 0.0)
    assert first.conditions[-1].reason == "TooManyReplicas"
    failed = decide(spec, first.history, seen(2), 15.0)
    assert [(one.type, one.reason) for one in failed.conditions] == [
        ("AbleToScale", "SucceededGetScale"),
        ("ScalingActive", "FailedGetResourceMetric"),
        ("ScalingLimited", "TooManyReplicas"),
    ]
    above = decide(spec, failed.history, seen(5, cpu=[1] * 5), 30.0)
    assert (above.desired, [one.reason for one in above.conditions]) == (
        2,
        ["SucceededRescale", "FailedGetResourceMetric", "TooManyReplicas"],
    )
    assert reason(5, above) == "Current number of replicas above Spec.MaxReplicas"


def test_zero_replicas_disable_it():
    found = decide(autoscaler(CPU), History(), seen(0), 0.0)
    assert [one.reason for one in found.conditions] == ["SucceededGetScale", "ScalingDisabled"]


def test_a_tolerance_counts_from_the_release_that_knows_it():
    spec = autoscaler(of("External", "tasks", "=4"), behavior={"scaleUp": {"tolerance": 0}})
    observed = seen(10, values={"tasks": 4.2})
    counts = {
        version: decide(spec, History(), observed, 0.0, ControllerSettings(kubernetes=version)).desired
        for version in ((1, 33), (1, 34), (1, 35))
    }
    assert counts == {(1, 33): 10, (1, 34): 10, (1, 35): 11}
    assert decide(spec, History(), observed, 0.0, EMBEDDED).desired == 11


def in_release(version, spec, observation):
    return decide(spec, History(), observation, 0.0, ControllerSettings(kubernetes=version))


def test_a_value_that_asks_for_more_than_can_be_counted_adds_nothing_before_1_35():
    spec, observed = autoscaler(of("Object", "load", "=1m")), seen(3, values={"load": 10**9})
    assert {version: in_release(version, spec, observed).desired for version in ((1, 34), (1, 35))} == {
        (1, 34): 3,
        (1, 35): 6,
    }


def test_from_1_37_on_a_change_says_that_it_is_not_to_zero():
    for version, added in (((1, 36), []), ((1, 37), [("ScaledToZero", "False", "NotScaledToZero")])):
        changed = in_release(version, autoscaler(CPU), seen(1, cpu=[100]))
        assert [(one.type, one.status, one.reason) for one in changed.conditions if one.type == "ScaledToZero"] == added
        assert not [
            one for one in in_release(version, autoscaler(CPU), seen(1, cpu=[10])).conditions if "Zero" in one.type
        ]


def test_the_message_about_an_object_has_its_parts_in_order_from_1_37_on():
    for version, said in (((1, 36), "Service on default web/"), ((1, 37), "on Service default/web: unable")):
        found = in_release(version, autoscaler(of("Object", "load", "=1")), seen(3))
        assert said in found.events[0].message


def test_a_change_is_forgotten_after_the_longest_period_of_its_own_direction():
    """Four more in 15 s, half as many in 120 s."""
    spec = autoscaler(
        of("External", "load", "=1"),
        most=100,
        behavior={
            "scaleUp": {"policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}]},
            "scaleDown": {
                "stabilizationWindowSeconds": 0,
                "policies": [{"type": "Percent", "value": 50, "periodSeconds": 120}],
            },
        },
    )
    counts, replicas, history = [], 2, History()
    for now, load in ((0.0, 9), (16.0, 9), (32.0, 9), (48.0, 0)):
        found = decide(spec, history, seen(replicas, values={"load": load}), now)
        replicas, history = found.desired, found.history
        counts.append(replicas)
    assert counts == [6, 10, 14, 5]
