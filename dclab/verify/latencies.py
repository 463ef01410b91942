"""Recompute latencies from each request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import to_builtins

from dclab.errors import LabLost
from dclab.lab import ProbeSample
from dclab.measure.latency import summarise
from dclab.results import LatencySummary, Results, TargetLatency
from dclab.verify.finding import Finding, differences
from dclab.verify.raw import Raw

__all__ = ["requests_checked", "verify_latencies"]


def verify_latencies(results: Results, raw: Raw) -> Iterator[Finding]:
    """Yield what differs, of each service, at each number of workers."""
    yield from _latencies("latency", results.latency or {}, raw)
    for index, one in enumerate(results.latency_by_workers):
        yield from _latencies(f"latency_by_workers[{index}]", one, raw)


def requests_checked(results: Results) -> int:
    """Return how many requests the latencies of the results are of."""
    found = results.latency_by_workers or (results.latency or {},)
    return sum(each.count + each.errors for one in found for two in one.values() for each in (two.probe, two.call))


def _latencies(where: str, latency: Mapping[str, TargetLatency], raw: Raw) -> Iterator[Finding]:
    for name, one in latency.items():
        for what, said in (("probe", one.probe), ("call", one.call)):
            yield from _summary(f"{where}.{name}.{what}", said, _samples(raw, name, what, one.workers))


def _samples(raw: Raw, target: str, what: str, workers: int) -> list[ProbeSample]:
    rows = [one for one in raw.latency if (one.target, one.what, one.workers) == (target, what, workers)]
    return [
        ProbeSample(
            at=one.at,
            late_ms=one.late_ms,
            total_ms=one.total_ms,
            connect_ms=one.connect_ms,
            first_byte_ms=one.first_byte_ms,
            status=one.status,
            error=one.error,
            gave_up_ms=one.gave_up_ms,
            sent=one.sent,
        )
        for one in rows
    ]


def _summary(where: str, said: LatencySummary, samples: list[ProbeSample]) -> Iterator[Finding]:
    asked = said.count + said.errors
    if len(samples) < asked:
        yield Finding(where=where, why=f"it is of {asked} requests, and the raw data have {len(samples)}")
        return
    try:  # a series that something changed in was made once more; the last one counts
        found = summarise(samples[-asked:], said.rate)
    except LabLost as error:
        yield Finding(where=where, why=f"the raw data give none ({error.why.rstrip('.')})")
        return
    yield from differences(where, to_builtins(said), to_builtins(found))
