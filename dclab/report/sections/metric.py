"""The exercise's open question: is CPU a sensible metric to scale on?"""

from __future__ import annotations

from collections.abc import Iterator

from dclab.report.blocks import Block, bullets, missing, table, text
from dclab.report.judge_metrics import metric_rows, metric_verdicts
from dclab.report.language import Words
from dclab.report.wording import evidence_sentence
from dclab.results import Results

__all__ = ["metric"]


def metric(results: Results, words: Words) -> Iterator[Block]:
    """Yield what each candidate metric showed, and whether it is fit to scale on."""
    yield text(
        words(
            "No. The autoscaler should add replicas when requests wait, and CPU does not tell when they do. rng waits 0.1 s "
            "in a sleep for each request, one at a time: its queue can be as long as it likes while its CPU stays idle."
        )
    )
    found = results.autoscale
    said = (*(results.bottleneck.evidence if results.bottleneck else ()), *(found.explanation if found else ()))
    facts = [one for one in said if one.code.startswith(("cpu-", "above-target-before-load", "rest-", "never-scaled"))]
    if facts:
        yield text(words("This run shows it:"))
        yield bullets([evidence_sentence(one, words) for one in facts])
    if found is None or not found.timeline:
        yield missing(words, "dclab hpa-demo")
        return
    yield text(words("What each metric showed of {target}, for each ready replica, on average:", target=found.target))
    head = ("", "baseline", "siege", "siege, autoscaled", "at the end")
    yield table([words(one) if one else one for one in head], list(metric_rows(found, words)))
    yield text(words("So, as a metric to scale on:"))
    yield bullets(list(metric_verdicts(found, words)))
