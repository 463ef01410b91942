"""The bottleneck with its evidence, and the proof by experiment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from dclab.report.blocks import Block, bullets, table, text
from dclab.report.language import Words
from dclab.report.wording import change_name, evidence_sentence, interval, times_as_fast
from dclab.results import Bottleneck, Evidence, Intervention, Results

__all__ = ["SHOWN", "evidence", "proof", "which"]

SHOWN = {
    "scaling-helps": "{service} was the limit",
    "scaling-does-not-help": "{service} alone is not the limit",
    "scaling-cannot-tell": "cannot tell",
    "threads-help": "serving one at a time was the limit",
    "threads-do-not-help": "serving one at a time is not the limit",
    "threads-cannot-tell": "cannot tell",
    "chance-costs": "random choice costs {lost_low:.0f} to {lost_high:.0f} %",
    "chance-costs-nothing": "{policy} was slower",
    "chance-cannot-tell": "cannot tell",
}
"""What a change shows, in a table's cell, by the code of the evidence of it."""


def which(found: Bottleneck, words: Words) -> Block:
    """Return the answer to which service is the bottleneck."""
    if found.service is None:
        return text(words("Which service is the bottleneck? None could be proved."))
    if found.certainty == "suspected":
        return text(
            words(
                "Which service is the bottleneck? Probably {service}, which is not proved yet.", service=found.service
            )
        )
    return text(words("Which service is the bottleneck? {service}.", service=found.service))


def evidence(results: Results, words: Words) -> Iterator[Block]:
    """Yield the facts that say so, but those of a change, which stand in the table of changes."""
    if results.bottleneck:
        of_changes = [one for each in results.interventions for one in _of(each, results.bottleneck)]
        rest = [one for one in results.bottleneck.evidence if one not in of_changes]
        yield bullets([evidence_sentence(one, words) for one in rest])


def proof(results: Results, words: Words) -> Iterator[Block]:
    """Yield what each change did to the rate, and what that shows."""
    if not results.interventions:
        return
    yield text(words("The proof by experiment, at {workers} workers:", workers=results.interventions[0].workers))
    yield Block(kind="picture", text="proof")
    head = ("changed", "hashes/s (95 % interval)", "times", "predicted", "at most", "shows")
    yield table(
        [words(one) for one in head],
        [
            (
                change_name(one.name, words),
                interval(one.hashes_per_second),
                times_as_fast(one, results.interventions),
                *("–" if value is None else f"{value:.1f}" for value in (one.predicted, one.at_most)),
                _shown(one, results.bottleneck, words),
            )
            for one in results.interventions
        ],
        told=True,
    )
    if any(one.choice != "random" for one in results.interventions):
        yield text(
            words(
                "A service gives each connection to a random replica, as kube-proxy does, so that some requests queue at one "
                "replica while another is idle. That is chance; another load-balancing policy shows how much it matters."
            )
        )


def _of(change: Intervention, found: Bottleneck | None) -> Iterator[Evidence]:
    """Yield the evidence of one change that a cell can say."""
    for one in found.evidence if found else ():
        values, kind = one.values, one.code.partition("-")[0]
        if one.code not in SHOWN or values.get("service") != change.service:
            continue
        if kind == "threads":
            fits = change.threads != 1 and values.get("threads") == change.threads
        elif kind == "scaling":
            fits = change.threads == 1 and change.choice == "random" and values.get("replicas") == change.replicas
        else:
            fits = values.get("policy") == change.choice and values.get("replicas") == change.replicas
        if fits:
            with contextlib.suppress(KeyError, ValueError, TypeError):
                SHOWN[one.code].format(**values)
                yield one


def _shown(change: Intervention, found: Bottleneck | None, words: Words) -> str:
    said = []
    for one in _of(change, found):
        values = {**one.values, "policy": change_name(change.choice, words)}
        said.append(words(SHOWN[one.code], **values))
    return words("; ").join(dict.fromkeys(said)) or "–"
