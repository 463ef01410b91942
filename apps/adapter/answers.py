"""What the metrics APIs answer: the metrics that there are, and their values.

The shapes are those of k8s.io/metrics (custom_metrics/v1beta2 and external_metrics/v1beta1). What nobody has measured is
absent from a list, or not found: an autoscaler then says that it does not know it, and changes nothing for it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from apps.adapter.ask import Sample

__all__ = ["CUSTOM", "EXTERNAL", "Metrics", "Refusal", "discovery"]

CUSTOM, EXTERNAL = "custom.metrics.k8s.io/v1beta2", "external.metrics.k8s.io/v1beta1"

IN_FLIGHT, REQUESTS, LATENCY = "dockercoins_in_flight", "dockercoins_requests_per_second", "httplat_latency_seconds"
HTTPLAT = "httplat-"
"""How the service of an exporter of latency begins; its target's name follows."""

QUERIES = {
    IN_FLIGHT: "sum by (service, pod) (rate(dockercoins_in_flight_seconds_total[{window}]))",
    REQUESTS: "sum by (service, pod) (rate(dockercoins_requests_total[{window}]))",
    LATENCY: (
        "sum by (service) (rate(httplat_latency_seconds_sum[{window}]))"
        " / sum by (service) (rate(httplat_latency_seconds_count[{window}]))"
    ),
}
RESOURCES = {f"pods/{IN_FLIGHT}": IN_FLIGHT, f"pods/{REQUESTS}": REQUESTS, f"services/{LATENCY}": LATENCY}

_NAMESPACED = re.compile(r"/apis/(?P<api>[^/]+/[^/]+)/namespaces/(?P<namespace>[^/]+)/(?P<rest>.+)")
_LABEL = re.compile(r"([A-Za-z0-9._/-]+)==?([A-Za-z0-9._-]*)")


class Refusal(Exception):
    """A request that has no answer; it becomes a Status of the Kubernetes API."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason = code, reason


def _not_found(what: str) -> Refusal:
    return Refusal(404, "NotFound", what)


def discovery(path: str) -> Any | None:
    """Return the list of resources of an API at its path; None at any other path."""
    if path == f"/apis/{CUSTOM}":
        names, kind = list(RESOURCES), "MetricValueList"
    elif path == f"/apis/{EXTERNAL}":
        names, kind = list(QUERIES), "ExternalMetricValueList"
    else:
        return None
    resources = [{"name": one, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get"]} for one in names]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": path[len("/apis/") :],
        "resources": resources,
    }


class Metrics(NamedTuple):
    """The metrics of one namespace."""

    namespace: str
    window: float
    """Seconds over which rates are taken."""
    query: Callable[[str], list[Sample]]
    pods: Callable[[str], set[str]]
    """Names of the pods that a label selector selects."""

    def answer(self, path: str, query: str) -> Any:
        """Return the values that are asked for.

        Raises:
            Refusal: there is no such metric, or nobody knows its value, or it cannot be selected so.
            Unavailable: the server that has it does not answer.
        """
        found = _NAMESPACED.fullmatch(path)
        if found is None or found["namespace"] != self.namespace:
            raise _not_found(f"There are metrics of the namespace {self.namespace} only.")
        given = {key: values[0] for key, values in parse_qs(query).items()}
        if found["api"] == EXTERNAL:
            return self._external(found["rest"], _labels(given.get("labelSelector", "")))
        if found["api"] == CUSTOM:
            labels = _labels(given.get("metricLabelSelector", ""))
            return self._custom(found["rest"], given.get("labelSelector", ""), labels)
        raise _not_found(f"{found['api']} is not served.")

    def _custom(self, rest: str, selector: str, labels: dict[str, str]) -> Any:
        kind, name, metric = (*map(unquote, rest.split("/")), "", "")[:3]  # clients write the asterisk as %2A
        if f"{kind}/{metric}" not in RESOURCES:
            raise _not_found(f"There is no metric {metric} of {kind}.")
        samples = self._samples(metric, labels)
        if kind == "pods":
            wanted = self.pods(selector) if name == "*" else {name}
            chosen = {one.labels.get("pod", ""): one for one in samples if one.labels.get("pod", "") in wanted}
        else:
            chosen = {one.labels["service"]: one for one in samples if one.labels.get("service") == name}
        if name != "*" and not chosen:
            raise _not_found(f"The value of {metric} of {kind}/{name} is not known.")
        described = {"kind": "Pod" if kind == "pods" else "Service", "namespace": self.namespace, "apiVersion": "v1"}
        items = [
            {
                "describedObject": {**described, "name": which},
                "metric": {"name": metric, "selector": None},
                **self._value(one.value, one.at),
            }
            for which, one in sorted(chosen.items())
        ]
        return {"kind": "MetricValueList", "apiVersion": CUSTOM, "metadata": {}, "items": items}

    def _external(self, metric: str, labels: dict[str, str]) -> Any:
        """Of a whole service: the sum over its pods, those that are gone left out."""
        if metric not in QUERIES:
            raise _not_found(f"There is no metric {metric}.")
        by_service: dict[str, list[Sample]] = {}
        for one in self._samples(metric, labels):
            by_service.setdefault(_service(one), []).append(one)
        there = set() if metric == LATENCY or not by_service else self.pods("")
        items = []
        for service, samples in sorted(by_service.items()):
            kept = [one for one in samples if "pod" not in one.labels or one.labels["pod"] in there]
            if kept:
                value = self._value(sum(one.value for one in kept), max(one.at for one in kept))
                items.append({"metricName": metric, "metricLabels": {"service": service}, **value})
        return {"kind": "ExternalMetricValueList", "apiVersion": EXTERNAL, "metadata": {}, "items": items}

    def _samples(self, metric: str, labels: dict[str, str]) -> list[Sample]:
        """Of the one service that labels may ask for; they have no others."""
        found = self.query(QUERIES[metric].format(window=f"{round(1000 * self.window)}ms"))
        return [one for one in found if labels in ({}, {"service": _service(one)})]

    def _value(self, value: float, at: float) -> dict[str, Any]:
        """A quantity in whole milli-units, as an autoscaler computes in them."""
        return {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
            "windowSeconds": round(self.window),
            "value": f"{round(1000 * value)}m",
        }


def _service(one: Sample) -> str:
    """Name of the deployment that a value is about."""
    return one.labels.get("service", "").removeprefix(HTTPLAT)


def _labels(selector: str) -> dict[str, str]:
    """Return the labels that a selector asks for; Refusal where it asks in another way than by equality."""
    wanted = {}
    for term in filter(None, selector.split(",")):
        found = _LABEL.fullmatch(term.strip())
        if found is None:
            raise Refusal(400, "BadRequest", f"Metrics are selected by label=value, not by {term!r}.")
        wanted[found[1]] = found[2]
    return wanted
