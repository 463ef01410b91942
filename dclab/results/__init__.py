"""The data of a run: frozen, with units in the names, bounds in the types, and one versioned JSON form.

Everything a report shows comes from here. The JSON schema is generated from these classes
(`json_schema`), and a file is validated against them when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta

from dclab.results.autoscale import Autoscale, AutoscaleEvent, Condition, MetricReading, TimelinePoint
from dclab.results.bounds import Amount, Count, Name, Text
from dclab.results.elasticity import (
    AutoscalerRun,
    Comparison,
    DemandStep,
    Elasticity,
    ElasticityVerdict,
    ElasticPoint,
    Spread,
)
from dclab.results.health import HealthEvent, HealthLook, HealthPhase, HealthPrediction, ProbeDemo, ReplicaHealth
from dclab.results.kept import KeptFile
from dclab.results.performance import (
    Bottleneck,
    Evidence,
    Intervention,
    LatencySummary,
    LoadTest,
    ModelFit,
    ModelName,
    Rate,
    Sweep,
    SweepPoint,
    TargetLatency,
)
from dclab.results.pods import Pods, PodState, Resources, ServiceUsage
from dclab.results.rollout import Loss, RolloutDemo, Stuck, Took

__all__ = [
    "SCHEMA",
    "Autoscale",
    "AutoscaleEvent",
    "AutoscalerRun",
    "Bottleneck",
    "Caveat",
    "Comparison",
    "Condition",
    "DemandStep",
    "ElasticPoint",
    "Elasticity",
    "ElasticityVerdict",
    "Environment",
    "Evidence",
    "HealthEvent",
    "HealthLook",
    "HealthPhase",
    "HealthPrediction",
    "Intervention",
    "KeptFile",
    "LatencySummary",
    "LoadTest",
    "Loss",
    "MetricReading",
    "ModelFit",
    "ModelName",
    "Monitoring",
    "PodState",
    "Pods",
    "ProbeDemo",
    "Rate",
    "ReplicaHealth",
    "Resources",
    "Results",
    "RolloutDemo",
    "ServiceUsage",
    "Spread",
    "Stuck",
    "Sweep",
    "SweepPoint",
    "TargetLatency",
    "TimelinePoint",
    "Took",
    "json_schema",
]

SCHEMA = "dclab/results/1"


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """The exercise's PromQL over the run."""

    source: Name
    """`prometheus 2.42.0`, or `exporter` where no Prometheus is installed."""
    query: Name
    series: Annotated[Mapping[Name, tuple[tuple[Amount, Amount], ...]], Meta(max_length=100)]
    """Per target: (unix seconds, milliseconds)."""


@dataclass(frozen=True, kw_only=True)
class Caveat:
    """Something about the measurement itself that the reader must know."""

    code: Name
    message: Text
    hint: Text = ""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Where and with what a run was made."""

    dclab: Name
    python: Name
    system: Name
    cpus: Count
    memory_mb: Count
    engine_reason: Text
    """Why this engine was used."""
    versions: Mapping[Name, Name] = field(default_factory=dict)
    """Of the programs that took part: redis, siege, prometheus, kubernetes."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """One run. A part that is None was not measured (yet)."""

    schema: Name
    engine: Literal["embedded", "kube"]
    lab: Name
    command: Text
    started: Name
    """ISO 8601, with the offset from UTC."""
    environment: Environment
    quick: bool = False
    """True for a compressed run: fewer changes and requests, the autoscaler's clock faster than Kubernetes'."""
    finished: Name | None = None
    """ISO 8601; None while the run is under way, or when it was interrupted."""
    sweep: Sweep | None = None
    latency: Mapping[Name, TargetLatency] | None = None
    """By service: rng, hasher; with several numbers of workers, at the highest of them."""
    latency_by_workers: tuple[Mapping[Name, TargetLatency], ...] = ()
    """The same at each number of workers, in the order in which they were measured; empty for one number."""
    pods: Pods | None = None
    """CPU and memory of every service at numbers of workers."""
    bottleneck: Bottleneck | None = None
    interventions: Annotated[tuple[Intervention, ...], Meta(max_length=200)] = ()
    loadtest: LoadTest | None = None
    autoscale: Autoscale | None = None
    comparison: Comparison | None = None
    """Autoscalers side by side (`hpa-compare`)."""
    monitoring: Monitoring | None = None
    probes: ProbeDemo | None = None
    """An HTTP health probe under load (`probe-demo`)."""
    rollout: RolloutDemo | None = None
    """A rolling update to a bad image and back (`rollout-demo`)."""
    caveats: tuple[Caveat, ...] = ()
    raw: Annotated[Mapping[Name, KeptFile], Meta(max_length=1000)] = field(default_factory=dict)
    """By name: each file of raw/; empty in files of older versions."""
    seal: Name | None = None
    """Checksum of all the rest, by which `dclab verify` sees a later change; None until the run is finished."""


def json_schema() -> dict[str, Any]:
    """JSON schema of results.json, generated from the classes above."""
    import msgspec

    return msgspec.json.schema(Results)
