"""The fields of a HorizontalPodAutoscaler, and the strict decoding that kubectl asks the API server for.

Names and types are those of k8s.io/api/autoscaling v1 and v2 and of metav1.ObjectMeta. What a field may hold beyond its
type is for `parse` to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from dclab.errors import InvalidInput
from dclab.quantity import parse_quantity

__all__ = ["FIELDS", "decoded", "wrong"]

HINT = "Compare it with manifests/optional/autoscaler-cpu.yaml."

_REFERENCE = {"apiVersion": "string", "kind": "string", "name": "string"}
_OBJECT = {"apiVersion": "string", "kind": "string", "metadata": "ObjectMeta"}
_LIST = {"apiVersion": "string", "kind": "string", "metadata": "any", "items": "[any]"}
_SOURCES = ("resource", "containerResource", "pods", "object", "external")
_STATUS = {
    "observedGeneration": "int64",
    "lastScaleTime": "time",
    "currentReplicas": "int32",
    "desiredReplicas": "int32",
}

FIELDS: dict[str, dict[str, str]] = {
    "List": _LIST,
    "HorizontalPodAutoscalerList": _LIST,
    "autoscaling/v1": {**_OBJECT, "spec": "SpecV1", "status": "StatusV1"},
    "autoscaling/v2": {**_OBJECT, "spec": "Spec", "status": "Status"},
    "ObjectMeta": {
        **dict.fromkeys(("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion"), "string"),
        "generation": "int64",
        "creationTimestamp": "time",
        "deletionTimestamp": "time",
        "deletionGracePeriodSeconds": "int64",
        "labels": "{string}",
        "annotations": "{string}",
        "finalizers": "[string]",
        "ownerReferences": "[OwnerReference]",
        "managedFields": "[ManagedFields]",
    },
    "OwnerReference": {**_REFERENCE, "uid": "string", "controller": "bool", "blockOwnerDeletion": "bool"},
    "ManagedFields": {
        **dict.fromkeys(("manager", "operation", "apiVersion", "fieldsType", "subresource"), "string"),
        "time": "time",
        "fieldsV1": "any",
    },
    "Reference": _REFERENCE,
    "SpecV1": {
        "scaleTargetRef": "Reference",
        "minReplicas": "int32",
        "maxReplicas": "int32",
        "targetCPUUtilizationPercentage": "int32",
    },
    "Spec": {
        "scaleTargetRef": "Reference",
        "minReplicas": "int32",
        "maxReplicas": "int32",
        "metrics": "[Metric]",
        "behavior": "Behavior",
    },
    "Metric": {"type": "string", **{one: f"{one[0].upper()}{one[1:]}" for one in _SOURCES}},
    "Resource": {"name": "string", "target": "Target"},
    "ContainerResource": {"name": "string", "container": "string", "target": "Target"},
    "Pods": {"metric": "MetricIdentifier", "target": "Target"},
    "Object": {"describedObject": "Reference", "metric": "MetricIdentifier", "target": "Target"},
    "External": {"metric": "MetricIdentifier", "target": "Target"},
    "MetricIdentifier": {"name": "string", "selector": "LabelSelector"},
    "LabelSelector": {"matchLabels": "{string}", "matchExpressions": "[LabelSelectorRequirement]"},
    "LabelSelectorRequirement": {"key": "string", "operator": "string", "values": "[string]"},
    "Target": {
        "type": "string",
        "value": "quantity",
        "averageValue": "quantity",
        "averageUtilization": "int32",
    },
    "Behavior": {"scaleUp": "Rules", "scaleDown": "Rules"},
    "Rules": {
        "stabilizationWindowSeconds": "int32",
        "selectPolicy": "string",
        "policies": "[Policy]",
        "tolerance": "quantity",
    },
    "Policy": {"type": "string", "value": "int32", "periodSeconds": "int32"},
    "StatusV1": {**_STATUS, "currentCPUUtilizationPercentage": "int32"},
    "Status": {**_STATUS, "currentMetrics": "[MetricStatus]", "conditions": "[Condition]"},
    "MetricStatus": {"type": "string", **{one: f"{one[0].upper()}{one[1:]}Status" for one in _SOURCES}},
    "ResourceStatus": {"name": "string", "current": "MetricValue"},
    "ContainerResourceStatus": {"name": "string", "container": "string", "current": "MetricValue"},
    "PodsStatus": {"metric": "MetricIdentifier", "current": "MetricValue"},
    "ObjectStatus": {"describedObject": "Reference", "metric": "MetricIdentifier", "current": "MetricValue"},
    "ExternalStatus": {"metric": "MetricIdentifier", "current": "MetricValue"},
    "MetricValue": {"value": "quantity", "averageValue": "quantity", "averageUtilization": "int32"},
    "Condition": {
        **dict.fromkeys(("type", "status", "reason", "message"), "string"),
        "lastTransitionTime": "time",
    },
}
"""The fields of each type with theirs: another type, `[type]` for a list of it, `{type}` for a map to it."""

_WORDS = {"string": "text", "bool": "true or false", "time": "a time such as 2026-01-31T12:00:00Z"}
_BITS = {"int32": 31, "int64": 63}


def wrong(where: str, why: str) -> InvalidInput:
    """Return the error for a manifest that Kubernetes would refuse."""
    return InvalidInput(f"The autoscaler manifest is wrong at {where}.", why, HINT)


def decoded(value: Any, kind: str, where: str = "") -> Any:
    """Return a value of one of the types above without its nulls, whole numbers as int, quantities as Decimal.

    Raises:
        InvalidInput: a field is not known, or holds what its type cannot be.
    """
    if kind.startswith("["):
        if not isinstance(value, list):
            raise wrong(where, "It must be a list.")
        return [decoded(one, kind[1:-1], f"{where}[{i}]") for i, one in enumerate(value)]
    if not kind.startswith("{") and kind not in FIELDS:
        return _scalar(value, kind, where)
    if not isinstance(value, Mapping):
        raise wrong(where or "its top", "It must be a mapping.")
    return _object(value, kind, where) if kind in FIELDS else _map(value, kind[1:-1], where)


def _map(given: Mapping[Any, Any], kind: str, where: str) -> dict[str, Any]:
    # A null in a map stands for its type's zero.
    return {
        _scalar(key, "string", where): "" if one is None else decoded(one, kind, f"{where}.{key}")
        for key, one in given.items()
    }


def _object(given: Mapping[Any, Any], kind: str, where: str) -> dict[str, Any]:
    fields = FIELDS[kind]
    for key in given:
        if key not in fields:
            close = get_close_matches(str(key), fields, n=1)
            meant = f", did you mean {close[0]!r}?" if close else f"; known are {', '.join(fields)}."
            raise wrong(where or "its top", f"Unknown field {key!r}{meant}")
    return {
        key: decoded(one, fields[key], f"{where}.{key}" if where else key)
        for key, one in given.items()
        if one is not None
    }


def _scalar(value: Any, kind: str, where: str) -> Any:
    if kind in _BITS:
        return _whole(value, _BITS[kind], where)
    if kind == "quantity":
        return _quantity(value, where)
    fits = {
        "any": True,
        "string": isinstance(value, str),
        "bool": isinstance(value, bool),
        "time": isinstance(value, date) or _is_time(value),
    }
    if not fits[kind]:
        raise wrong(where, f"It is {value!r}; it must be {_WORDS[kind]}.")
    return value


def _whole(value: Any, bits: int, where: str) -> int:
    # YAML's 10.0 is JSON's 10.
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if not isinstance(number, int) or isinstance(number, bool) or not -(2**bits) <= number < 2**bits:
        raise wrong(where, f"It is {value!r}; it must be a whole number of at most {2**bits - 1}.")
    return number


def _quantity(value: Any, where: str) -> Decimal:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        text = str(value).strip()
        # Kubernetes takes a suffix alone for zero.
        if re.fullmatch("[numkMGTPE]|[KMGTPE]i", text):
            return Decimal(0)
        with suppress(ValueError):
            return parse_quantity(text)
    raise wrong(where, f"It is {value!r}; it must be a quantity such as 100m or 10.")


def _is_time(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False
