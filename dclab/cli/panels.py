"""Pictures of results in a few lines of text, for a view that is drawn again and again while they grow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dclab.measure.mean import mean_of_known
from dclab.results import Autoscale, Intervention, Sweep, TimelinePoint

__all__ = ["autoscale_panel", "grid", "proof_panel", "sparkline", "sweep_panel"]

BAR_WIDTH = 34
SPARK_WIDTH = 44
MOST_EVENTS = 5
TICKS = "▁▂▃▄▅▆▇█"


def grid(*columns: str, rows: Sequence[Sequence[str | Text]]) -> Table:
    """Columns without lines between them: all but the first and the last are numbers; only the last may be cut off."""
    made = Table(box=None, padding=(0, 2, 0, 0), show_header=any(columns), header_style="dim", expand=True)
    for index, column in enumerate(columns):
        last = index == len(columns) - 1
        made.add_column(
            column,
            justify="left" if last or not index else "right",
            no_wrap=True,
            overflow="ellipsis",
            ratio=1 if last else None,
        )
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return made


def sparkline(values: Sequence[float | None], width: int, top: float | None = None) -> str:
    """The values from 0 to `top` (the greatest), squeezed into `width` characters; a gap where none is known."""
    if len(values) > width:
        edges = [index * len(values) // width for index in range(width + 1)]
        values = [mean_of_known(values[low:high]) for low, high in pairwise(edges)]
    if top is None:
        top = max((one for one in values if one is not None), default=0.0)
    return "".join(" " if one is None else TICKS[_tick(one, top)] for one in values)


def _tick(value: float, top: float) -> int:
    return min(len(TICKS) - 1, int(max(0.0, value) / top * len(TICKS))) if top > 0 else 0


def _bar(value: float, ideal: float, most: float) -> str:
    """A bar of `value` with dots up to `ideal`, where `most` has the full width."""
    full, dotted = (round(BAR_WIDTH * min(one, most) / most) if most > 0 else 0 for one in (value, ideal))
    return "█" * full + "·" * max(0, dotted - full)


def _half(mean: float, low: float, high: float) -> tuple[str, str]:
    return f"{mean:.2f}", f"± {(high - low) / 2:.2f}"


def sweep_panel(sweep: Sweep, room: int) -> RenderableType:
    """Rate by workers in at most `room` lines: bars, with dots up to what as many times the workers should do."""
    points = sorted(sweep.points, key=lambda one: one.workers)
    if not points or room < 2:
        return Group()
    base = points[0]
    ideal = {one.workers: base.hashes_per_second.mean * one.workers / base.workers for one in points}
    most = max((*ideal.values(), *(one.hashes_per_second.mean for one in points)))
    rows = []
    for one in points[-(room - 1) :]:
        rate = one.hashes_per_second
        share = f"{100 * rate.mean / ideal[one.workers]:.0f} %" if ideal[one.workers] else "–"
        figures = _half(rate.mean, rate.ci95_low, rate.ci95_high)
        rows.append((f"{one.workers}", *figures, share, _bar(rate.mean, ideal[one.workers], most)))
    return grid("workers", "hashes/s", "95 %", "of ideal", "█ measured  · ideal", rows=rows)


def proof_panel(interventions: Sequence[Intervention], room: int) -> RenderableType:
    """Rate by change in at most `room` lines: bars, with dots up to what theory allows."""
    if not interventions or room < 2:
        return Group()
    reach = [max(one.hashes_per_second.mean, one.at_most or 0.0) for one in interventions]
    rows = []
    for one in interventions[-(room - 1) :]:
        rate = one.hashes_per_second
        figures = _half(rate.mean, rate.ci95_low, rate.ci95_high)
        rows.append((one.name, *figures, _bar(rate.mean, one.at_most or 0.0, max(reach))))
    return grid("changed", "hashes/s", "95 %", "█ measured  · at most", rows=rows)


def autoscale_panel(found: Autoscale, room: int) -> RenderableType:
    """The demonstration in at most `room` lines: where its four curves stand, how they went, and the last events."""
    if not found.timeline or room < 1:
        return Group()
    now = found.timeline[-1]
    metric = [_metric(one, found.request_millicores) for one in found.timeline]
    decides = now.deciding
    name, figure = (decides.name, decides.figures) if decides else ("cpu", _figure(metric[-1], "%"))
    counts = f"{now.current} of {now.desired}, {now.ready} ready"
    curves: list[tuple[str, str, Sequence[float | None]]] = [
        (f"{found.target} replicas", counts, [float(one.current) for one in found.timeline]),
        (name, figure, metric),
        ("latency", _figure(now.latency_ms, " ms"), [one.latency_ms for one in found.timeline]),
        ("hashes/s", _figure(now.hashes_per_second, "", 1), [one.hashes_per_second for one in found.timeline]),
    ]
    lines: list[RenderableType] = []
    rows = [(name, Text(value), sparkline(values, SPARK_WIDTH)) for name, value, values in curves]
    lines.append(grid("", "", "", rows=rows[:room]))
    left = min(MOST_EVENTS, room - len(curves) - 1)
    events = [(Text(f"{one.t:.0f} s", style="dim"), Text(one.message)) for one in found.events]
    if left > 0 and events:
        shown = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        shown.add_column(justify="right", no_wrap=True, min_width=6)
        shown.add_column(no_wrap=True, overflow="ellipsis")
        for row in events[-left:]:
            shown.add_row(*row)
        lines += [Text(""), shown]
    return Group(*lines)


def _figure(value: float | None, unit: str, digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}f}{unit}"


def _metric(point: TimelinePoint, request: float) -> float | None:
    """What the autoscaler went by; before there is one, CPU in percent of the request."""
    if point.deciding:
        return point.deciding.current
    if point.cpu_millicores is None or not point.ready or not request:
        return None
    return 100 * point.cpu_millicores / point.ready / request
