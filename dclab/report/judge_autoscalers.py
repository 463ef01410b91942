"""Is CPU a sensible metric? What the verdicts of a comparison of autoscalers say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from dclab.results import AutoscalerRun, Comparison, ElasticityVerdict

__all__ = ["CPU", "Answer", "Difference", "Differences", "answer", "by_cost", "cut_off", "differences"]

CPU = "cpu"
"""The metric of an autoscaler on CPU and nothing else."""
WHOLE = 0.98
"""Runs under one demand end within a look of each other."""


class Difference(NamedTuple):
    """How one autoscaler compares with another."""

    verdict: Literal["better", "worse", "no difference", "cannot tell"]
    cost: float
    """Of the one less that of the other, in replicas."""
    low: float
    high: float
    """Its 95 % interval."""

    @classmethod
    def of(cls, found: ElasticityVerdict) -> Difference:
        """Return how `a` compares with `b`."""
        told = found.verdict
        if told in {"no difference", "cannot tell"}:
            return cls(told, found.difference, found.low, found.high)
        return cls("better" if told == "a is better" else "worse", found.difference, found.low, found.high)

    @property
    def turned(self) -> Difference:
        """How the other compares with the one."""
        told = self.verdict
        if told in {"better", "worse"}:
            told = "worse" if told == "better" else "better"
        return Difference(told, -self.cost, -self.high, -self.low)


Differences = Mapping[tuple[str, str], Difference]


class Answer(NamedTuple):
    """The answer to the exercise's question, and the two autoscalers that decide it."""

    outcome: Literal["no", "yes", "cannot tell"]
    cpu: AutoscalerRun
    other: AutoscalerRun
    difference: Difference | None
    """Of `other` from `cpu`; None where they were not compared."""


def cut_off(found: Comparison) -> list[AutoscalerRun]:
    """Return the runs that ended before the longest did: their scores are of another demand, and compare with none."""
    longest = max((one.seconds for one in found.runs), default=0.0)
    return [one for one in found.runs if one.seconds < WHOLE * longest]


def by_cost(found: Comparison) -> list[AutoscalerRun]:
    """Return the runs that were not cut off, the one of least cost first."""
    partial = cut_off(found)
    return sorted((one for one in found.runs if one not in partial), key=lambda one: one.scores.cost)


def differences(found: Comparison) -> Differences:
    """Return how each autoscaler compares with each other, by their names; a pair without a verdict is not there."""
    told = {(one.a, one.b): Difference.of(one) for one in found.verdicts}
    return {(b, a): one.turned for (a, b), one in told.items()} | told


def answer(found: Comparison) -> Answer | None:
    """Return whether CPU is a sensible metric; None where the comparison has no autoscaler on CPU, or none on anything else.

    No: one on another metric is better than every one on CPU. Yes: one on CPU is better than, or no different from, every one on
    another metric. The two exclude each other.
    """
    ranked, told = by_cost(found), differences(found)
    cpus, others = [one for one in ranked if one.metric == CPU], [one for one in ranked if one.metric != CPU]
    if not cpus or not others:
        return None
    for other in others:
        if _all(told, other, cpus, ("better",)):
            return Answer("no", cpus[0], other, told.get((other.name, cpus[0].name)))
    for cpu in cpus:
        if _all(told, cpu, others, ("better", "no difference")):
            return Answer("yes", cpu, others[0], told.get((others[0].name, cpu.name)))
    return Answer("cannot tell", cpus[0], others[0], told.get((others[0].name, cpus[0].name)))


def _all(told: Differences, one: AutoscalerRun, others: Sequence[AutoscalerRun], verdicts: Sequence[str]) -> bool:
    """Whether `one` compares so with each of the others."""
    found = [told.get((one.name, other.name)) for other in others]
    return all(each is not None and each.verdict in verdicts for each in found)
