"""The autoscaler's demonstration: transcript, events, conditions, manifest."""

from __future__ import annotations

from collections.abc import Iterator

from dclab.report.blocks import Block, bullets, missing, note, table, text
from dclab.report.language import Words
from dclab.report.recorded import recorded
from dclab.report.transcript import transcript
from dclab.report.wording import evidence_sentence
from dclab.results import Autoscale, Results

__all__ = ["autoscaler"]

MOST_ROWS = 60
"""Of a table of events; all of them are in results.json."""


def autoscaler(results: Results, words: Words) -> Iterator[Block]:
    """Yield the demonstration: what was seen, decided, and applied."""
    found = results.autoscale
    if found is None:
        yield missing(words, "dclab hpa-demo")
        return
    if found.clock_speed != 1:
        yield note(
            words(
                "The autoscaler's clock ran {clock:g} times faster than Kubernetes': its windows and periods took that much "
                "less real time. Seconds in the picture are real ones.",
                clock=found.clock_speed,
            )
        )
    yield Block(kind="picture", text="autoscale")
    if found.explanation:
        yield bullets([evidence_sentence(one, words) for one in found.explanation])
    yield text(words("As kubectl get hpa -w shows it:"))
    yield Block(kind="picture", text="terminal")
    yield Block(kind="code", text=transcript(found, words).rstrip())
    yield from _events(found, words)
    if found.conditions:
        yield text(words("Conditions at the end:"))
        yield table(
            [words(one) for one in ("type", "status", "reason", "message")],
            [(one.type, one.status, one.reason, one.message) for one in found.conditions],
            prose=True,
        )
    yield text(words("The autoscaler as it was applied:"))
    yield Block(kind="code", text=_yaml(found))


def _events(found: Autoscale, words: Words) -> Iterator[Block]:
    yield text(words("What happened when, and each decision's reason:"))
    shown = found.events[:MOST_ROWS]
    yield table(
        [words(one) for one in ("s", "type", "reason", "message")],
        [
            (f"{one.t:.0f}", one.type, one.reason, recorded(one.message, words) if one.type == "Demo" else one.message)
            for one in shown
        ],
        prose=True,
    )
    if len(shown) < len(found.events):
        yield note(words("{n} more events are in results.json.", n=len(found.events) - len(shown)))


def _yaml(found: Autoscale) -> str:
    import yaml

    text: str = yaml.safe_dump(dict(found.manifest), sort_keys=False)
    return text.rstrip()
