"""Reading a HorizontalPodAutoscaler: defaults, and a sentence for everything that is wrong."""

from __future__ import annotations

import copy

import pytest

from dclab import manifests
from dclab.autoscaler import parse_autoscaler
from dclab.autoscaler.parse import DOWN, UP
from dclab.errors import InvalidInput


@pytest.fixture
def given():
    return copy.deepcopy(manifests.autoscaler("rng"))


def test_the_exercises_autoscaler(given):
    spec = parse_autoscaler(given)
    assert (spec.name, spec.target, spec.min_replicas, spec.max_replicas) == ("rng", "rng", 1, 10)
    assert (spec.metrics[0].target_type, spec.metrics[0].target) == ("Utilization", 5)
    assert (spec.scale_up.window_seconds, spec.scale_down.window_seconds) == (10, 30)
    assert spec.scale_up.policies == UP.policies
    assert spec.scale_down.policies == DOWN.policies


def test_what_is_left_away_has_kubernetes_defaults(given):
    del given["spec"]["behavior"], given["spec"]["metrics"], given["spec"]["minReplicas"]
    spec = parse_autoscaler(given)
    assert (spec.min_replicas, spec.metrics[0].target) == (1, 80)
    assert (spec.scale_up, spec.scale_down) == (UP, DOWN)


def test_a_latency_metric(given):
    given["spec"]["metrics"] = [
        {
            "type": "Object",
            "object": {
                "metric": {"name": "httplat_latency_seconds"},
                "describedObject": {"kind": "Service", "name": "httplat-rng"},
                "target": {"type": "Value", "value": "100m"},
            },
        }
    ]
    metric = parse_autoscaler(given).metrics[0]
    assert (metric.type, metric.name, metric.target) == ("Object", "httplat_latency_seconds", pytest.approx(0.1))


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("kind",), "Deployment", "kind"),
        (("apiVersion",), "autoscaling/v2beta2", "apiVersion"),
        (("metadata", "name"), "http://rng", "metadata.name"),
        (("spec", "scaleTargetRef", "name"), "<FILL IN>", "scaleTargetRef.name"),
        (("spec", "scaleTargetRef"), None, "scaleTargetRef"),
        (("spec", "minReplicas"), 0, "minReplicas"),
        (("spec", "minReplicas"), True, "minReplicas"),
        (("spec", "maxReplicas"), 0, "maxReplicas"),
        (("spec", "maxReplicas"), "ten", "maxReplicas"),
        (("spec", "metrics"), {}, "metrics"),
        (("spec", "metrics", 0, "type"), "Gut", "type"),
        (("spec", "metrics", 0, "resource", "target", "type"), "Percent", "target.type"),
        (("spec", "metrics", 0, "resource", "target", "averageUtilization"), 0, "averageUtilization"),
        (("spec", "behavior", "scaleUp", "stabilizationWindowSeconds"), 3601, "stabilizationWindowSeconds"),
        (("spec", "behavior", "scaleUp", "selectPolicy"), "Some", "selectPolicy"),
        (("spec", "behavior", "scaleUp", "policies"), [{"type": "Pods", "value": 1, "periodSeconds": 0}], "period"),
        (("spec", "behavior", "scaleUp", "policies"), "all", "policies"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(given, path, value, where):
    at = given
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(InvalidInput, match=where):
        parse_autoscaler(given)
