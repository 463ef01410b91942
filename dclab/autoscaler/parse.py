"""Reading and checking a HorizontalPodAutoscaler manifest.

Bounds and defaults are Kubernetes' (pkg/apis/autoscaling/validation/validation.go and v2/defaults.go); the tests compare
them with the API server's own code. What Kubernetes would refuse is InvalidInput; what is valid there and only missing
here is NotSupported.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

from dclab.autoscaler.fields import decoded, wrong
from dclab.autoscaler.parse_metric import CPU, metric, reference, unsupported
from dclab.autoscaler.spec import AutoscalerSpec, Behavior, MetricSpec, Policy, Rules

__all__ = ["parse_autoscaler"]

UP = Rules(
    window_seconds=0,
    policies=(
        Policy(type="Pods", value=4, period_seconds=15),
        Policy(type="Percent", value=100, period_seconds=15),
    ),
)
DOWN = Rules(window_seconds=300, policies=(Policy(type="Percent", value=100, period_seconds=15),))
"""The window is the controller's flag --horizontal-pod-autoscaler-downscale-stabilization, at its default."""

LONGEST_WINDOW = 3600
LONGEST_PERIOD = 1800

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*", re.ASCII)
_NAMESPACE = re.compile(rf"(?=.{{1,63}}\Z){_LABEL}", re.ASCII)
_WORD = r"(?=.{1,63}\Z)[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_LABEL_VALUE = re.compile(rf"({_WORD})?", re.ASCII)
_LABEL_KEY = re.compile(rf"((?=[^/]{{1,253}}/){_LABEL}(\.{_LABEL})*/)?{_WORD}", re.ASCII)

ROUND_TRIP = "autoscaling.alpha.kubernetes.io/"
"""Annotations in which autoscaling/v1 keeps what it has no fields for."""
FINALIZERS = ("orphan", "foregroundDeletion", "kubernetes")
"""Those that Kubernetes has itself; others have a name with a domain."""
VERSIONS = ("autoscaling/v1", "autoscaling/v2")
KIND = "HorizontalPodAutoscaler"


def parse_autoscaler(manifest: Any) -> AutoscalerSpec:
    """Return the spec of a HorizontalPodAutoscaler (autoscaling/v1 or v2), or of a List that holds one.

    Raises:
        InvalidInput: Kubernetes would refuse it; the error says where and why.
        NotSupported: it is valid, but dclab cannot do that.
    """
    top = _unpacked(manifest)
    name, namespace = _metadata(top.get("metadata", {}))
    spec = top.get("spec", {})
    target = reference(spec.get("scaleTargetRef", {}), "spec.scaleTargetRef")
    metrics = _metrics(spec, top["apiVersion"])
    low, high = _bounds(spec, metrics)
    behavior = spec.get("behavior")
    parsed = AutoscalerSpec(
        name=name,
        namespace=namespace,
        target=target["name"],
        min_replicas=low,
        max_replicas=high,
        metrics=metrics,
        behavior=None
        if behavior is None
        else Behavior(
            up=_rules(behavior.get("scaleUp", {}), "spec.behavior.scaleUp", UP),
            down=_rules(behavior.get("scaleDown", {}), "spec.behavior.scaleDown", DOWN),
        ),
    )
    _supported(target, top.get("metadata", {}))
    return parsed


def _unpacked(manifest: Any) -> dict[str, Any]:
    """The autoscaler, decoded; of a list of one, that one."""
    kind = _field(manifest, "kind")
    if kind in ("List", "HorizontalPodAutoscalerList"):
        items = decoded(manifest, kind).get("items", [])
        if len(items) != 1:
            raise wrong("items", f"The list holds {len(items)} objects; one {KIND} is needed.")
        (manifest,) = items
        kind = _field(manifest, "kind")
    if kind != KIND:
        raise wrong("kind", f"It is {kind!r}; it must be {KIND}.")
    version = _field(manifest, "apiVersion")
    if version in ("autoscaling/v2beta1", "autoscaling/v2beta2"):
        raise wrong("apiVersion", f"Kubernetes no longer serves {version} since 1.26; it must be autoscaling/v2.")
    if version not in VERSIONS:
        raise wrong("apiVersion", f"It is {version!r}; it must be one of {', '.join(VERSIONS)}.")
    return cast(dict[str, Any], decoded(manifest, version))


def _field(manifest: Any, name: str) -> Any:
    value = manifest.get(name) if isinstance(manifest, Mapping) else None
    return value if isinstance(value, str) else None


def _metadata(given: dict[str, Any]) -> tuple[str, str]:
    """Name and namespace."""
    name, namespace = given.get("name", ""), given.get("namespace") or "default"
    if not _SUBDOMAIN.fullmatch(name):
        why = "it must be lower case letters, digits, '-' and '.', not a URL or anything else"
        raise wrong("metadata.name", f"It is {name!r}; {why}.")
    if not _NAMESPACE.fullmatch(namespace):
        raise wrong("metadata.namespace", f"It is {namespace!r}; it must be lower case letters, digits and '-'.")
    if given.get("generation", 0) < 0:
        raise wrong("metadata.generation", f"It is {given['generation']}; it must not be negative.")
    # What a generated name begins with may end in a dash, since more follows.
    if (generated := given.get("generateName")) and not _SUBDOMAIN.fullmatch(re.sub("-$", "x", generated)):
        raise wrong("metadata.generateName", f"It is {generated!r}; no name can begin with that.")
    for one in given.get("finalizers", []):
        if not _LABEL_KEY.fullmatch(one) or ("/" not in one and one not in FINALIZERS):
            raise wrong("metadata.finalizers", f"{one!r} cannot be the name of a finalizer.")
    for key, value in given.get("labels", {}).items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise wrong("metadata.labels", f"{key}: {value} cannot be a label.")
    for key in given.get("annotations", {}):
        if not _LABEL_KEY.fullmatch(key.lower()):
            raise wrong("metadata.annotations", f"{key!r} cannot be the name of an annotation.")
    return name, namespace


def _metrics(spec: dict[str, Any], version: str) -> tuple[MetricSpec, ...]:
    if version == "autoscaling/v1":
        percent = spec.get("targetCPUUtilizationPercentage", CPU.target)
        if percent < 1:
            raise wrong("spec.targetCPUUtilizationPercentage", f"It is {percent}; it must be greater than 0.")
        return (replace(CPU, target=percent),)
    return tuple(metric(one, f"spec.metrics[{i}]") for i, one in enumerate(spec.get("metrics", []))) or (CPU,)


def _bounds(spec: dict[str, Any], metrics: tuple[MetricSpec, ...]) -> tuple[int, int]:
    low, high = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    if high < 1:
        raise wrong("spec.maxReplicas", f"It is {spec.get('maxReplicas', 'missing')}; it must be greater than 0.")
    if high < low:
        raise wrong("spec.maxReplicas", f"It is {high}; it must not be less than minReplicas, which is {low}.")
    if low == 0 and any(one.type in ("Object", "External") for one in metrics):
        raise unsupported(
            "scaling to zero replicas",
            "spec.minReplicas",
            "Kubernetes accepts it from 1.37, or with its feature gate HPAScaleToZero",
        )
    if low < 1:
        raise wrong("spec.minReplicas", f"It is {low}; it must be greater than or equal to 1.")
    return low, high


def _rules(given: dict[str, Any], where: str, default: Rules) -> Rules:
    """Rules with each absent field at its default."""
    window = given.get("stabilizationWindowSeconds", default.window_seconds)
    if not 0 <= window <= LONGEST_WINDOW:
        raise wrong(f"{where}.stabilizationWindowSeconds", f"It is {window}; it must be from 0 to {LONGEST_WINDOW}.")
    select = given.get("selectPolicy", default.select)
    if select not in ("Max", "Min", "Disabled"):
        raise wrong(f"{where}.selectPolicy", f"It is {select!r}; it must be one of Max, Min, Disabled.")
    policies = default.policies
    if "policies" in given:
        policies = tuple(_policy(one, f"{where}.policies[{i}]") for i, one in enumerate(given["policies"]))
        if not policies:
            why = "Kubernetes: must specify at least one Policy. Without the field the defaults apply."
            raise wrong(f"{where}.policies", why)
    tolerance = None
    if "tolerance" in given:
        if given["tolerance"] < 0:
            raise wrong(f"{where}.tolerance", f"It is {given['tolerance']}; it must be zero or more.")
        tolerance = _approximate(given["tolerance"])
    return Rules(window_seconds=window, policies=policies, select=cast(Any, select), tolerance=tolerance)


def _approximate(exact: Decimal) -> float:
    """Return what Quantity.AsApproximateFloat64 makes of a stored quantity: mantissa times a power of a thousand."""
    digits, exponent = 0, 0
    if exact:
        exponent = 3 * math.floor(cast(int, exact.normalize().as_tuple().exponent) / 3)
        digits = int(exact.scaleb(-exponent))
    return digits * float(f"1e{exponent}")


def _policy(given: dict[str, Any], where: str) -> Policy:
    kind, value, period = given.get("type", ""), given.get("value", 0), given.get("periodSeconds", 0)
    if kind not in ("Pods", "Percent"):
        raise wrong(f"{where}.type", f"It is {kind!r}; it must be one of Pods, Percent.")
    if value < 1:
        raise wrong(f"{where}.value", f"It is {given.get('value', 'missing')}; it must be greater than zero.")
    if not 1 <= period <= LONGEST_PERIOD:
        said = given.get("periodSeconds", "missing")
        raise wrong(f"{where}.periodSeconds", f"It is {said}; it must be from 1 to {LONGEST_PERIOD}.")
    return Policy(type=cast(Any, kind), value=value, period_seconds=period)


def _supported(target: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Raise NotSupported for what an autoscaler of Kubernetes can scale or be told, and dclab's cannot."""
    group = target["apiVersion"].partition("/")[0]
    if target["kind"] != "Deployment" or group != "apps":
        raise unsupported(f"autoscaling a {target['kind']} of {target['apiVersion']}", "spec.scaleTargetRef")
    if not _SUBDOMAIN.fullmatch(target["name"]):
        but = "Kubernetes accepts it, but no Deployment can have that name"
        raise unsupported(f"autoscaling {target['name']!r}", "spec.scaleTargetRef.name", but)
    for key in metadata.get("annotations", {}):
        if key.startswith(ROUND_TRIP):
            raise unsupported(f"the annotation {key}", "metadata.annotations")
