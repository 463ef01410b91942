"""Reading and checking one metric of a HorizontalPodAutoscaler manifest."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, cast

from dclab.autoscaler.fields import wrong
from dclab.autoscaler.spec import MetricSpec
from dclab.errors import NotSupported

__all__ = ["CPU", "metric", "reference", "unsupported"]

CPU = MetricSpec(type="Resource", name="cpu", target_type="Utilization", target=80)
"""What Kubernetes takes where no metric is given."""

SOURCES = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}
AMOUNTS = {"averageUtilization": "Utilization", "averageValue": "AverageValue", "value": "Value"}
MAY = {
    "Resource": ("averageUtilization", "averageValue"),
    "ContainerResource": ("averageUtilization", "averageValue"),
    "Pods": ("averageValue",),
    "Object": ("value", "averageValue"),
    "External": ("value", "averageValue"),
}
"""The amounts that a target of each type may have. Kubernetes does not look at others."""
OPERATORS = {"In": 1, "NotIn": 1, "Exists": 0, "DoesNotExist": 0}
"""Of label selectors, and whether they take values."""

LARGEST_MILLI = 2**63
"""Kubernetes' milli-units are 64 bits wide."""

_SHOWN = re.compile(r"[^$\x00-\x1f\x7f]{1,200}")
"""Names that results.json can hold."""


def unsupported(what: str, where: str, but: str = "Kubernetes itself accepts it") -> NotSupported:
    """Return the error for what is valid and missing here."""
    return NotSupported(
        f"dclab does not support {what}.",
        f"The manifest has it at {where}; {but}.",
        "Use autoscaling/v2 or v1 with a Deployment of apps/v1 and a CPU, Pods, Object or External metric.",
    )


def _path_segment(name: str, where: str) -> str:
    """Return a name as Kubernetes accepts it: any that can be a part of a URL's path."""
    if name in ("", ".", "..") or "/" in name or "%" in name:
        raise wrong(where, f"It is {name!r}; it must be the name of an object, not a URL or anything else.")
    if not _SHOWN.fullmatch(name):
        raise unsupported(f"the name {name!r}", where)
    return name


def reference(given: dict[str, Any], where: str, *, core: bool = False) -> dict[str, str]:
    """Check the reference to an object: kind, name and apiVersion.

    Args:
        given: as decoded.
        where: its place in the manifest.
        core: whether it may be of the core group, whose apiVersion is `v1` or absent.
    """
    found = {key: given.get(key, "") for key in ("apiVersion", "kind", "name")}
    _path_segment(found["kind"], f"{where}.kind")
    _path_segment(found["name"], f"{where}.name")
    version = found["apiVersion"]
    if version.count("/") > 1:
        raise wrong(f"{where}.apiVersion", f"It is {version!r}; it must be group/version, such as apps/v1.")
    grouped = "/" in version and not version.startswith("/")
    if not core and not grouped and found["kind"] != "ReplicationController":
        why = "it must name the API group and version, such as apps/v1"
        raise wrong(f"{where}.apiVersion", f"It is {version!r}; {why}.")
    return found


def metric(given: dict[str, Any], where: str) -> MetricSpec:
    """Return one metric, as decoded, with its target.

    Raises:
        InvalidInput: Kubernetes would refuse it.
        NotSupported: it is valid, but dclab cannot do that.
    """
    kind = given.get("type", "")
    if kind not in SOURCES:
        raise wrong(f"{where}.type", f"It is {kind!r}; it must be one of {', '.join(SOURCES)}.")
    key = SOURCES[kind]
    if key not in given:
        raise wrong(f"{where}.{key}", f"It is missing; a metric of type {kind} has its source there.")
    if others := sorted(set(given) - {"type", key}):
        raise wrong(f"{where}.{others[0]}", f"A metric of type {kind} has its source in {key}, and no other.")
    at, source = f"{where}.{key}", given[key]
    name, described = _named(source, kind, at)
    amount = _amount(source.get("target", {}), kind, f"{at}.target")
    target = source["target"]
    if kind == "ContainerResource":
        raise unsupported("metrics of type ContainerResource", where)
    if kind == "Resource" and name != "cpu":
        raise unsupported(f"the resource {name} as a metric", f"{at}.name")
    if kind == "Object" and target["type"] != AMOUNTS[amount]:
        but = "Kubernetes accepts it, but its controller then finds no target"
        raise unsupported(f"an Object target of type {target['type']} with its amount in {amount}", f"{at}.target", but)
    selector = source.get("metric", {}).get("selector")
    return MetricSpec(
        type=cast(Any, kind),
        name=name,
        target_type=cast(Any, AMOUNTS[amount]),
        target=_number(target[amount], amount, f"{at}.target.{amount}"),
        selector=_selector(selector, f"{at}.metric.selector"),
        object_kind=described.get("kind", ""),
        object_name=described.get("name", ""),
        labels=_labels(selector or {}),
    )


def _named(source: dict[str, Any], kind: str, at: str) -> tuple[str, dict[str, str]]:
    """Name of the metric, and the object that it describes."""
    if kind in ("Resource", "ContainerResource"):
        name = source.get("name", "")
        if not name:
            raise wrong(f"{at}.name", "It is missing; it must be the name of a resource, such as cpu.")
        if kind == "ContainerResource" and not re.fullmatch(
            r"(?=.{1,63}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?", source.get("container", "")
        ):
            raise wrong(f"{at}.container", "It must be the name of a container.")
        return name, {}
    described = {}
    if kind == "Object":
        described = reference(source.get("describedObject", {}), f"{at}.describedObject", core=True)
    return _path_segment(source.get("metric", {}).get("name", ""), f"{at}.metric.name"), described


def _amount(target: dict[str, Any], kind: str, where: str) -> str:
    """Which of the amounts of a target counts."""
    if target.get("type") not in AMOUNTS.values():
        raise wrong(f"{where}.type", f"It is {target.get('type')!r}; it must be one of {', '.join(AMOUNTS.values())}.")
    for key in ("value", "averageValue"):
        if key in target and target[key] <= 0:
            raise wrong(f"{where}.{key}", f"It is {target[key]}; it must be a quantity above zero, such as 100m.")
    if target.get("averageUtilization", 1) < 1:
        raise wrong(f"{where}.averageUtilization", f"It is {target['averageUtilization']}; it must be above zero.")
    given = [key for key in MAY[kind] if key in target]
    if not given:
        raise wrong(where, f"A metric of type {kind} must have its target in {' or '.join(MAY[kind])}.")
    if len(given) == 1:
        return given[0]
    if kind != "Object":
        raise wrong(where, f"It must not have both {given[0]} and {given[1]}.")
    return next((key for key in given if AMOUNTS[key] == target["type"]), given[0])


def _number(given: int | Decimal, amount: str, where: str) -> int:
    """Percent, or milli-units rounded up as Quantity.MilliValue does."""
    if amount == "averageUtilization":
        return int(given)
    milli = math.ceil(given * 1000)
    if milli >= LARGEST_MILLI:
        raise unsupported(f"a target as large as {given}", where)
    return milli


def _labels(selector: dict[str, Any]) -> tuple[tuple[str, str], ...] | None:
    return None if selector.get("matchExpressions") else tuple(sorted(selector.get("matchLabels", {}).items()))


def _selector(given: dict[str, Any] | None, where: str) -> str:
    """A label selector as Go prints it."""
    if given is None:
        return "nil"
    labels = "".join(f"{key}: {value}," for key, value in sorted(given.get("matchLabels", {}).items()))
    expressions = ""
    for one in given.get("matchExpressions", []):
        operator, values = one.get("operator", ""), one.get("values", [])
        if operator not in OPERATORS or bool(values) != bool(OPERATORS[operator]):
            but = "Kubernetes accepts it, but its controller cannot use it"
            raise unsupported(f"a selector with the operator {operator!r} and {len(values)} values", where, but)
        fields = f"Key:{one.get('key', '')},Operator:{operator},Values:[{' '.join(values)}],"
        expressions += f"LabelSelectorRequirement{{{fields}}},"
    inner = f"MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},"
    return f"&LabelSelector{{{inner}}}"
