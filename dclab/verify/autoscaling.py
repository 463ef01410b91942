"""The load test from what siege printed, the demonstration from its points and from the autoscaler's passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from dclab.autoscaler import parse_autoscaler
from dclab.autoscaler.trace import followed, outcome, read, replay
from dclab.errors import DclabError
from dclab.experiments.explain_autoscale import explain
from dclab.measure.siege import SiegeSummary, parse_siege
from dclab.results import Autoscale, LoadTest, Results
from dclab.verify.finding import Finding, differences
from dclab.verify.raw import Raw

__all__ = ["must_have_trace", "passes_checked", "read_beside", "verify_autoscaling", "verify_trace"]

EMBEDDED = "embedded"
"""In place of Kubernetes' version, in the trace of the embedded autoscaler, which writes down itself what it saw."""
READ_BESIDE = 0.2
"""Share of the passes of a real controller that may come out otherwise: what it saw is read up to a second beside its own reading."""

SIEGE_NAMES = {
    "availability": "availability_percent",
    "elapsed_time": "elapsed_seconds",
    "data_transferred": "data_transferred_mb",
    "response_time": "response_time_seconds",
    "throughput": "throughput_mb_per_second",
    "longest_transaction": "longest_transaction_seconds",
    "shortest_transaction": "shortest_transaction_seconds",
}
"""Of siege's summary in the results, where they are others."""


def verify_autoscaling(results: Results, raw: Raw, folder: Path) -> Iterator[Finding]:
    """Yield what differs."""
    if results.loadtest:
        yield from _load(results.loadtest, raw)
    if results.autoscale:
        yield from _demonstration(results.autoscale, raw, whole=results.finished is not None)
        trace = folder / "raw" / "hpa-trace.jsonl"
        if trace.exists():
            yield from verify_trace(results.autoscale.manifest, trace)
            yield from _rescales(results.autoscale, trace)
        if must_have_trace(results):
            for name in ("hpa.jsonl", trace.name):
                if not (trace.parent / name).exists():
                    yield Finding(
                        where=f"raw/{name}", why="the autoscaler ran to the end of its demonstration, and it is missing"
                    )


def must_have_trace(results: Results) -> bool:
    """Return whether the autoscaler's passes must be in the raw data.

    They are fetched when the demonstration is over; one that was cut off, or whose lab was lost, may have none.
    """
    found = results.autoscale
    if found is None or not any(one.metrics for one in found.timeline):
        return False
    broke_off = any(one.code == "part-failed" and "demonstration" in one.message for one in results.caveats)
    return results.finished is not None and not broke_off


def _load(said: LoadTest, raw: Raw) -> Iterator[Finding]:
    if not raw.siege:
        yield Finding(where="loadtest", why="the raw data have no output of siege")
        return
    row = raw.siege[-1]
    try:
        summary = parse_siege(row.log)
    except DclabError as error:
        yield Finding(where="raw/siege.jsonl", why=error.why.rstrip("."))
        return
    parts = to_builtins(said)
    for one in fields(SiegeSummary):
        name = SIEGE_NAMES.get(one.name, one.name)
        yield from differences(f"loadtest.{name}", parts[name], getattr(summary, one.name))
    yield from differences("loadtest.url", said.url, row.url)
    rate = summary.transactions / summary.elapsed_time if summary.elapsed_time else 0.0
    if abs(rate - summary.transaction_rate) > 0.01 * rate + 0.01:
        yield Finding(
            where="raw/siege.jsonl",
            why=f"{summary.transactions} transactions in {summary.elapsed_time:g} s are {rate:.2f} a second, and it says "
            f"{summary.transaction_rate:g}",
        )


def _demonstration(said: Autoscale, raw: Raw, *, whole: bool) -> Iterator[Finding]:
    # A run may have been killed after it wrote a point to the raw data, and before it wrote it to the results.
    points = raw.autoscale if whole else raw.autoscale[: max(len(said.timeline), len(raw.autoscale) - 1)]
    yield from differences("autoscale.timeline", to_builtins(said.timeline), to_builtins(points))
    if raw.hpa:
        yield from differences("autoscale.manifest", to_builtins(said.manifest), raw.hpa[-1])
    computed = explain(said.timeline, said.request_millicores, at_rest=said.at_rest, rates=said.rates)
    yield from differences("autoscale.explanation", to_builtins(said.explanation), to_builtins(computed))
    times = [one.t for one in said.events]
    if times != sorted(times):
        yield Finding(where="autoscale.events", why="they are not in order of time")


def verify_trace(manifest: Mapping[str, Any], file: Path) -> Iterator[Finding]:
    """Yield where Kubernetes' algorithm over what the autoscaler saw does not come to what it decided.

    Args:
        manifest: the autoscaler that the results say.
        file: its trace.
    """
    header, _ = read(file)
    where = f"raw/{file.name}"
    yield from differences(f"{where}: autoscaler", header.autoscaler, to_builtins(manifest))
    try:
        parse_autoscaler(header.autoscaler)
    except DclabError as error:
        yield Finding(where=where, why=f"{error.what} {error.why}".rstrip("."))
        return
    if not read_beside(file):
        yield from _decided_otherwise(file)


def read_beside(file: Path) -> int:
    """Return how many decisions of a real controller come out otherwise, as few may; 0 where there are too many for that."""
    header, _ = read(file)
    found = len(list(_decided_otherwise(file)))
    return found if header.kubernetes != EMBEDDED and found <= READ_BESIDE * passes_checked(file) else 0


def _decided_otherwise(file: Path) -> Iterator[Finding]:
    header, passes = read(file)
    spec = parse_autoscaler(header.autoscaler)
    where = f"raw/{file.name}"
    for number, (one, decision) in enumerate(replay(spec, passes, followed(header.kubernetes)), 2):
        if one.outcome is None:
            continue
        found = outcome(decision)
        if one.outcome.desired != found.desired:
            yield Finding(
                where=f"{where}, line {number}",
                why=f"it decided for {one.outcome.desired} replicas, and Kubernetes' algorithm for {found.desired}",
            )


def passes_checked(file: Path) -> int:
    """Return how many passes of a trace have a decision to compare with."""
    return sum(one.outcome is not None for one in read(file)[1])


def _rescales(said: Autoscale, file: Path) -> Iterator[Finding]:
    """The demonstration shows what the autoscaler decided.

    Its passes are fetched after its last point, so that they may know of one change more.
    """
    _, passes = read(file)
    rescales = [_size(one.message) for one in said.events if one.reason == "SuccessfulRescale"]
    decided: list[Any] = [
        one.outcome.desired for one in passes if one.outcome and one.outcome.desired != one.seen.replicas
    ]
    last = rescales[-1] if rescales else said.timeline[0].desired if said.timeline else None
    unseen = last in [one.desired for one in said.timeline[-2:]]
    if decided and rescales != decided and not (unseen and rescales == decided[:-1]):
        yield Finding(
            where="autoscale.events",
            why=f"the autoscaler scaled to {_list(rescales)}, and its passes say {_list(decided)}",
        )


def _size(message: str) -> int | None:
    digits = message.removeprefix("New size: ").partition(";")[0]
    return int(digits) if digits.isdecimal() else None


def _list(counts: list[Any]) -> str:
    return ", ".join(map(str, counts)) or "nothing"
