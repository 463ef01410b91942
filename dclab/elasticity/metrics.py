"""The four metrics that autoscalers of DockerCoins are compared on."""

from __future__ import annotations

from dclab.autoscaler import AutoscalerSpec
from dclab.autoscaler.served import IN_FLIGHT, LATENCY, REQUESTS

__all__ = ["METRICS", "metric_of"]

METRICS = ("cpu", "latency", "requests", "inflight")

_NAMES = {"cpu": "cpu", LATENCY: "latency", REQUESTS: "requests", IN_FLIGHT: "inflight"}


def metric_of(spec: AutoscalerSpec) -> str:
    """Return which of METRICS an autoscaler uses, or the name of another one; several are joined by " + "."""
    return " + ".join(dict.fromkeys(_NAMES.get(one.name, one.name) for one in spec.metrics))
