"""Reading and checking a HorizontalPodAutoscaler manifest.

Bounds and defaults are Kubernetes' (pkg/apis/autoscaling/validation/validation.go and v2/defaults.go). What Kubernetes
would refuse is InvalidInput; what is valid there and only missing here is NotSupported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, cast

from dclab.autoscaler.spec import AutoscalerSpec, MetricSpec, Policy, Rules
from dclab.errors import InvalidInput, NotSupported
from dclab.quantity import parse_quantity

__all__ = ["parse_autoscaler"]

UP = Rules(
    window_seconds=0,
    policies=(
        Policy(type="Pods", value=4, period_seconds=15),
        Policy(type="Percent", value=100, period_seconds=15),
    ),
)
DOWN = Rules(window_seconds=300, policies=(Policy(type="Percent", value=100, period_seconds=15),))
CPU_TARGET = 80

LONGEST_WINDOW = 3600
LONGEST_PERIOD = 1800

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_METRIC_NAME = re.compile(r"(?!\.{1,2}$)[^/%\s]{1,253}")

FIELDS = {
    "List": ("apiVersion", "kind", "metadata", "items"),
    "HorizontalPodAutoscaler": ("apiVersion", "kind", "metadata", "spec", "status"),
    "ObjectMeta": (
        *(
            "name",
            "generateName",
            "namespace",
            "labels",
            "annotations",
            "finalizers",
            "ownerReferences",
            "managedFields",
        ),
        *("uid", "resourceVersion", "generation", "selfLink"),
        *("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"),
    ),
    "Spec": ("scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior"),
    "Reference": ("apiVersion", "kind", "name"),
    "Metric": ("type", "resource", "pods", "object", "external", "containerResource"),
    "Resource": ("name", "target"),
    "Pods": ("metric", "target"),
    "Object": ("describedObject", "metric", "target"),
    "External": ("metric", "target"),
    "MetricIdentifier": ("name", "selector"),
    "Target": ("type", "value", "averageValue", "averageUtilization"),
    "Behavior": ("scaleUp", "scaleDown"),
    "Rules": ("stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance"),
    "Policy": ("type", "value", "periodSeconds"),
}
"""Every field that autoscaling/v2 has, by the type that it stands in."""

TARGETS = {
    "Resource": ("Utilization", "AverageValue"),
    "Pods": ("AverageValue",),
    "Object": ("Value", "AverageValue"),
    "External": ("Value", "AverageValue"),
}
AMOUNTS = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}


def _refuse(where: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"The autoscaler manifest is wrong at {where}.",
        why,
        "Compare it with manifests/optional/autoscaler.yaml.",
    )


def _unsupported(what: str, where: str) -> NotSupported:
    return NotSupported(
        f"dclab does not support {what}.",
        f"The manifest has it at {where}; Kubernetes itself accepts it.",
        "Use autoscaling/v2 with a Deployment and a CPU, Pods, Object or External metric.",
    )


def _mapping(value: Any, where: str, kind: str) -> dict[str, Any]:
    """The fields of an object that have a value; each must be one that its kind has."""
    if not isinstance(value, Mapping):
        raise _refuse(where, "It must be a mapping." if value is not None else "It is missing.")
    known = FIELDS[kind]
    for key in value:
        if key not in known:
            close = get_close_matches(str(key), known, n=1)
            meant = f", did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}."
            raise _refuse(where, f"Unknown field {key!r}{meant}")
    return {key: one for key, one in value.items() if one is not None}


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _refuse(where, "It must be a list.")
    return value


def _whole(value: Any, where: str, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _refuse(where, f"It is {value!r}; it must be a whole number from {low} to {high}.")
    return value


def _name(value: Any, where: str, pattern: re.Pattern[str] = _NAME) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _refuse(where, f"It is {value!r}; it must be the name of an object, not a URL or anything else.")
    return value


def _one_of(value: Any, where: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise _refuse(where, f"It is {value!r}; it must be one of {', '.join(known)}.")
    return str(value)


def _quantity(value: Any, where: str, *, zero: bool = False) -> float:
    """Thousandths of a quantity above zero, or from zero on."""
    try:
        found = parse_quantity(value) * 1000
    except ValueError:
        found = None
    if found is None or found < 0 or (found == 0 and not zero):
        least = "of zero or more, such as 50m" if zero else "above zero, such as 100m or 10"
        raise _refuse(where, f"It is {value!r}; it must be a quantity {least}.")
    return float(found)


def _metric(given: Any, where: str) -> MetricSpec:
    metric = _mapping(given, where, "Metric")
    kind = _one_of(metric.get("type"), f"{where}.type", (*TARGETS, "ContainerResource"))
    if kind == "ContainerResource":
        raise _unsupported("metrics of type ContainerResource", where)
    key = kind.lower()
    if others := sorted(set(metric) - {"type", key}):
        raise _refuse(f"{where}.{others[0]}", f"A metric of type {kind} has its source in {key}, and no other.")
    at = f"{where}.{key}"
    source = _mapping(metric.get(key), at, kind)
    if kind == "Resource":
        name = _name(source.get("name"), f"{at}.name", _METRIC_NAME)
        if name != "cpu":
            raise _unsupported(f"the resource {name} as a metric", f"{at}.name")
    else:
        identifier = _mapping(source.get("metric"), f"{at}.metric", "MetricIdentifier")
        name = _name(identifier.get("name"), f"{at}.metric.name", _METRIC_NAME)
    if kind == "Object":
        described = _mapping(source.get("describedObject"), f"{at}.describedObject", "Reference")
        _name(described.get("name"), f"{at}.describedObject.name")
    target_type, target = _target(source.get("target"), f"{at}.target", kind)
    return MetricSpec(type=cast(Any, kind), name=name, target_type=cast(Any, target_type), target=target)


def _target(given: Any, where: str, kind: str) -> tuple[str, float]:
    """Type and amount: percent, millicores of a resource, else the metric's own unit."""
    target = _mapping(given, where, "Target")
    target_type = _one_of(target.get("type"), f"{where}.type", TARGETS[kind])
    key = AMOUNTS[target_type]
    if others := sorted(set(target) - {"type", key}):
        raise _refuse(f"{where}.{others[0]}", f"A target of type {target_type} has its amount in {key}, and no other.")
    if target_type == "Utilization":
        return target_type, float(_whole(target.get(key), f"{where}.{key}", 1, 1_000_000))
    return target_type, _quantity(target.get(key), f"{where}.{key}") / (1 if kind == "Resource" else 1000)


def _policy(given: Any, where: str) -> Policy:
    policy = _mapping(given, where, "Policy")
    kind = _one_of(policy.get("type"), f"{where}.type", ("Pods", "Percent"))
    return Policy(
        type=cast(Any, kind),
        value=_whole(policy.get("value"), f"{where}.value", 1, 1_000_000),
        period_seconds=_whole(policy.get("periodSeconds"), f"{where}.periodSeconds", 1, LONGEST_PERIOD),
    )


def _rules(given: Any, where: str, default: Rules) -> Rules:
    """Rules with each absent field at its default."""
    if given is None:
        return default
    rules = _mapping(given, where, "Rules")
    window = rules.get("stabilizationWindowSeconds")
    tolerance = rules.get("tolerance")
    policies = None
    if "policies" in rules:
        listed = _list(rules["policies"], f"{where}.policies")
        policies = tuple(_policy(one, f"{where}.policies[{i}]") for i, one in enumerate(listed))
        if not policies:
            raise _refuse(
                f"{where}.policies", "It must hold at least one policy; without the field there are defaults."
            )
    select = _one_of(rules.get("selectPolicy", "Max"), f"{where}.selectPolicy", ("Max", "Min", "Disabled"))
    at = f"{where}.stabilizationWindowSeconds"
    return Rules(
        window_seconds=default.window_seconds if window is None else _whole(window, at, 0, LONGEST_WINDOW),
        policies=policies or default.policies,
        select=cast(Any, select),
        tolerance=None if tolerance is None else _quantity(tolerance, f"{where}.tolerance", zero=True) / 1000,
    )


def _unpacked(manifest: Any) -> dict[str, Any]:
    """The autoscaler; of a list of one, that one."""
    kind = manifest.get("kind") if isinstance(manifest, Mapping) else None
    if kind in ("List", "HorizontalPodAutoscalerList"):
        items = _list(_mapping(manifest, "its top", "List").get("items"), "items")
        if len(items) != 1:
            raise _refuse("items", f"The list holds {len(items)} objects; one HorizontalPodAutoscaler is needed.")
        (manifest,) = items
        kind = manifest.get("kind") if isinstance(manifest, Mapping) else None
    if kind != "HorizontalPodAutoscaler":
        raise _refuse("kind", f"It is {kind!r}; it must be HorizontalPodAutoscaler.")
    version = manifest.get("apiVersion")
    if version == "autoscaling/v1":
        raise _unsupported(version, "apiVersion")
    if version != "autoscaling/v2":
        raise _refuse("apiVersion", f"It is {version!r}; it must be autoscaling/v2.")
    return _mapping(manifest, "its top", kind)


def parse_autoscaler(manifest: Any) -> AutoscalerSpec:
    """Return the spec of a HorizontalPodAutoscaler (autoscaling/v2), or of a List that holds one.

    Raises:
        InvalidInput: Kubernetes would refuse it; the error says where and why.
        NotSupported: it is valid, but dclab cannot do that.
    """
    top = _unpacked(manifest)
    spec = _mapping(top.get("spec"), "spec", "Spec")
    reference = _mapping(spec.get("scaleTargetRef"), "spec.scaleTargetRef", "Reference")
    scaled = _name(reference.get("kind"), "spec.scaleTargetRef.kind", _METRIC_NAME)
    if scaled != "Deployment":
        raise _unsupported(f"autoscaling a {scaled}", "spec.scaleTargetRef.kind")
    metrics = _list(spec.get("metrics", []), "spec.metrics")
    parsed = tuple(_metric(one, f"spec.metrics[{i}]") for i, one in enumerate(metrics))
    low = spec.get("minReplicas", 1)
    if low == 0 and any(one.type in ("Object", "External") for one in parsed):
        raise _unsupported("scaling to zero replicas", "spec.minReplicas")
    low = _whole(low, "spec.minReplicas", 1, 10_000)
    behavior = _mapping(spec.get("behavior", {}), "spec.behavior", "Behavior")
    return AutoscalerSpec(
        name=_name(_mapping(top.get("metadata"), "metadata", "ObjectMeta").get("name"), "metadata.name"),
        target=_name(reference.get("name"), "spec.scaleTargetRef.name"),
        min_replicas=low,
        max_replicas=_whole(spec.get("maxReplicas"), "spec.maxReplicas", low, 10_000),
        metrics=parsed or (MetricSpec(type="Resource", name="cpu", target_type="Utilization", target=CPU_TARGET),),
        scale_up=_rules(behavior.get("scaleUp"), "spec.behavior.scaleUp", UP),
        scale_down=_rules(behavior.get("scaleDown"), "spec.behavior.scaleDown", DOWN),
    )
