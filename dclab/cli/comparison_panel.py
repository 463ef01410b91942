"""A comparison of autoscalers in a few lines of text: the run under way, and the scores of those before it."""

from __future__ import annotations

from bisect import bisect_right

from rich.console import Group, RenderableType
from rich.text import Text

from dclab.cli.panels import SPARK_WIDTH, grid, sparkline
from dclab.report.scores import shown
from dclab.results import AutoscalerRun, Comparison

__all__ = ["comparison_panel"]

SCORES = {"cost": "cost", "accuracy_under": "missing", "accuracy_over": "too many", "over_slo": "over objective"}


def comparison_panel(found: Comparison, room: int) -> RenderableType:
    """Return at most `room` lines: demand, supply, metric and wait of the last run, then the scores of all."""
    if not found.runs or room < 1:
        return Group()
    lines: list[RenderableType] = [_curves(found.runs[-1], found, room)]
    left = room - 5
    if left > 1:
        rows = [
            (one.name, *(shown(field, getattr(one.scores, field)) for field in SCORES), "")
            for one in found.runs[-(left - 1) :]
        ]
        lines += [Text(""), grid("replicas", *SCORES.values(), "", rows=rows)]
    return Group(*lines)


def _curves(run: AutoscalerRun, found: Comparison, room: int) -> RenderableType:
    points, now, asked = run.timeline, run.timeline[-1], run.demand[-1]
    starts = [one.t for one in run.demand]
    needed = [float(run.demand[max(0, bisect_right(starts, one.t) - 1)].needed) for one in points]
    ready = [float(one.ready) for one in points]
    most = max(*needed, *ready)
    first = [one.metrics[0] if one.metrics else None for one in points]
    metric = first[-1]
    rows = [
        (f"{found.target} needed", Text(f"{asked.needed}"), sparkline(needed, SPARK_WIDTH, most)),
        (f"{found.target} ready", Text(f"{now.ready} of {now.desired}"), sparkline(ready, SPARK_WIDTH, most)),
        (
            run.metric,
            Text(metric.figures if metric else "–"),
            sparkline([one.current if one else None for one in first], SPARK_WIDTH),
        ),
        (
            "a call waits",
            Text("–" if now.wait_ms is None else f"{now.wait_ms:.0f} of {found.slo_ms:.0f} ms"),
            sparkline([one.wait_ms for one in points], SPARK_WIDTH),
        ),
    ]
    return grid("", "", "", rows=rows[:room])
