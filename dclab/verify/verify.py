"""A whole run held to its raw data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dclab.results import Results
from dclab.run_folder import load_results
from dclab.verify.autoscaling import verify_autoscaling
from dclab.verify.comparison import verify_comparison
from dclab.verify.conclusions import verify_conclusions
from dclab.verify.finding import Finding
from dclab.verify.latencies import verify_latencies
from dclab.verify.physics import verify_physics
from dclab.verify.pods import verify_pods
from dclab.verify.rates import verify_rates
from dclab.verify.raw import Raw, read_raw

__all__ = ["Verification", "verify_run"]


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was found."""

    findings: tuple[Finding, ...]
    rates: int
    """Rates that were computed once more."""
    requests: int
    """Requests of which latencies were."""
    passes: int
    """Passes of an autoscaler that were decided once more."""
    not_shown: tuple[str, ...]
    """Parts of the results for which there are no raw data, so that nobody can say whether they are right."""


def verify_run(folder: Path) -> Verification:
    """Compute what can be computed from a run's raw data, and hold it to the results.

    Raises:
        InvalidInput: the folder holds no run, or no raw data, or one of another version.
    """
    results, raw = load_results(folder), read_raw(folder)
    findings = (
        *verify_rates(results, raw),
        *verify_latencies(results, raw),
        *verify_autoscaling(results, raw, folder),
        *verify_comparison(results, raw, folder),
        *verify_pods(results, raw),
        *verify_conclusions(results),
        *verify_physics(results, raw),
    )
    traces = (folder / "raw").glob("hpa-trace*.jsonl")
    return Verification(
        findings=findings,
        rates=len(raw.windows),
        requests=len(raw.latency),
        passes=sum(max(0, len(one.read_bytes().splitlines()) - 1) for one in traces),
        not_shown=tuple(_not_shown(results, raw)),
    )


def _not_shown(results: Results, raw: Raw) -> list[str]:
    parts = []
    if results.autoscale and results.autoscale.rates:
        parts.append("autoscale.rates")
    if results.pods:
        parts.append("pods.states[…].services.….resources")
    if results.monitoring:
        parts.append("monitoring")
    if results.comparison and any(one.predicted for one in results.comparison.runs):
        parts.append("comparison.runs[…].predicted")
    if any(
        one.code.startswith(("cpu-", "redis-")) for one in (results.bottleneck.evidence if results.bottleneck else ())
    ):
        parts.append("CPU and Redis in bottleneck.evidence")
    if results.sweep and results.sweep.points and any(one.probe_ms for one in results.sweep.points):
        parts.append("sweep.points[…].probe_ms")
    return parts
