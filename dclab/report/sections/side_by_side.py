"""Autoscalers side by side: the answer to the exercise's open question, by experiment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dclab.elasticity.score import MISSING_WEIGHT, START_SECONDS
from dclab.elasticity.verdict import NEGLIGIBLE
from dclab.report.autoscaler_words import (
    answer_sentences,
    demand_rows,
    demand_sentence,
    difference_rows,
    response_sentences,
    siege_sentences,
    unequal_demand,
    verdict_sentences,
)
from dclab.report.blocks import Block, bullets, note, table, text
from dclab.report.charts_autoscalers import MOST_RUNS
from dclab.report.judge_autoscalers import by_cost
from dclab.report.language import Words
from dclab.report.levels import Demand, Response, needed, responses, siege_demand, usual_demand, waits
from dclab.report.scores import (
    high_scores,
    how_scored,
    predictions,
    score_table,
    seconds_of,
    step_table,
    verdict_matrix,
)
from dclab.results import Comparison

__all__ = ["side_by_side"]

MOST_SENTENCES = 2
"""That say the same of other autoscalers; more of them are a table."""

MOST_LEVELS = 30
"""Rows of the table by number of replicas."""


def side_by_side(found: Comparison, words: Words) -> Iterator[Block]:
    """Yield the answer, each autoscaler's course and scores, the verdicts, and why metrics behave as they do."""
    if found.clock_speed != 1:
        yield note(
            words(
                "The autoscalers' clock ran {clock:g} times faster than Kubernetes': their windows, periods and scrapes took that "
                "much less real time, while a pod's start and a queue took as long as ever. Times in this section are on that "
                "clock.",
                clock=found.clock_speed,
            )
        )
    yield bullets(list(answer_sentences(found, words)))
    yield text(demand_sentence(found, words))
    head = ("from minute", "workers", "users of the siege", "replicas needed")
    yield table([words(one) for one in head], list(demand_rows(found.runs[0], words)))
    yield Block(kind="picture", text="autoscalers")
    if len(found.runs) > MOST_RUNS:
        yield note(words("{n} more autoscalers are in results.json.", n=len(found.runs) - MOST_RUNS))
    yield from _scores(found, words)
    yield from _verdicts(found, words)
    yield from _why(found, words)
    if predicted := predictions(found, words):
        yield text(words("Measured, and simulated by `dclab hpa-simulate` (measured / simulated):"))
        yield predicted
    yield text(words("What the scores are:"))
    yield from how_scored(found, words)


def _scores(found: Comparison, words: Words) -> Iterator[Block]:
    yield text(
        words(
            "The scores. Cost is one figure for all: {weight:g} × missing on average + too many on average + {start:g} s of one "
            "replica for each one started, over the length of the run. ± is half of a 95 % interval: by how much runs differ, as "
            "repeats show it or, where a run was not repeated, simulations.",
            weight=MISSING_WEIGHT,
            start=START_SECONDS,
        )
    )
    yield score_table(found, words)
    yield text(
        words("Missing / too many replicas on average in each step of demand, which is where the costs come from:")
    )
    yield step_table(found, words)
    unequal = unequal_demand(found)
    if unequal:
        yield text(
            words(
                "The objective lies within the interval of the model's wait in some step, so that demand there may be the lower or "
                "the higher number. The scores against each of them (lower / higher demand):"
            )
        )
        yield high_scores(unequal, words)


def _verdicts(found: Comparison, words: Words) -> Iterator[Block]:
    rows = list(difference_rows(found))
    if not rows:
        return
    yield text(
        words(
            "The autoscaler of least cost beside each of the others. There is no difference where the whole interval lies within "
            "±{negligible:g} replicas; each interval holds by itself at 95 %, not for all pairs together.",
            negligible=NEGLIGIBLE,
        )
    )
    if len(rows) > MOST_SENTENCES:
        first = words("“{name}” compared with", name=by_cost(found)[0].name)
        yield table(
            (first, words("verdict"), words("difference of costs, replicas"), words("95 % interval")),
            [
                (
                    name,
                    words(one.verdict),
                    f"{one.cost:+.2f}",
                    words("{low} to {high}", low=f"{one.low:+.2f}", high=f"{one.high:+.2f}"),
                )
                for name, one in rows
            ],
        )
    else:
        yield bullets(list(verdict_sentences(found, words)))
    matrix = verdict_matrix(found, words)
    if matrix:
        yield text(words("Each (row) beside each other (column), with the difference of their costs in replicas:"))
        yield matrix


def _why(found: Comparison, words: Words) -> Iterator[Block]:
    usual, siege = usual_demand(found), siege_demand(found)
    asks = responses(found, usual) if usual else []
    if not usual or not asks:
        return
    yield text(
        words(
            "Why? The formula of Kubernetes' autoscaler, replicas × metric / target, supposes that a metric halves when replicas "
            "double. What each metric showed, by the number of ready replicas, and how many replicas that asks for (✓: as many "
            "as there are), at {workers} workers and {users} users of a siege:",
            workers=usual.workers,
            users=usual.users,
        )
    )
    yield Block(kind="picture", text="responses")
    yield _levels(found, usual, asks, words)
    said = list(response_sentences(asks, waits(found, usual), needed(found, usual), words))
    if said:
        yield bullets(said)
    if siege and siege != usual and (under := responses(found, siege)):
        yield text(
            words(
                "The same at {workers} workers and {users} users of a siege:", workers=siege.workers, users=siege.users
            )
        )
        yield _levels(found, siege, under, words)
        wanted = (needed(found, usual), needed(found, siege))
        said = list(siege_sentences(asks, under, wanted, siege.users, words)) if not usual.users else []
        if said:
            yield bullets(said)


def _levels(found: Comparison, demand: Demand, asks: Sequence[Response], words: Words) -> Block:
    """Wait, and each metric with what it asks for, by the number of ready replicas."""
    waited = waits(found, demand)
    numbers = sorted({each.replicas for one in asks for each in one.asks})[:MOST_LEVELS]
    head = (words("replicas ready"), words("a call's wait, ms"), *(one.run.name for one in asks))
    rows = []
    for n in numbers:
        wait = waited.get(n)
        rows.append((n, "–" if wait is None else f"{wait.mean:.0f}", *(_cell(one, n) for one in asks)))
    return table(head, rows)


def _cell(one: Response, replicas: int) -> str:
    """Value of the metric, and what it asks for."""
    found = one.at(replicas)
    if found is None:
        return "–"
    value = f"{found.value:.3g}{one.reading.unit or seconds_of(one.reading)}"
    return f"{value} → {found.wanted}" + (" ✓" if found.wanted == replicas else "")
