"""Autoscalers side by side on the terminal: their scores, where they settled, and which one is better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dclab.cli.terminal_text import table
from dclab.report.autoscaler_words import demand_sentence, verdict_sentences
from dclab.report.language import Words
from dclab.report.scores import shown
from dclab.results import AutoscalerRun, Comparison, Elasticity

__all__ = ["comparison_lines", "score_tables"]

HOW_GOOD: Mapping[str, str] = {
    "cost": "cost",
    "accuracy_under": "missing",
    "accuracy_over": "too many",
    "over_slo": "over objective",
    "pod_minutes": "pod minutes",
    "ideal_pod_minutes": "of demand",
}
IN_TIME: Mapping[str, str] = {
    "timeshare_under": "time missing",
    "timeshare_over": "time too many",
    "first_enough_seconds": "first enough, s",
    "reversals": "reversals",
    "jitter": "jitter a minute",
}
"""By the score's field; two tables, since one with all of them is wider than 80 columns."""

WORDS = Words()


def score_tables(rows: Sequence[tuple[str, Elasticity]]) -> Iterator[Any]:
    """Yield the tables of named scores; missing, too many and cost are in replicas."""
    for columns in (HOW_GOOD, IN_TIME):
        cells = [(name, *(shown(field, getattr(scores, field)) for field in columns)) for name, scores in rows]
        yield table("replicas" if columns is HOW_GOOD else "", *columns.values(), rows=cells)


def comparison_lines(comparison: Comparison) -> Iterator[Any]:
    """The demand, each autoscaler's scores, where it settled, and the least costly one beside each other one."""
    runs = comparison.runs
    yield demand_sentence(comparison, WORDS)
    if comparison.clock_speed != 1:
        yield f"The autoscaler's clock ran {comparison.clock_speed:g} times faster than Kubernetes'; times are on it."
    if runs:
        yield from _demand(runs[0], comparison.target)
    yield from score_tables([(one.name, one.scores) for one in runs])
    yield from _settled(runs)
    yield from verdict_sentences(comparison, WORDS)
    if len(runs) > 1 and not comparison.verdicts:
        yield (
            "Which one is better cannot be told: each was run once, and without a simulation of them nobody knows how far "
            "another run would lie from that."
        )


def _demand(run: AutoscalerRun, target: str) -> Iterator[str]:
    """What each kind of step needs, each once."""
    said = {}
    for step in run.demand:
        asks = f"{step.workers} worker{'s' * (step.workers != 1)}" + (f" and {step.users} users" if step.users else "")
        needs = f"{step.needed}" if step.needed == step.needed_high else f"{step.needed} to {step.needed_high}"
        verb = "needs" if asks == "1 worker" else "need"
        said[asks] = f"{asks} {verb} {needs}" + ("" if step.reachable else " or more")
    yield f"Replicas of {target}: {'; '.join(said.values())}."


def _settled(runs: Sequence[AutoscalerRun]) -> Iterator[str]:
    if rested := [f"{one.name} at {one.resting}" for one in runs if one.settled]:
        yield f"Settled: {', '.join(rested)}."
    if swung := [one.name for one in runs if one.settled is False]:
        yield f"Did not settle: {', '.join(swung)}."
