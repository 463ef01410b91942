"""The bottleneck with its evidence, and the proof by experiment."""

from __future__ import annotations

from collections.abc import Iterator

from dclab.report.blocks import Block, bullets, table, text
from dclab.report.language import Words
from dclab.report.wording import evidence_sentence, interval, times_as_fast
from dclab.results import Bottleneck, Results

__all__ = ["proof"]


def proof(results: Results, words: Words) -> Iterator[Block]:
    """Yield the verdict, the facts that say so, and what each change did to the rate."""
    if results.bottleneck:
        yield text(_verdict(results.bottleneck, words))
        yield bullets([evidence_sentence(one, words) for one in results.bottleneck.evidence])
    if results.interventions:
        yield text(words("The proof by experiment, at {workers} workers:", workers=results.interventions[0].workers))
        yield Block(kind="picture", text="proof")
        head = ("changed", "hashes/s (95 % interval)", "times", "predicted", "at most")
        yield table(
            [words(one) for one in head],
            [
                (
                    one.name,
                    interval(one.hashes_per_second),
                    times_as_fast(one, results.interventions),
                    *("–" if value is None else f"{value:.1f}" for value in (one.predicted, one.at_most)),
                )
                for one in results.interventions
            ],
        )


def _verdict(found: Bottleneck, words: Words) -> str:
    if found.service is None:
        return words("Which service is the bottleneck? None could be proved.")
    if found.certainty == "suspected":
        return words(
            "Which service is the bottleneck? Probably {service}, which is not proved yet.", service=found.service
        )
    return words("Which service is the bottleneck? {service}.", service=found.service)
