"""What the exercise asks, and where the report answers it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dclab.report.blocks import Block, table
from dclab.report.language import Words
from dclab.results import Results

__all__ = ["checklist"]


def checklist(results: Results, words: Words, numbers: Mapping[str, int]) -> Iterator[Block]:
    """Yield a row for each question of the exercise: its points, its section, whether it was measured.

    Args:
        results: of the run.
        words: in the report's language.
        numbers: of the sections, by name.
    """

    def answered(*parts: object) -> str:
        return words("✓ answered") if all(parts) else words("✗ not measured") if not any(parts) else words("in part")

    compared = results.comparison and results.comparison.runs
    asked = (
        (
            words("Performance with different numbers of workers"),
            2,
            ("speed",),
            (results.sweep and results.sweep.points,),
        ),
        (words("Latency of rng and hasher; which one is the bottleneck"), 2, ("latency",), (results.latency,)),
        (
            words("The autoscaler at work: Prometheus' graph, and the terminal"),
            2,
            ("monitoring", "autoscaler"),
            (results.monitoring, results.autoscale),
        ),
        # Without the comparison there is the reasoning, but no experiment.
        (
            words("Is CPU sensible, and what would be better"),
            1,
            ("metric",),
            (compared,) if compared else (results.autoscale, compared),
        ),
    )
    rows = []
    for what, points, names, parts in asked:
        first, last = numbers[names[0]], numbers[names[-1]]
        where = words("section {where}", where=first)
        if first != last:
            where = words("sections {first} and {last}", first=first, last=last)
        rows.append((what, points, where, answered(*parts)))
    head = (words("asked by the exercise"), words("points"), words("answered in"), words("in this run"))
    yield table(head, rows, prose=True)
