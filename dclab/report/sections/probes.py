"""Health probes under load: prediction, table, picture, events."""

from __future__ import annotations

from collections.abc import Iterator

from dclab.report.blocks import Block, bullets, note, table, text
from dclab.report.health_words import phase_rows, probe_sentences
from dclab.report.language import Words
from dclab.results import ProbeDemo

__all__ = ["probes"]

MOST_ROWS = 40


def probes(found: ProbeDemo, words: Words) -> Iterator[Block]:
    """Yield the demonstration of one probe."""
    kind = words("readiness") if found.kind == "readiness" else words("liveness")
    yield text(
        words(
            "A {kind} probe of {target} (GET {path}, every {period} s, timeout {timeout} s, failure threshold {threshold}) "
            "beside {workers} workers, in place of the manifest's TCP check."
            if found.kind == "readiness"
            else "A {kind} probe of {target} (GET {path}, every {period} s, timeout {timeout} s, failure threshold {threshold}) "
            "beside {workers} workers, beside the manifest's TCP check.",
            kind=kind,
            target=found.target,
            path=found.path,
            period=found.period_seconds,
            timeout=found.timeout_seconds,
            threshold=found.failure_threshold,
            workers=found.workers,
        )
    )
    yield bullets(list(probe_sentences(found, words)))
    head = (
        "",
        words("s"),
        words("hashes"),
        words("hashes/s"),
        words("times out of service"),
        words("s without a replica"),
        words("restarts"),
    )
    yield table(head, phase_rows(found, words))
    yield text(
        words(
            "Hashes/s lie between bounds: at both ends of a phase workers hold hashes that they have not reported yet."
        )
    )
    if len(found.timeline) > 1:
        yield Block(kind="picture", text="probes")
    if found.events:
        yield text(words("What happened when:"))
        said = {
            "out of service": words("out of service"),
            "in service": words("in service"),
            "restarted": words("restarted"),
        }
        shown = found.events[:MOST_ROWS]
        yield table(
            (words("s"), "", words("replica")),
            [(f"{one.after:.1f}–{one.t:.1f}", said[one.what], one.replica) for one in shown],
            prose=True,
        )
        if len(shown) < len(found.events):
            yield note(words("{n} more events are in results.json.", n=len(found.events) - len(shown)))
