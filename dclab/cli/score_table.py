"""Scores of autoscalers on the terminal: a row for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dclab.cli.output import table
from dclab.report.scores import shown
from dclab.results import Elasticity

__all__ = ["score_table"]

COLUMNS: Mapping[str, str] = {
    "cost": "cost",
    "accuracy_under": "missing",
    "accuracy_over": "too many",
    "timeshare_under": "time missing",
    "timeshare_over": "time too many",
    "over_slo": "time over objective",
    "first_enough_seconds": "first enough, s",
    "jitter": "jitter a minute",
    "reversals": "reversals",
    "pod_minutes": "pod-minutes",
    "ideal_pod_minutes": "of demand",
}
"""By the score's field."""


def score_table(rows: Sequence[tuple[str, Elasticity]]) -> Any:
    """Return the table of named scores."""
    cells = [(name, *(shown(field, getattr(scores, field)) for field in COLUMNS)) for name, scores in rows]
    return table("", *COLUMNS.values(), rows=cells)
