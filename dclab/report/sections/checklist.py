"""What the exercise asks, and where the report answers it."""

from __future__ import annotations

from collections.abc import Iterator

from dclab.report.blocks import Block, table
from dclab.report.language import Words
from dclab.results import Results

__all__ = ["checklist"]


def checklist(results: Results, words: Words) -> Iterator[Block]:
    """Yield a row for each question of the exercise: its points, its section, whether it was measured."""

    def answered(*parts: object) -> str:
        return words("✓ answered") if all(parts) else words("✗ not measured") if not any(parts) else words("in part")

    asked = (
        (words("Performance with different numbers of workers"), 2, "1", results.sweep and results.sweep.points),
        (words("Latency of rng and hasher; which one is the bottleneck"), 2, "2", results.latency),
        (words("The autoscaler at work: Prometheus' graph, and the terminal"), 2, "3, 5", None),
        (words("Is CPU sensible, and what would be better"), 1, "6", results.autoscale),
    )
    rows = []
    for what, points, where, part in asked:
        state = (
            answered(part) if part is not None or where != "3, 5" else answered(results.monitoring, results.autoscale)
        )
        rows.append((what, points, words("section {where}", where=where), state))
    head = (words("asked by the exercise"), words("points"), words("answered in"), words("in this run"))
    yield table(head, rows, prose=True)
