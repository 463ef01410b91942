"""What stands in a report, in the order of the exercise: the verdict, then a section for each question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dclab.report.autoscaler_words import answer_sentences
from dclab.report.blocks import Block, Section
from dclab.report.health_words import measured_sentences
from dclab.report.language import Words
from dclab.report.rollout_words import rollout_sentences
from dclab.report.sections.about import about
from dclab.report.sections.autoscaler import autoscaler
from dclab.report.sections.checklist import checklist
from dclab.report.sections.latency import latency
from dclab.report.sections.load import load
from dclab.report.sections.metric import metric
from dclab.report.sections.monitoring import monitoring
from dclab.report.sections.pods import pods
from dclab.report.sections.probes import probes
from dclab.report.sections.rollout import rollout
from dclab.report.sections.speed import speed
from dclab.report.speedup_words import speedup_sentences
from dclab.report.wording import evidence_sentence, verdict_sentence
from dclab.results import Results

__all__ = ["parts", "sections", "summary"]


def summary(results: Results, words: Words) -> list[str]:
    """The verdict, before everything else: how much faster, what holds it back, why, what to do."""
    lines = []
    if results.finished is None:
        lines.append(words("This run was interrupted or is not finished: what is missing below was not measured."))
    if results.sweep:
        lines += list(speedup_sentences(results.sweep, words))[:1]
    if results.bottleneck:
        bottleneck = results.bottleneck
        lines.append(verdict_sentence(bottleneck, words))
        why = ("probe-queues", "scaling-helps")
        found = {one.code: one for one in reversed(bottleneck.evidence)}
        lines += [evidence_sentence(found[code], words) for code in why if code in found]
        if bottleneck.certainty == "suspected":
            lines.append(words("What to do: prove it by experiment, with `dclab prove`."))
        elif bottleneck.service == "rng":
            lines.append(
                words(
                    "What to do: run more replicas of rng, or let it serve several requests at a time; more workers only "
                    "queue."
                )
            )
    if results.autoscale:
        wanted = ("scaled-up", "never-scaled", "rest-", "not-at-rest")
        shown = [one for one in results.autoscale.explanation if one.code.startswith(wanted)]
        lines += [evidence_sentence(one, words) for one in shown]
    if results.comparison and results.comparison.runs:
        lines.append(
            words("Is CPU a sensible metric? {answer}", answer=next(answer_sentences(results.comparison, words)))
        )
    if results.probes:
        lines += list(measured_sentences(results.probes, words))
    if results.rollout:
        lines += list(rollout_sentences(results.rollout, words))[:2]
    return lines or [words("Nothing was measured.")]


def parts(
    results: Results, words: Words, raw: Sequence[str], numbers: Mapping[str, int]
) -> Mapping[str, tuple[str, Iterable[Block]]]:
    """Return title and blocks of each part of a report by its name, in the exercise's order.

    Blocks are made when they are read; a part that was not measured says so.

    Args:
        results: of the run.
        words: in the report's language.
        raw: files beside the report to link to.
        numbers: of the sections, by name, for references between them.
    """
    faster, compared_faster = (
        words(" (its clock ×{clock:g})", clock=one.clock_speed) if one and one.clock_speed != 1 else ""
        for one in (results.autoscale, results.comparison)
    )
    further: dict[str, tuple[str, Iterable[Block]]] = {}
    if results.probes:
        further["probes"] = (words("Health probes"), probes(results.probes, words))
    if results.rollout:
        further["rollout"] = (words("Rolling update"), rollout(results.rollout, words))
    return {
        "speed": (words("Performance at different numbers of workers"), speed(results, words)),
        "latency": (words("Latency and the bottleneck"), latency(results, words)),
        "pods": (words("CPU and memory of the services"), pods(results, words)),
        "monitoring": (words("Monitoring"), monitoring(results, words)),
        "load": (words("Load test"), load(results, words)),
        "autoscaler": (words("The autoscaler at work") + faster, autoscaler(results, words)),
        "metric": (words("Is CPU a sensible metric?") + compared_faster, metric(results, words, numbers)),
        **further,
        "about": (words("About these measurements"), about(results, words, raw)),
    }


def sections(results: Results, words: Words, raw: Sequence[str] = ()) -> list[Section]:
    """All sections, in the exercise's order, numbered. `raw` are files to link to."""
    numbers: dict[str, int] = {}
    found = parts(results, words, raw, numbers)
    numbers |= {name: number for number, name in enumerate(found, 1)}
    asked = tuple(checklist(results, words, numbers))
    return [
        Section(name="asked", title=words("What is asked, and where it is answered"), blocks=asked),
        *(
            Section(name=name, title=f"{numbers[name]}. {title}", blocks=tuple(blocks))
            for name, (title, blocks) in found.items()
        ),
    ]
