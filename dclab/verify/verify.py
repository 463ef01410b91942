"""Check a whole run against its raw data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dclab.results import Results
from dclab.run_folder import RAW, load_results
from dclab.verify.autoscaling import passes_checked, read_beside, verify_autoscaling
from dclab.verify.comparison import verify_comparison
from dclab.verify.conclusions import verify_conclusions
from dclab.verify.finding import Finding
from dclab.verify.graph import verify_graph
from dclab.verify.health import verify_health
from dclab.verify.integrity import verify_integrity
from dclab.verify.latencies import requests_checked, verify_latencies
from dclab.verify.physics import verify_physics
from dclab.verify.pods import verify_pods
from dclab.verify.rates import rates_checked, verify_rates
from dclab.verify.raw import Raw, read_raw

__all__ = ["Verification", "verify_run"]


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was found."""

    findings: tuple[Finding, ...]
    rates: int
    """Rates of the results that were recomputed."""
    requests: int
    """Requests from which the latencies of the results were recomputed."""
    passes: int
    """Passes of autoscalers that were replayed."""
    finished: bool
    """False of a run that was interrupted: what it lacks cannot be checked."""
    sealed: bool
    """Whether the run has checksums, which reveal any later change."""
    not_shown: tuple[str, ...]
    """Parts of the results that do not follow from raw data, so that only the checksums protect them."""


def verify_run(folder: Path) -> Verification:
    """Recompute what follows from a run's raw data, and compare it with the results.

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
        *verify_graph(results, raw),
        *verify_health(results, raw),
        *verify_conclusions(results),
        *verify_physics(results, raw),
        *verify_integrity(results, folder),
    )
    beside = {file: read_beside(file) for file in sorted((folder / RAW).glob("hpa-trace*.jsonl"))}
    return Verification(
        findings=findings,
        rates=rates_checked(results, raw),
        requests=requests_checked(results),
        passes=sum(passes_checked(file) - number for file, number in beside.items()),
        finished=results.finished is not None,
        sealed=results.seal is not None,
        not_shown=tuple(_not_shown(results, raw, folder, beside)),
    )


def _not_shown(results: Results, raw: Raw, folder: Path, beside: Mapping[Path, int]) -> Iterator[str]:
    windows = {one.what for one in raw.windows}
    if results.autoscale:
        if any(f"demonstration {one}" not in windows for one in results.autoscale.rates):
            yield "autoscale.rates"
        if not (folder / RAW / "hpa-trace.jsonl").exists():
            yield "the autoscaler's decisions in autoscale.events"
    for file, number in beside.items():
        if number:
            yield f"{number} of {passes_checked(file)} decisions in raw/{file.name}"
    if results.pods:
        yield "pods.states[…].services.….resources"
    if results.monitoring and not raw.monitoring:
        yield "monitoring"
    if results.comparison and any(one.predicted for one in results.comparison.runs):
        yield "comparison.runs[…].predicted"
    evidence = results.bottleneck.evidence if results.bottleneck else ()
    if any(one.code.startswith(("cpu-", "redis-")) for one in evidence):
        yield "CPU and Redis in bottleneck.evidence"
    if results.rollout and any(results.rollout.failed.values()):
        yield "rollout.failed"
    if results.sweep and any(one.probe_ms for one in results.sweep.points):
        yield "sweep.points[…].probe_ms"
    yield "environment, command and warnings"
