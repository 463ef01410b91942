"""CPU and memory of the services at numbers of workers, as `kubectl top pods` would show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from dclab.results.bounds import Amount, Count, Name, Replicas, Seconds

__all__ = ["PodState", "Pods", "Resources", "ServiceUsage"]


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one replica requests, and what it may use at most; None where nothing is set."""

    cpu_request_millicores: Amount | None = None
    cpu_limit_millicores: Amount | None = None
    memory_request_mib: Amount | None = None
    memory_limit_mib: Amount | None = None


@dataclass(frozen=True, kw_only=True)
class ServiceUsage:
    """What the replicas of a service use together."""

    replicas: Replicas
    windows: Count
    """Windows of the metric, of each replica, over which the figures are means."""
    cpu_millicores: Amount
    cpu_ci95: tuple[Amount, Amount] | None = None
    """95 % interval of that mean, from how the windows differ; None of a single window."""
    memory_mib: Amount
    resources: Resources = Resources()


@dataclass(frozen=True, kw_only=True)
class PodState:
    """One number of workers, while nothing else changed."""

    workers: Replicas
    began: Seconds
    """Unix seconds on the lab's clock. Every window lies wholly between `began` and `ended`."""
    ended: Seconds
    window_seconds: Amount
    """Mean length of a window."""
    services: Annotated[Mapping[Name, ServiceUsage], Meta(max_length=100)]


@dataclass(frozen=True, kw_only=True)
class Pods:
    """CPU and memory at each number of workers that was held for long enough."""

    source: Name
    """`processes` of this machine, or `metrics.k8s.io`."""
    cores: Amount | None = None
    """CPUs of the machine or of the nodes; None where they may not be read."""
    states: Annotated[tuple[PodState, ...], Meta(max_length=1000)]
    """By increasing number of workers."""
