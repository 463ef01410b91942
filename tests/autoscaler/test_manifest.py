"""Reading a HorizontalPodAutoscaler: defaults, and a sentence for everything that is wrong."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from dclab import manifests
from dclab.autoscaler import parse_autoscaler
from dclab.autoscaler.fields import FIELDS
from dclab.autoscaler.parse import DOWN, UP
from dclab.autoscaler.spec import Behavior
from dclab.errors import InvalidInput, NotSupported


@pytest.fixture
def given():
    return copy.deepcopy(manifests.autoscaler("rng"))


def test_the_exercises_autoscaler(given):
    spec = parse_autoscaler(given)
    assert (spec.name, spec.target, spec.min_replicas, spec.max_replicas) == ("rng", "rng", 1, 10)
    assert (spec.metrics[0].target_type, spec.metrics[0].target) == ("Utilization", 5)
    assert (spec.behavior.up.window_seconds, spec.behavior.down.window_seconds) == (10, 30)
    assert spec.behavior.up.policies == UP.policies
    assert spec.behavior.down.policies == DOWN.policies


def test_what_is_left_away_has_kubernetes_defaults(given):
    del given["spec"]["behavior"], given["spec"]["metrics"], given["spec"]["minReplicas"]
    spec = parse_autoscaler(given)
    assert (spec.min_replicas, spec.metrics[0].target, spec.namespace) == (1, 80, "default")
    assert spec.behavior is None
    given["spec"]["behavior"] = {}
    assert parse_autoscaler(given).behavior == Behavior(up=UP, down=DOWN)


def test_a_latency_metric(given):
    given["spec"]["metrics"] = [
        {
            "type": "Object",
            "object": {
                "metric": {"name": "httplat_latency_seconds"},
                "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "httplat-rng"},
                "target": {"type": "Value", "value": "100m"},
            },
        }
    ]
    metric = parse_autoscaler(given).metrics[0]
    assert (metric.type, metric.name, metric.target) == ("Object", "httplat_latency_seconds", 100)
    assert metric.described == "Service metric httplat_latency_seconds"


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("kind",), "Deployment", "kind"),
        (("apiVersion",), "autoscaling/v2beta2", "apiVersion"),
        (("metadata", "name"), "http://rng", "metadata.name"),
        (("spec", "scaleTargetRef", "name"), "http://rng", "scaleTargetRef.name"),
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
        (("spec", "behavior", "scaleUp", "policies"), [], "must specify at least one Policy"),
        (("spec", "behavior", "scaleUp", "tolerance"), "-1m", "tolerance"),
        (("spec", "scaleTargetRef", "apiVersion"), None, "scaleTargetRef.apiVersion"),
        (("metadata", "labels"), {"a": "b c"}, "metadata.labels"),
        (("metadata", "labels"), {"a": 5}, "labels.a"),
        (("spec", "metrics", 0, "resource", "target", "averageValue"), "100m", "both averageUtilization"),
        (("spec", "metrics", 0, "pods"), {}, "metrics.0..pods"),
        (("spec", "metrics", 0, "resource", "target"), {"type": "AverageValue", "averageValue": "0"}, "above zero"),
        (
            ("spec", "metrics", 0, "resource", "target"),
            {"type": "AverageValue", "averageValue": "1.1.M"},
            "a quantity such as",
        ),
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
        (("status",), {"currentReplica": None}, "did you mean 'currentReplicas'"),
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
        ({("metadata", "annotations"): {"autoscaling.alpha.kubernetes.io/behavior": "{}"}}, "the annotation"),
        ({("spec", "scaleTargetRef", "apiVersion"): "extensions/v1"}, "a Deployment of extensions/v1"),
        ({("spec", "metrics"): [MEMORY]}, "the resource memory"),
        ({("spec", "metrics"): [OF_A_CONTAINER]}, "ContainerResource"),
        ({("spec", "scaleTargetRef", "name"): "<FILL IN>"}, "'<FILL IN>'"),
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
    assert parse_autoscaler(given).behavior.up.tolerance == value


@pytest.mark.parametrize(
    ("quantity", "milli"),
    [
        ("1Gi", 1000 * 2**30),
        ("1Mi", 1000 * 2**20),
        ("1Ki", 1000 * 2**10),
        ("2G", 2 * 10**12),
        ("2T", 2 * 10**15),
        ("2k", 2_000_000),
        ("1500u", 2),
        ("1n", 1),
        ("1e3", 1_000_000),
        (".5", 500),
        ("+5", 5000),
        (7, 7000),
    ],
)
def test_quantities_of_a_metric(given, quantity, milli):
    given["spec"]["metrics"] = [copy.deepcopy(EXTERNAL)]
    given["spec"]["metrics"][0]["external"]["target"]["averageValue"] = quantity
    assert parse_autoscaler(given).metrics[0].target == milli


def test_what_does_not_fit_64_bits_is_not_supported(given):
    given["spec"]["metrics"] = [copy.deepcopy(EXTERNAL)]
    given["spec"]["metrics"][0]["external"]["target"]["averageValue"] = "10E"
    with pytest.raises(NotSupported, match="as large as"):
        parse_autoscaler(given)


def test_what_kubectl_autoscale_makes(given):
    """`kubectl autoscale deployment rng --cpu-percent=5 --min=1 --max=10 -o yaml --dry-run=client` of older kubectls."""
    spec = given["spec"]
    made = {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"creationTimestamp": None, "name": "rng"},
        "spec": {
            "maxReplicas": 10,
            "minReplicas": 1,
            "scaleTargetRef": spec["scaleTargetRef"],
            "targetCPUUtilizationPercentage": 5,
        },
        "status": {"currentReplicas": 0, "desiredReplicas": 0},
    }
    del spec["behavior"]
    assert parse_autoscaler(made) == parse_autoscaler(given)
    made["spec"]["metrics"] = spec["metrics"]
    with pytest.raises(InvalidInput, match="Unknown field 'metrics'"):
        parse_autoscaler(made)


def test_a_selector_is_named_as_kubernetes_prints_it(given):
    given["spec"]["metrics"] = [copy.deepcopy(EXTERNAL)]
    metric = given["spec"]["metrics"][0]["external"]["metric"]
    assert parse_autoscaler(given).metrics[0].described == "external metric queue|length(nil)"
    metric["selector"] = {"matchLabels": {"b": "2", "a": "1"}}
    labels = "MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{},"
    assert parse_autoscaler(given).metrics[0].described == f"external metric queue|length(&LabelSelector{{{labels}}})"


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
