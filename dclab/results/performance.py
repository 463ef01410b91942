"""What was measured of the lab's speed: rates, latencies, the bottleneck, the load test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from dclab.results.bounds import Amount, Count, HashRate, Name, Real, Replicas, Text

__all__ = [
    "Bottleneck",
    "Evidence",
    "Intervention",
    "LatencySummary",
    "LoadTest",
    "ModelFit",
    "ModelName",
    "Rate",
    "Sweep",
    "SweepPoint",
    "TargetLatency",
]

ModelName = Literal["linear", "Amdahl", "USL", "bound"]


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A true average in hashes per second with its 95 % confidence interval."""

    mean: HashRate
    ci95_low: HashRate
    ci95_high: HashRate
    seconds: Amount | None = None
    """Length of the window; None in files of older versions."""
    reports: Count | None = None
    """Reports of workers that it rests on; None where who reported is not known."""
    on_cap: bool = False
    """Whether the window ended at its longest, before the interval was as narrow as wanted."""
    unstable: bool = False
    """Whether the rate varied more than the process by itself does; the interval is widened accordingly."""

    @property
    def half_width(self) -> float:
        """Half the interval."""
        return (self.ci95_high - self.ci95_low) / 2

    @property
    def relative_half_width(self) -> float:
        """Half the interval over the mean (0.02 is ±2 %); infinite for a mean of 0."""
        return self.half_width / self.mean if self.mean else float("inf")


@dataclass(frozen=True, kw_only=True)
class SweepPoint:
    """What was measured with one number of workers."""

    workers: Annotated[int, Meta(ge=1, le=10_000)]
    hashes_per_second: Rate
    webui_reading: HashRate
    """Hashes/s that the web UI showed most often: what a person would have written down."""
    webui_readings: tuple[HashRate, ...]
    """Every one-second reading of the web UI in the window."""
    seconds: Amount
    """Length of the window."""
    samples: Count
    ready_seconds: Amount
    """How long scaling took: from the order until all were ready and none terminating."""
    on_cap: bool = False
    """True when the window ended at its longest, before the interval was as narrow as wanted."""
    probe_ms: Mapping[Name, Amount] = field(default_factory=dict)
    """By service: how long httplat's probes waited on average in the window."""
    probes: Mapping[Name, Count] = field(default_factory=dict)
    """By service: of how many probes that is the mean; empty in files of older versions."""
    rng_replicas: Replicas | None = None
    """Replicas of rng that were ready then; None in files of older versions."""
    littles_law: Amount | None = None
    """How many workers the rate and those waits account for; None where a wait is not known."""


@dataclass(frozen=True, kw_only=True)
class ModelFit:
    """One model of rate against workers, fitted to the sweep."""

    name: ModelName
    parameters: Mapping[Name, Amount]
    """As `dclab.measure.models` names them."""
    aicc: Real | None
    """The lower, the better the points support the model; None where there are too few points to judge."""
    residuals: tuple[Real, ...]
    """Measured less modelled hashes per second, by increasing number of workers."""
    knee: Amount | None = None
    """Workers at which the model bends: the bound's corner, or the USL's peak."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Workers scaled over a list of counts."""

    points: Annotated[tuple[SweepPoint, ...], Meta(max_length=1000)]
    speedup: Amount | None = None
    """True rate at the most workers over the true rate at the fewest; None before there are two points."""
    speedup_ci95_low: Real | None = None
    speedup_ci95_high: Real | None = None
    webui_speedup: Amount | None = None
    """The same quotient of web UI readings: what a person would have concluded."""
    lost_workers: tuple[Replicas, ...] = ()
    """Worker counts asked for whose point could not be measured."""
    models: Annotated[tuple[ModelFit, ...], Meta(max_length=20)] = ()
    best_model: Name | None = None
    """Name of the model that the points support best; None when there are too few to tell."""


@dataclass(frozen=True, kw_only=True)
class LatencySummary:
    """Milliseconds of the requests that were answered or timed out; others that failed are counted, never timed.

    A request that timed out is right-censored: it would have taken longer than it was waited for, and stands for that. So
    mean, percentiles and maximum are lower bounds as far as they rest on such requests.
    """

    min: Amount
    mean: Amount
    """A lower bound where `timeouts` is not 0."""
    p50: Amount
    p95: Amount
    p99: Amount
    """Percentiles are values of the nearest rank, whether or not there are enough requests to carry them."""
    max: Amount
    count: Count
    """Requests that were answered."""
    errors: Count = 0
    """Requests that failed, those that timed out among them."""
    histogram: Annotated[str, Meta(max_length=200_000)] | None = None
    """The whole distribution of those that were answered, in HdrHistogram's base64 form (microseconds)."""
    connect: Amount | None = None
    """Mean time until the connection was established."""
    first_byte: Amount | None = None
    """Mean time until the first byte of the response."""
    mean_ci95: tuple[Amount, Amount] | None = None
    """95 % interval of the mean; None of a single request, and in files of older versions."""
    rate: Amount | None = None
    """Requests per second of an open loop, each measured from its scheduled start; None is a closed loop, in which each
    request waits for the one before, so that a stall delays few of them."""
    timeouts: Count = 0
    """Of the errors: how many requests had no complete response in time."""
    timeout_ms: Amount | None = None
    """The shortest timeout of those requests; every figure of at least this size is a lower bound. None: there were none."""
    unsent: Count = 0
    """Of the timeouts: requests of an open loop that were never sent, because too many others were under way."""
    carried: tuple[Name, ...] | None = None
    """Percentiles of which these requests give a distribution-free upper 95 % confidence bound: `p50` from 5 requests,
    `p95` from 59, `p99` from 299. None in files of older versions."""
    p50_ci95_low: Amount | None = None
    p50_ci95_high: Amount | None = None
    """95 % confidence interval of the median, by order statistics; None where there are too few requests, or where it is
    open upwards because of timeouts."""


@dataclass(frozen=True, kw_only=True)
class TargetLatency:
    """One service's latency at one number of workers."""

    workers: Replicas
    probe: LatencySummary
    """httping's measure: GET / on a fresh connection."""
    call: LatencySummary
    """What a worker waits for: GET /32 of rng, POST / of hasher."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One fact in a chain of reasons: a code that the report turns into a sentence, and its numbers."""

    code: Name
    values: Mapping[Name, Real | Text]


@dataclass(frozen=True, kw_only=True)
class Bottleneck:
    """The verdict: which service limits the rate, and the facts that say so."""

    service: Name | None
    certainty: Literal["proved", "suspected"] | None = None
    """Proved: a change of the service raised the rate. Suspected: requests queue at it, and no change has shown more.
    None where no service is named, and in files of older versions."""
    evidence: Annotated[tuple[Evidence, ...], Meta(max_length=1000)]


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """One thing changed at a fixed number of workers, and what it did to the rate."""

    name: Name
    """Such as `rng x2`."""
    workers: Replicas
    hashes_per_second: Rate
    service: Name | None = None
    """What was changed; None for the lab as it is."""
    replicas: Replicas = 1
    """Of that service."""
    threads: Replicas = 1
    """Requests that each replica serves at the same time."""
    rngs: Replicas | None = None
    """Replicas of rng meanwhile; None in files of older versions."""
    hashers: Replicas | None = None
    """The same of hasher."""
    choice: Name = "random"
    """Load-balancing policy of the service (the key of the file keeps its first name)."""
    at_most: HashRate | None = None
    """Hashes per second that theory allows (asymptotic bounds)."""
    predicted: HashRate | None = None
    """Hashes per second that a simulation gives, with calls of 0.1 s and this load-balancing policy."""
    probe_ms: Mapping[Name, Amount] = field(default_factory=dict)
    """By service: how long a probe waited on average meanwhile."""
    probe_ms_ci95: Mapping[Name, tuple[Amount, Amount]] = field(default_factory=dict)
    """By service: the 95 % interval of that mean; none of a single probe, nor in files of older versions."""


@dataclass(frozen=True, kw_only=True)
class LoadTest:
    """Siege's own summary, in the units that it prints: seconds, MB, hits."""

    target: Name
    url: Text
    concurrent: Count
    requested_seconds: Amount
    generator: Name
    """The program that made the load: `siege 4.0.7`, or `built-in`."""
    transactions: Count
    availability_percent: Annotated[float, Meta(ge=0, le=100)]
    elapsed_seconds: Amount
    data_transferred_mb: Amount
    response_time_seconds: Amount
    transaction_rate: Amount
    """Transactions per second."""
    throughput_mb_per_second: Amount
    concurrency: Amount
    successful_transactions: Count
    failed_transactions: Count
    longest_transaction_seconds: Amount
    shortest_transaction_seconds: Amount
    workers: Replicas | None = None
    """Workers that were running under the load."""
    complete: bool = True
    """False when the load was stopped or ended before its time."""
    generator_cores: Amount | None = None
    """CPU that the generator itself took on average; None where it is not known."""
