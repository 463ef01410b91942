"""The data of a run: frozen, with units in the names, and one versioned JSON form.

Everything a report shows comes from here. The JSON schema is generated from these classes
(`json_schema`), and a file is validated against them when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "SCHEMA",
    "Autoscale",
    "AutoscaleEvent",
    "Bottleneck",
    "Caveat",
    "Condition",
    "Environment",
    "Evidence",
    "Intervention",
    "LatencySummary",
    "LoadTest",
    "MetricReading",
    "ModelFit",
    "Monitoring",
    "Rate",
    "Results",
    "Sweep",
    "SweepPoint",
    "TargetLatency",
    "TimelinePoint",
    "json_schema",
]

SCHEMA = "dclab/results/1"


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A true average in hashes per second with its 95 % confidence interval."""

    mean: float
    ci95_low: float
    ci95_high: float

    @property
    def relative_half_width(self) -> float:
        """Half the interval over the mean (0.02 is ±2 %); infinite for a mean of 0."""
        return (self.ci95_high - self.ci95_low) / 2 / self.mean if self.mean else float("inf")


@dataclass(frozen=True, kw_only=True)
class SweepPoint:
    """What was measured with one number of workers."""

    workers: int
    hashes_per_second: Rate
    webui_reading: float
    """Hashes/s that the web UI showed most often: what a person would have written down."""
    webui_readings: tuple[float, ...]
    """Every one-second reading of the web UI in the window."""
    seconds: float
    """Length of the window."""
    samples: int
    ready_seconds: float
    """How long scaling took: from the order until all were ready and none terminating."""
    on_cap: bool = False
    """True when the window ended at its longest, before the interval was as narrow as wanted."""
    probe_ms: Mapping[str, float] = field(default_factory=dict)
    """By service: how long httplat's probes waited on average in the window."""
    littles_law: float | None = None
    """How many workers the rate and those waits account for; None where a wait is not known."""


@dataclass(frozen=True, kw_only=True)
class ModelFit:
    """One model of rate against workers, fitted to the sweep."""

    name: str
    """linear, Amdahl, USL or bound."""
    parameters: Mapping[str, float]
    """As `dclab.measure.models` names them."""
    aicc: float | None
    """The lower, the better borne out; None where there are too few points to judge."""
    residuals: tuple[float, ...]
    """Measured less modelled hashes per second, by increasing number of workers."""
    knee: float | None = None
    """Workers at which the model bends: the bound's corner, or the USL's peak."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Workers scaled over a list of counts."""

    points: tuple[SweepPoint, ...]
    speedup: float | None = None
    """True rate at the most workers over the true rate at the fewest; None before there are two points."""
    speedup_ci95_low: float | None = None
    speedup_ci95_high: float | None = None
    webui_speedup: float | None = None
    """The same quotient of web UI readings: what a person would have concluded."""
    lost_workers: tuple[int, ...] = ()
    """Worker counts asked for whose point could not be measured."""
    models: tuple[ModelFit, ...] = ()
    best_model: str | None = None
    """Name of the model that the points bear out best; None when there are too few to tell."""


@dataclass(frozen=True, kw_only=True)
class LatencySummary:
    """Milliseconds over the successful requests; failed ones are counted, never timed."""

    min: float
    mean: float
    p50: float
    p95: float
    p99: float
    max: float
    count: int
    errors: int = 0
    histogram: str | None = None
    """The whole distribution, in HdrHistogram's base64 form (microseconds)."""
    connect: float | None = None
    """Mean until the connection stood."""
    first_byte: float | None = None
    """Mean until the first byte of the answer."""
    rate: float | None = None
    """Requests per second of an open loop, timed from when each was due; None is a closed loop, in which each
    request waits for the one before, so that a stall delays few of them."""


@dataclass(frozen=True, kw_only=True)
class TargetLatency:
    """One service's latency at one number of workers."""

    workers: int
    probe: LatencySummary
    """httping's measure: GET / on a fresh connection."""
    call: LatencySummary
    """What a worker waits for: GET /32 of rng, POST / of hasher."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One fact in a chain of reasons: a code that the report has words for, and its numbers."""

    code: str
    values: Mapping[str, float | str]


@dataclass(frozen=True, kw_only=True)
class Bottleneck:
    """The verdict: which service limits the rate, and the facts that say so."""

    service: str | None
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """One thing changed at a fixed number of workers, and what it did to the rate."""

    name: str
    """Such as `rng x2`."""
    workers: int
    hashes_per_second: Rate
    service: str | None = None
    """What was changed; None for the lab as it is."""
    replicas: int = 1
    """Of that service."""
    threads: int = 1
    """Requests that each replica serves at the same time."""
    choice: str = "random"
    """Load-balancing policy of the service (the key of the file keeps its first name)."""
    at_most: float | None = None
    """Hashes per second that theory allows (asymptotic bounds)."""
    predicted: float | None = None
    """Hashes per second that a simulation gives, with calls of 0.1 s and this load-balancing policy."""
    probe_ms: Mapping[str, float] = field(default_factory=dict)
    """By service: how long a probe waited on average meanwhile."""


@dataclass(frozen=True, kw_only=True)
class LoadTest:
    """A siege's own summary. Units as siege prints them: seconds, MB, hits."""

    target: str
    url: str
    concurrent: int
    requested_seconds: float
    generator: str
    """The program that made the load: `siege 4.0.7`, or `built-in`."""
    transactions: int
    availability_percent: float
    elapsed_seconds: float
    data_transferred_mb: float
    response_time_seconds: float
    transaction_rate: float
    """Transactions per second."""
    throughput_mb_per_second: float
    concurrency: float
    successful_transactions: int
    failed_transactions: int
    longest_transaction_seconds: float
    shortest_transaction_seconds: float
    workers: int | None = None
    """Workers that were running beside the load."""
    complete: bool = True
    """False when the load was stopped or broke off before its time."""
    generator_cores: float | None = None
    """CPU that the generator itself took on average; None where it is not known."""


@dataclass(frozen=True, kw_only=True)
class MetricReading:
    """What the autoscaler saw: for a CPU target, percent of the request."""

    type: str
    name: str
    current: float | None
    """None is Kubernetes' `<unknown>`."""
    target: float
    unit: str = "%"
    """% of the request, m (millicores), MB, or empty for a metric's own unit."""

    @property
    def figures(self) -> str:
        """Current value and target, as kubectl shows them: `12%/5%`, `<unknown>/500m`, `0.5/1.5`."""
        return f"{self._shown(self.current)}/{self._shown(self.target)}"

    def _shown(self, value: float | None) -> str:
        if value is None:
            return "<unknown>"
        if self.unit in ("%", "m"):
            return f"{value:.0f}{self.unit}"
        return f"{value:.3f}".rstrip("0").rstrip(".") + self.unit


@dataclass(frozen=True, kw_only=True)
class TimelinePoint:
    """The lab at one moment of the autoscaler demonstration."""

    t: float
    """Seconds since the demonstration began (real seconds, also when the clock is compressed)."""
    phase: Literal["baseline", "load", "autoscaled", "after-load"]
    current: int
    desired: int
    ready: int
    metrics: tuple[MetricReading, ...] = ()
    latency_ms: float | None = None
    """Mean of httplat's probes of the target since the last point."""
    hashes_per_second: float | None = None
    cpu_millicores: float | None = None
    """CPU of all replicas of the target together."""
    memory_mb: float | None = None
    """Memory of all replicas of the target together."""


@dataclass(frozen=True, kw_only=True)
class AutoscaleEvent:
    """An event of the autoscaler, or a mark of the demonstration itself."""

    t: float
    type: str
    """Normal or Warning, as in Kubernetes; Demo for the demonstration's own marks."""
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A condition of the autoscaler, as Kubernetes words it."""

    type: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Autoscale:
    """One autoscaler demonstration, from baseline to rest."""

    target: str
    workers: int
    manifest: Mapping[str, Any]
    """The HorizontalPodAutoscaler as applied."""
    clock_speed: float
    """1 is Kubernetes' clock; 5 means that every window and period ran five times faster."""
    request_millicores: float
    """CPU request of one replica: what the percentage is a percentage of."""
    timeline: tuple[TimelinePoint, ...]
    events: tuple[AutoscaleEvent, ...]
    conditions: tuple[Condition, ...] = ()
    at_rest: bool = False
    """True when desired stayed unchanged for one stabilization window plus two syncs after the load."""
    explanation: tuple[Evidence, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """The exercise's PromQL over the run."""

    source: str
    """`prometheus 2.42.0`, or `exporter` where no Prometheus is installed."""
    query: str
    series: Mapping[str, tuple[tuple[float, float], ...]]
    """Per target: (unix seconds, milliseconds)."""


@dataclass(frozen=True, kw_only=True)
class Caveat:
    """Something about the measurement itself that the reader must know."""

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Where and with what a run was made."""

    dclab: str
    python: str
    system: str
    cpus: int
    memory_mb: int
    engine_reason: str
    """Why this engine was taken."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the programs that took part: redis, siege, prometheus, kubernetes."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """One run. A part that is None was not measured (yet)."""

    schema: str
    engine: str
    lab: str
    command: str
    started: str
    """ISO 8601, with the offset from UTC."""
    environment: Environment
    quick: bool = False
    """True for a compressed run: shorter windows, the autoscaler's clock at five times its speed."""
    finished: str | None = None
    """ISO 8601; None while the run is under way, or when it was interrupted."""
    sweep: Sweep | None = None
    latency: Mapping[str, TargetLatency] | None = None
    """By service: rng, hasher; with several numbers of workers, at the highest of them."""
    latency_by_workers: tuple[Mapping[str, TargetLatency], ...] = ()
    """The same at each number of workers, in the order in which they were measured; empty for one number."""
    bottleneck: Bottleneck | None = None
    interventions: tuple[Intervention, ...] = ()
    loadtest: LoadTest | None = None
    autoscale: Autoscale | None = None
    monitoring: Monitoring | None = None
    caveats: tuple[Caveat, ...] = ()


def json_schema() -> dict[str, Any]:
    """JSON schema of results.json, generated from the classes above."""
    import msgspec

    return msgspec.json.schema(Results)
