"""Reading and checking a HorizontalPodAutoscaler manifest.

Bounds and defaults are Kubernetes' (pkg/apis/autoscaling/validation/validation.go and v2/defaults.go).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from dclab.autoscaler.spec import AutoscalerSpec, MetricSpec, Policy, Rules
from dclab.errors import InvalidInput

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
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|M)?")
_FACTORS = {None: 1.0, "m": 0.001, "k": 1e3, "M": 1e6}


def _refuse(where: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"The autoscaler manifest is wrong at {where}.",
        why,
        "Compare it with manifests/optional/autoscaler.yaml.",
    )


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _refuse(where, "It must be a mapping.")
    return value


def _whole(value: Any, where: str, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _refuse(where, f"It is {value!r}; it must be a whole number from {low} to {high}.")
    return value


def _name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise _refuse(where, f"It is {value!r}; it must be the name of an object, not a URL or anything else.")
    return value


def _one_of(value: Any, where: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise _refuse(where, f"It is {value!r}; it must be one of {', '.join(known)}.")
    return str(value)


def _quantity(value: Any, where: str) -> float:
    found = _QUANTITY.fullmatch(str(value))
    if not found or float(found.group(1)) == 0:
        raise _refuse(where, f"It is {value!r}; it must be a quantity above zero, such as 100m or 10.")
    return float(found.group(1)) * _FACTORS[found.group(2)]


def _metric(given: Any, where: str) -> MetricSpec:
    metric = _mapping(given, where)
    kind = _one_of(metric.get("type"), f"{where}.type", ("Resource", "Pods", "Object", "External"))
    inner_at = f"{where}.{kind.lower()}"
    inner = _mapping(metric.get(kind.lower()), inner_at)
    if kind == "Resource":
        name = _one_of(inner.get("name"), f"{inner_at}.name", ("cpu",))
    else:
        name = _name(str(_mapping(inner.get("metric"), f"{inner_at}.metric").get("name")).replace("_", "-"), inner_at)
        name = str(inner["metric"]["name"])
    target = _mapping(inner.get("target"), f"{inner_at}.target")
    allowed = {
        "Resource": ("Utilization", "AverageValue"),
        "Pods": ("AverageValue",),
        "Object": ("Value", "AverageValue"),
        "External": ("Value", "AverageValue"),
    }[kind]
    target_type = _one_of(target.get("type"), f"{inner_at}.target.type", allowed)
    key = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}[target_type]
    at = f"{inner_at}.target.{key}"
    if target_type == "Utilization":
        amount = float(_whole(target.get(key), at, 1, 1_000_000))
    else:
        amount = _quantity(target.get(key), at) * (1000 if kind == "Resource" else 1)
    return MetricSpec(type=kind, name=name, target_type=target_type, target=amount)  # type: ignore[arg-type]


def _policy(given: Any, where: str) -> Policy:
    policy = _mapping(given, where)
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
    rules = _mapping(given, where)
    window = rules.get("stabilizationWindowSeconds")
    policies = rules.get("policies")
    tolerance = rules.get("tolerance")
    if policies is not None and not isinstance(policies, list):
        raise _refuse(f"{where}.policies", "It must be a list.")
    select = _one_of(rules.get("selectPolicy", "Max"), f"{where}.selectPolicy", ("Max", "Min", "Disabled"))
    at = f"{where}.stabilizationWindowSeconds"
    return Rules(
        window_seconds=default.window_seconds if window is None else _whole(window, at, 0, LONGEST_WINDOW),
        policies=tuple(_policy(one, f"{where}.policies[{i}]") for i, one in enumerate(policies))
        if policies
        else default.policies,
        select=cast(Any, select),
        tolerance=None if tolerance is None else _quantity(tolerance, f"{where}.tolerance"),
    )


def parse_autoscaler(manifest: Mapping[str, Any]) -> AutoscalerSpec:
    """The spec of a HorizontalPodAutoscaler (autoscaling/v2); InvalidInput says where it is wrong."""
    manifest = _mapping(manifest, "its top")
    if manifest.get("kind") != "HorizontalPodAutoscaler":
        raise _refuse("kind", f"It is {manifest.get('kind')!r}; it must be HorizontalPodAutoscaler.")
    if manifest.get("apiVersion") != "autoscaling/v2":
        raise _refuse("apiVersion", f"It is {manifest.get('apiVersion')!r}; it must be autoscaling/v2.")
    spec = _mapping(manifest.get("spec"), "spec")
    target = _mapping(spec.get("scaleTargetRef"), "spec.scaleTargetRef")
    _one_of(target.get("kind"), "spec.scaleTargetRef.kind", ("Deployment",))
    low = _whole(spec.get("minReplicas", 1), "spec.minReplicas", 1, 10_000)
    metrics = spec.get("metrics")
    if metrics is not None and not isinstance(metrics, list):
        raise _refuse("spec.metrics", "It must be a list.")
    behavior = _mapping(spec.get("behavior") or {}, "spec.behavior")
    return AutoscalerSpec(
        name=_name(_mapping(manifest.get("metadata"), "metadata").get("name"), "metadata.name"),
        target=_name(target.get("name"), "spec.scaleTargetRef.name"),
        min_replicas=low,
        max_replicas=_whole(spec.get("maxReplicas"), "spec.maxReplicas", low, 10_000),
        metrics=tuple(_metric(one, f"spec.metrics[{i}]") for i, one in enumerate(metrics))
        if metrics
        else (MetricSpec(type="Resource", name="cpu", target_type="Utilization", target=CPU_TARGET),),
        scale_up=_rules(behavior.get("scaleUp"), "spec.behavior.scaleUp", UP),
        scale_down=_rules(behavior.get("scaleDown"), "spec.behavior.scaleDown", DOWN),
    )
