"""The metrics APIs of the cluster, for those who ask: which metrics there are, and what they are now.

metrics.k8s.io, custom.metrics.k8s.io and external.metrics.k8s.io are answered by other servers through the API server. Who
registers them does not matter here: it may be the cluster's own prometheus-adapter, or ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dclab.autoscaler.observation import PodMetric
from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.faults import Forbidden
from dclab.engines.kube.lab.autoscaler_objects import Metric
from dclab.engines.kube.objects import ZERO, Part, Quantity, unix
from dclab.engines.kube.workloads import Deployment
from dclab.errors import LabLost

__all__ = ["CUSTOM", "EXPORTER", "EXTERNAL", "custom_metrics", "observe", "served", "why_unknown"]

CUSTOM, EXTERNAL = "custom.metrics.k8s.io", "external.metrics.k8s.io"
RESOURCE = "metrics.k8s.io"
EXPORTER = "exporter"
"""Container that counts the requests of its pod's service."""
COUNTED = "pods/dockercoins_"
"""How those metrics begin that there are of a deployment only where its pods have that container."""

DEFAULT_WINDOW = 60.0
"""Of a value that says none (pkg/controller/podautoscaler/metrics/client.go)."""


class _Version(Part, frozen=True):
    group_version: str = ""


class _Group(Part, frozen=True):
    """A group of APIs, and the version of it that clients are to use, as the autoscaler does."""

    preferred_version: _Version = _Version()


class _Resource(Part, frozen=True):
    name: str = ""


class _Resources(Part, frozen=True):
    """What an API has: of custom metrics `pods/NAME`, of external ones `NAME`."""

    resources: tuple[_Resource, ...] = ()


class _Described(Part, frozen=True):
    name: str = ""


class _Value(Part, frozen=True):
    """One value of a MetricValueList or an ExternalMetricValueList."""

    described_object: _Described = _Described()
    timestamp: datetime | None = None
    window_seconds: int | None = None
    value: Quantity = ZERO


class _Values(Part, frozen=True):
    items: tuple[_Value, ...] = ()


def _version(api: Api, group: str) -> str | None:
    """Return the path of the preferred version of a group; None when the cluster has none."""
    found = api.get_or_none(f"/apis/{group}", _Group)
    return f"/apis/{found.preferred_version.group_version}" if found and found.preferred_version.group_version else None


def _resources(api: Api, path: str | None) -> list[str]:
    """Return the names of an API's resources; none when its server does not answer."""
    if path is None:
        return []
    try:
        return [one.name for one in api.get(path, _Resources).resources]
    except LabLost:
        return []


def custom_metrics(api: Api) -> list[str]:
    """Return the custom metrics that the cluster serves, such as `pods/NAME`, of whatever pods."""
    return _resources(api, _version(api, CUSTOM))


def served(api: Api, namespace: str, target: str) -> set[str]:
    """Return the metrics that an autoscaler of a deployment can use, as `Lab.served_metrics` has them.

    CPU is among them as soon as a metrics API is registered: one that does not answer yet may only need time.
    """
    found = {f"external/{one}" for one in _resources(api, _version(api, EXTERNAL))}
    if _version(api, RESOURCE):
        found.add("resource/cpu")
    custom = custom_metrics(api)
    if any(one.startswith(COUNTED) for one in custom) and not _is_counted(api, namespace, target):
        custom = [one for one in custom if not one.startswith(COUNTED)]
    for one in custom:
        kind, _, metric = one.partition("/")
        found.add(f"services/httplat-{target}/{metric}" if kind == "services" else one)
    return found


def _is_counted(api: Api, namespace: str, target: str) -> bool:
    deployment = api.get_or_none(path_of("apps/v1", "Deployment", namespace, target), Deployment)
    return deployment is not None and any(one.name == EXPORTER for one in deployment.spec.template.spec.containers)


def observe(
    api: Api, namespace: str, metrics: Sequence[Metric], selector: str
) -> tuple[dict[str, dict[str, PodMetric]], dict[str, float]]:
    """Return what the custom and external metrics of an autoscaler are now, as its controller would be told.

    Returns:
        Values of Pods metrics, by metric and pod; values of Object and External metrics, by metric. What is not known, or
        may not be seen, is missing.
    """
    by_pod: dict[str, dict[str, PodMetric]] = {}
    values: dict[str, float] = {}
    for one in metrics:
        source = one.source
        if source is None or one.type not in ("Pods", "Object", "External"):
            continue
        name = source.metric.name
        labels = source.metric.selector.match_labels
        asked = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        if one.type == "Pods":
            items = _values(api, CUSTOM, namespace, f"pods/*/{name}", labelSelector=selector, metricLabelSelector=asked)
            by_pod[name] = {item.described_object.name: _pod_metric(item) for item in items}
        elif one.type == "Object":
            about = source.described_object
            path = f"{about.kind.lower()}s/{about.name}/{name}"
            items = _values(api, CUSTOM, namespace, path, metricLabelSelector=asked)
            values.update((name, float(item.value)) for item in items[:1])
        elif items := _values(api, EXTERNAL, namespace, name, labelSelector=asked):
            values[name] = float(sum(item.value for item in items))
    return by_pod, values


def _values(api: Api, group: str, namespace: str, rest: str, **query: str) -> Sequence[_Value]:
    try:
        path = _version(api, group)
        return api.get(f"{path}/namespaces/{namespace}/{rest}", _Values, **query).items if path else ()
    except (LabLost, Forbidden):
        return ()


def _pod_metric(item: _Value) -> PodMetric:
    return PodMetric(
        value=float(item.value),
        at=unix(item.timestamp) if item.timestamp else 0.0,
        window=DEFAULT_WINDOW if item.window_seconds is None else float(item.window_seconds),
    )


def why_unknown(api: Api, namespace: str, rest: str, **query: str) -> str:
    """Return what the custom metrics API says instead of a value; empty where it gives one, or an empty list."""
    path = _version(api, CUSTOM)
    if path is None:
        return "No custom metrics API is registered."
    try:
        api.get(f"{path}/namespaces/{namespace}/{rest}", _Values, **query)
    except (LabLost, Forbidden) as error:
        return f"The API says: {error.why or error.what}"
    return ""
