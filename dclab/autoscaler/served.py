"""The metrics of DockerCoins that a lab serves to autoscalers, and what becomes of one that asks for another."""

from __future__ import annotations

from collections.abc import Collection

from dclab.autoscaler.spec import AutoscalerSpec
from dclab.errors import InvalidInput

__all__ = ["IN_FLIGHT", "LATENCY", "REQUESTS", "SERVICE_LABEL", "check_served", "served_metrics"]

LATENCY = "httplat_latency_seconds"
"""Of the Service `httplat-<target>`: mean seconds of its probes."""
REQUESTS = "dockercoins_requests_per_second"
"""Of each replica: requests that it accepts a second."""
IN_FLIGHT = "dockercoins_in_flight"
"""Of each replica: requests that it holds, waiting or in progress, on average."""

SERVICE_LABEL = "service"
"""By which a selector says whose metric it means; without a selector, it is that of the autoscaler's own target."""


def served_metrics(target: str) -> Collection[str]:
    """Return all metrics of one deployment whose replicas are counted, named as `MetricSpec.served_as` does."""
    return (
        "resource/cpu",
        f"services/httplat-{target}/{LATENCY}",
        *(f"pods/{name}" for name in (REQUESTS, IN_FLIGHT)),
        *(f"external/{name}" for name in (LATENCY, REQUESTS, IN_FLIGHT)),
    )


def check_served(spec: AutoscalerSpec, served: Collection[str]) -> None:
    """Return when an autoscaler's metrics are all among those that are served to it.

    Raises:
        InvalidInput: some are not. It names them, and what is served.
    """
    missing = [one for one in spec.metrics if one.served_as not in served]
    if missing:
        raise InvalidInput(
            f"The autoscaler {spec.name!r} asks for {' and '.join(one.served_as for one in missing)}, which nobody serves.",
            f"For {spec.target} there are: {', '.join(sorted(served))}.",
            "Change the metric in the manifest to one of these.",
        )
    for one in spec.metrics:
        others = one.labels is None or [key for key, _ in one.labels if key != SERVICE_LABEL]
        if others and one.type != "Resource":
            raise InvalidInput(
                f"The selector of {one.served_as} in the autoscaler {spec.name!r} selects nothing.",
                f"The metric has one label, {SERVICE_LABEL}, with a deployment's name.",
                f"Use matchLabels {{{SERVICE_LABEL}: {spec.target}}}, or remove the selector.",
            )
