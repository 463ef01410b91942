"""Reading a HorizontalPodAutoscaler: defaults, and a sentence for everything that is wrong."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from dclab import manifests
from dclab.autoscaler import parse_autoscaler
from dclab.autoscaler.parse import DOWN, FIELDS, UP
from dclab.errors import InvalidInput, NotSupported


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
        (("spec", "behavior", "scaleUp", "policies"), [], "at least one policy"),
        (("spec", "behavior", "scaleUp", "tolerance"), "-1m", "tolerance"),
        (("spec", "metrics", 0, "resource", "target", "averageValue"), "100m", "target.averageValue"),
        (("spec", "metrics", 0, "pods"), {}, "metrics.0..pods"),
        (("spec", "metrics", 0, "resource", "target"), {"type": "AverageValue", "averageValue": "0"}, "above zero"),
        (("spec", "metrics", 0, "resource", "target"), {"type": "AverageValue", "averageValue": "1.1.M"}, "above zero"),
        # Fields that do not exist, at every level; the first is autoscaling/v1's.
        (("spec", "targetCPUUtilizationPercentage"), 50, "'targetCPUUtilizationPercentage'"),
        (("spec", "minReplica"), 1, "Unknown field 'minReplica', did you mean 'minReplicas'"),
        (("Spec",), {}, "did you mean 'spec'"),
        (("metadata", "Name"), "x", "did you mean 'name'"),
        (("spec", "scaleTargetRef", "nam"), "x", "did you mean 'name'"),
        (("spec", "metrics", 0, "Type"), "x", "did you mean 'type'"),
        (("spec", "metrics", 0, "resource", "targets"), {}, "did you mean 'target'"),
        (("spec", "metrics", 0, "resource", "target", "averageUtilisation"), 5, "did you mean 'averageUtilization'"),
        (("spec", "behavior", "scaleup"), {}, "did you mean 'scaleUp'"),
        (("spec", "behavior", "scaleUp", "stabilizationWindow"), 5, "did you mean 'stabilizationWindowSeconds'"),
        (("spec", "behavior", "scaleUp", "policies"), [{"period": 5}], "did you mean 'periodSeconds'"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(given, path, value, where):
    with pytest.raises(InvalidInput, match=where):
        parse_autoscaler(changed(given, path, value))


def changed(manifest, path, value):
    at = manifest
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return manifest


MEMORY = {
    "type": "Resource",
    "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 50}},
}
OF_A_CONTAINER = {
    "type": "ContainerResource",
    "containerResource": {
        "name": "cpu",
        "container": "rng",
        "target": {"type": "Utilization", "averageUtilization": 50},
    },
}
EXTERNAL = {
    "type": "External",
    "external": {"metric": {"name": "queue|length"}, "target": {"type": "AverageValue", "averageValue": "1"}},
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({("apiVersion",): "autoscaling/v1"}, "autoscaling/v1"),
        ({("spec", "metrics"): [MEMORY]}, "the resource memory"),
        ({("spec", "metrics"): [OF_A_CONTAINER]}, "ContainerResource"),
        ({("spec", "scaleTargetRef", "kind"): "StatefulSet"}, "a StatefulSet"),
        ({("spec", "metrics"): [EXTERNAL], ("spec", "minReplicas"): 0}, "zero replicas"),
    ],
)
def test_what_is_only_not_supported_is_not_called_wrong(given, changes, said):
    for path, value in changes.items():
        changed(given, path, value)
    with pytest.raises(NotSupported, match=f"^dclab does not support.*{said}") as refused:
        parse_autoscaler(given)
    assert "wrong" not in str(refused.value)


def test_a_list_of_one_is_that_one(given):
    spec = parse_autoscaler(copy.deepcopy(given))
    assert parse_autoscaler({"apiVersion": "v1", "kind": "List", "items": [given]}) == spec
    for items in ([], [given, given]):
        with pytest.raises(InvalidInput, match="objects"):
            parse_autoscaler({"apiVersion": "v1", "kind": "List", "items": items})


def test_a_null_is_as_good_as_nothing(given):
    spec = parse_autoscaler(copy.deepcopy(given))
    given["status"] = given["spec"]["metrics"][0]["pods"] = given["metadata"]["namespace"] = None
    assert parse_autoscaler(given) == spec


@pytest.mark.parametrize(("tolerance", "value"), [(0, 0.0), ("0", 0.0), ("50m", 0.05), (0.2, 0.2), ("1e-2", 0.01)])
def test_tolerances(given, tolerance, value):
    given["spec"]["behavior"]["scaleUp"]["tolerance"] = tolerance
    assert parse_autoscaler(given).scale_up.tolerance == value


@pytest.mark.parametrize(
    ("quantity", "value"), [("1Gi", 2**30), ("2k", 2000), (".5", 0.5), ("1e3", 1000), ("+5", 5), ("1500u", 0.0015)]
)
def test_quantities_of_a_metric(given, quantity, value):
    given["spec"]["metrics"] = [copy.deepcopy(EXTERNAL)]
    given["spec"]["metrics"][0]["external"]["target"]["averageValue"] = quantity
    assert parse_autoscaler(given).metrics[0].target == value


def test_cpu_is_in_millicores(given):
    given["spec"]["metrics"][0]["resource"]["target"] = {"type": "AverageValue", "averageValue": "0.25"}
    assert parse_autoscaler(given).metrics[0].target == 250


ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["", "cpu", "10m", "Pods"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from([one for names in FIELDS.values() for one in names]), inner, max_size=4),
    ),
    max_leaves=8,
)
PLACES = [("metadata",), ("spec",), ("spec", "metrics"), ("spec", "metrics", 0), ("spec", "metrics", 0, "resource")]
PLACES += [
    ("spec", "behavior"),
    ("spec", "behavior", "scaleUp"),
    ("spec", "scaleTargetRef"),
    ("kind",),
    ("apiVersion",),
]


@given_by(st.sampled_from(PLACES), ANY)
def test_any_manifest_is_read_or_refused(path, value):
    try:
        spec = parse_autoscaler(changed(copy.deepcopy(manifests.autoscaler("rng")), path, value))
    except (InvalidInput, NotSupported):
        return
    assert 1 <= spec.min_replicas <= spec.max_replicas
