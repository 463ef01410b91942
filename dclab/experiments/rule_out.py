"""What else could hold the rate back, measured so that it can be ruled out: a replica's CPU, and Redis."""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

from dclab.lab import Lab, ProbeSpec

__all__ = ["Cpu", "cpu_per_replica", "redis_ms"]


class Cpu(NamedTuple):
    """CPU of one replica in millicores."""

    used: float
    requested: float
    limit: float | None = None
    """None where none is set."""


def cpu_per_replica(lab: Lab, deployments: tuple[str, ...]) -> dict[str, Cpu]:
    """What a replica uses, requests and may use at most, of those deployments that have been measured."""
    resources = lab.resources()
    found: dict[str, Cpu] = {}
    for name in deployments:
        usage = lab.usage(name)
        if usage:
            used = sum(one.cpu_millicores for one in usage) / len(usage)
            allowed = resources[name]
            found[name] = Cpu(used, allowed.cpu_request_millicores or 0.0, allowed.cpu_limit_millicores)
    return found


def redis_ms(lab: Lab) -> float | None:
    """Median milliseconds of the web UI's answer, for which it asks Redis twice; None when it gave none."""
    times = [one.total_ms for one in lab.probe("webui", ProbeSpec(path="/json", count=5)) if one.total_ms is not None]
    return median(times) if times else None
