"""The exercise's open question: is CPU a sensible metric to scale on?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dclab.report.blocks import Block, bullets, missing, note, table, text
from dclab.report.judge_metrics import metric_rows, metric_verdicts
from dclab.report.language import Words
from dclab.report.sections.side_by_side import side_by_side
from dclab.report.wording import evidence_sentence
from dclab.results import Autoscale, Results

__all__ = ["metric"]


def metric(results: Results, words: Words, numbers: Mapping[str, int]) -> Iterator[Block]:
    """Yield the answer by experiment, or by reasoning where there was none; and what each metric showed in the demonstration.

    Args:
        results: of the run.
        words: in the report's language.
        numbers: of the sections, by name.
    """
    compared = results.comparison is not None and bool(results.comparison.runs)
    if results.comparison is not None and compared:
        yield from side_by_side(results.comparison, words)
    else:
        yield from _reasoned(words)
    found = results.autoscale
    said = (*(results.bottleneck.evidence if results.bottleneck else ()), *(found.explanation if found else ()))
    facts = [one for one in said if one.code.startswith(("cpu-", "above-target-before-load", "rest-", "never-scaled"))]
    if facts and not compared:
        yield text(words("This run shows it:"))
        yield bullets([evidence_sentence(one, words) for one in facts])
    if found is not None and found.timeline:
        yield from _observed(found, words, numbers["autoscaler"])
    elif not compared:
        yield missing(words, "dclab hpa-demo")


def _reasoned(words: Words) -> Iterator[Block]:
    yield text(
        words(
            "No. The autoscaler should add replicas when requests wait, and CPU does not tell when they do. rng waits 0.1 s "
            "in a sleep for each request, one at a time: its queue can be as long as it likes while its CPU stays idle."
        )
    )
    yield note(
        words(
            "Which metric does better was not measured in this run. `dclab hpa-compare` measures it: autoscalers on CPU, latency, "
            "requests and requests in flight, one after the other under the same demand."
        )
    )


def _observed(found: Autoscale, words: Words, section: int) -> Iterator[Block]:
    yield text(
        words(
            "What each metric showed of {target} in the demonstration of section {section}, for each ready replica, on average:",
            target=found.target,
            section=section,
        )
    )
    head = ("", "baseline", "load test", "load test with HPA, second half", "at the end")
    yield table([words(one) if one else one for one in head], list(metric_rows(found, words)))
    yield bullets(list(metric_verdicts(found, words)))
