"""The four metrics that DockerCoins can be scaled on, and the names under which a lab serves them."""

from __future__ import annotations

from collections.abc import Sequence

from dclab.autoscaler import AutoscalerSpec
from dclab.autoscaler.spec import MetricSpec

__all__ = ["IN_FLIGHT", "LATENCY", "METRICS", "REQUESTS", "metric_of", "served", "served_name"]

METRICS = ("cpu", "latency", "requests", "inflight")

LATENCY = "httplat_latency_seconds"
"""Of the Service `httplat-<target>`: mean seconds of its probes."""
REQUESTS = "dockercoins_requests_per_second"
"""Of each replica: requests that it accepts a second."""
IN_FLIGHT = "dockercoins_in_flight"
"""Of each replica: requests that it holds, waiting or in progress, on average."""

_NAMES = {"cpu": "cpu", LATENCY: "latency", REQUESTS: "requests", IN_FLIGHT: "inflight"}


def metric_of(spec: AutoscalerSpec) -> str:
    """Return which of METRICS an autoscaler uses, or the name of another one; several are joined by " + "."""
    return " + ".join(dict.fromkeys(_NAMES.get(one.name, one.name) for one in spec.metrics))


def served(target: str) -> Sequence[str]:
    """Return all metrics of one target that a lab serves, as `Lab.served_metrics` names them."""
    external = (f"external/{name}" for name in (LATENCY, REQUESTS, IN_FLIGHT))
    return ("resource/cpu", f"pods/{REQUESTS}", f"pods/{IN_FLIGHT}", f"services/httplat-{target}/{LATENCY}", *external)


def served_name(metric: MetricSpec) -> str:
    """Return the name by which `Lab.served_metrics` has a metric."""
    if metric.type == "Object":
        return f"{metric.object_kind.lower()}s/{metric.object_name}/{metric.name}"
    return f"{metric.type.lower()}/{metric.name}"
