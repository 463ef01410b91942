"""What else could hold the rate back, measured so that it can be ruled out: a replica's CPU, and Redis."""

from __future__ import annotations

from statistics import median

from dclab.lab import Lab, ProbeSpec

__all__ = ["cpu_per_replica", "redis_ms"]


def cpu_per_replica(lab: Lab, deployments: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Millicores that a replica uses and requests, of those deployments that have been measured."""
    found: dict[str, tuple[float, float]] = {}
    for name in deployments:
        usage = lab.usage(name)
        if usage:
            used = sum(one.cpu_millicores for one in usage) / len(usage)
            found[name] = used, lab.cpu_request_millicores(name)
    return found


def redis_ms(lab: Lab) -> float | None:
    """Median milliseconds of the web UI's answer, for which it asks Redis twice; None when it gave none."""
    times = [one.total_ms for one in lab.probe("webui", ProbeSpec(path="/json", count=9)) if one.total_ms is not None]
    return median(times) if times else None
