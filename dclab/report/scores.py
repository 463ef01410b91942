"""The scores of autoscalers side by side as tables: one column for each autoscaler."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from dclab.elasticity.score import score
from dclab.elasticity.settling import LEAST_SECONDS
from dclab.report.blocks import Block, bullets, table
from dclab.report.judge_autoscalers import Differences, by_cost, differences
from dclab.report.language import Words
from dclab.results import AutoscalerRun, Comparison, Elasticity, MetricReading

__all__ = [
    "ORIGINS",
    "SCORES",
    "high_scores",
    "how_scored",
    "predictions",
    "score_table",
    "seconds_of",
    "shown",
    "step_table",
    "target_of",
    "verdict_matrix",
]

ORIGINS = {"course": "the exercise", "upstream": "upstream", "tuned": "tuned", "file": "your file"}
"""Who has set an autoscaler's figures."""

SCORES = {
    "cost": "cost, replicas",
    "accuracy_under": "missing on average, replicas",
    "accuracy_over": "too many on average, replicas",
    "timeshare_under": "time with replicas missing",
    "timeshare_over": "time with too many",
    "over_slo": "time over the objective",
    "first_enough_seconds": "first enough after, s",
    "jitter": "jitter, replicas a minute",
    "reversals": "reversals",
    "pod_minutes": "pod-minutes",
    "ideal_pod_minutes": "pod-minutes of demand",
}
"""By the score's field: what it is called."""

SHARES = frozenset({"timeshare_under", "timeshare_over", "over_slo"})
WHOLE = frozenset({"reversals", "first_enough_seconds"})
MOST_COMPARED = 12
"""Rows and columns of the table of verdicts: more do not fit on a page."""


def score_table(found: Comparison, words: Words) -> Block:
    """Return all scores: a row for each, with its interval where there is one."""
    runs = found.runs
    rows = [
        (words("figures set by"), *(words(ORIGINS[one.origin]) for one in runs)),
        (words("target of its metric"), *map(_target, runs)),
        *((words(label), *(_with_interval(one, name) for one in runs)) for name, label in SCORES.items()),
        (words("settled at"), *(_settled(one, words) for one in runs)),
    ]
    return table(("", *(one.name for one in runs)), rows, prose=True)


def shown(name: str, value: float | None) -> str:
    """A score in its unit; a dash where it is not known."""
    if value is None:
        return "–"
    if name in SHARES:
        return f"{100 * value:.1f} %"
    if name in WHOLE:
        return f"{value:.0f}"
    return f"{value:+.2f}" if name == "jitter" else f"{value:.1f}" if "minutes" in name else f"{value:.2f}"


def _with_interval(run: AutoscalerRun, name: str) -> str:
    """A score, and half of its interval: a simulated one tells how much runs differ, not where this one lies."""
    mean, spread = shown(name, getattr(run.scores, name)), run.spread.get(name)
    if spread is None or mean == "–":
        return mean
    half = shown(name, (spread.high - spread.low) / 2).removesuffix(" %").lstrip("+")
    return f"{mean} ± {half}" if float(half) else mean


def _target(run: AutoscalerRun) -> str:
    """As kubectl shows it: 5%, 100m, 1.3; of several metrics each."""
    last = next((one.metrics for one in reversed(run.timeline) if one.metrics), ())
    return ", ".join(map(target_of, last)) or "–"


def target_of(reading: MetricReading) -> str:
    """A metric's target with its unit; a metric's own unit is in its name, as Prometheus wants it."""
    return reading.figures.rpartition("/")[2] + seconds_of(reading)


def seconds_of(reading: MetricReading) -> str:
    """The unit of a metric whose name says seconds; nothing for any other."""
    return " s" if reading.name.endswith("_seconds") else ""


def _settled(run: AutoscalerRun, words: Words) -> str:
    if run.settled is None:
        return words("cannot tell")
    if not run.settled or run.resting is None:
        return words("did not settle")
    needed = sorted({run.demand[-1].needed, run.demand[-1].needed_high}) if run.demand else []
    if not needed:
        return f"{run.resting}"
    return words("{replicas} ({needed} needed)", replicas=run.resting, needed="–".join(map(str, needed)))


def high_scores(runs: Sequence[AutoscalerRun], words: Words) -> Block:
    """Return what the scores are at either end of the wait's interval, for runs that are scored against both."""
    head = ("", "missing on average, replicas", "too many on average, replicas", "cost, replicas")
    rows = [(one.name, *(_both(one.scores, one.scores_high, name) for name in ENDS)) for one in runs]
    return table([words(one) if one else one for one in head], rows)


ENDS = ("accuracy_under", "accuracy_over", "cost")


def _both(low: Elasticity, high: Elasticity | None, name: str) -> str:
    one, other = shown(name, getattr(low, name)), shown(name, getattr(high, name) if high else None)
    return f"{one} / {other}"


def step_table(found: Comparison, words: Words) -> Block:
    """Return what was missing / too many on average in each step of demand: where the costs come from."""
    rows = []
    for index, step in enumerate(found.runs[0].demand):
        label = words("{workers} workers, {users} users", workers=step.workers, users=step.users)
        rows.append((label, step.needed, *(_in_step(one, index) for one in found.runs)))
    return table(("", words("replicas needed"), *(one.name for one in found.runs)), rows)


def _in_step(run: AutoscalerRun, index: int) -> str:
    begin = run.demand[index].t if index < len(run.demand) else math.inf
    end = run.demand[index + 1].t if index + 1 < len(run.demand) else run.seconds
    if not run.timeline or end <= begin:
        return "–"
    before = [one.ready for one in run.timeline if one.t <= begin] or [run.timeline[0].ready]
    supply = [(0.0, before[-1]), *((one.t - begin, one.ready) for one in run.timeline if begin < one.t < end)]
    scores = score([(0.0, run.demand[index].needed)], supply, end - begin)
    return f"{scores.accuracy_under:.2f} / {scores.accuracy_over:.2f}"


PREDICTED = ("cost", "accuracy_under", "accuracy_over", "reversals", "pod_minutes")


def predictions(found: Comparison, words: Words) -> Block | None:
    """Return measured beside simulated scores; None where nothing was simulated."""
    runs = [one for one in found.runs if one.predicted]
    if not runs:
        return None
    rows = [(one.name, *(_both(one.scores, one.predicted, name) for name in PREDICTED)) for one in runs]
    return table(("", *(words(SCORES[name]) for name in PREDICTED)), rows)


def verdict_matrix(found: Comparison, words: Words) -> Block | None:
    """Return how each autoscaler compares with each other; None where two or fewer leave nothing to look up."""
    ranked, told = by_cost(found)[:MOST_COMPARED], differences(found)
    if len(ranked) < 3 or not found.verdicts:
        return None
    rows = [(one.name, *(_cell(told, one, other, words) for other in ranked)) for one in ranked]
    return table(("", *(one.name for one in ranked)), rows, prose=True)


def _cell(told: Differences, one: AutoscalerRun, other: AutoscalerRun, words: Words) -> str:
    difference = told.get((one.name, other.name)) if one.name != other.name else None
    if difference is None:
        return "–"
    return words(
        "{verdict} ({cost:+.2f})", verdict=words(difference.verdict), cost=round(difference.cost, 2) + 0.0
    )  # no -0.00


def how_scored(found: Comparison, words: Words) -> Iterator[Block]:
    """Yield what each score is, and whose formula."""
    yield bullets(
        (
            words(
                "Missing and too many on average are accuracy under and over, the shares of time with missing or too many are "
                "timeshare under and over, and jitter is the replicas that supply moved by less those that demand moved by, a "
                "minute: the elasticity metrics of Herbst, Kounev et al., “Ready for Rain?”, SPEC-RG-2016-01 (arXiv 1604.03470)."
            ),
            words(
                "A worker's call waits, by Little's law, as long as the workers' rate leaves of their cycle: workers / rate − the "
                "cycle without waiting."
            ),
            words(
                "An autoscaler has settled if its desired replicas did not change for the last {least:g} s of the run, or for "
                "twice the longer of its stabilization windows if that is longer.",
                least=LEAST_SECONDS,
            ),
        )
    )
