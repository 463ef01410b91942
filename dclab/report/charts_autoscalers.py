"""Autoscalers side by side as pictures: small multiples on one axis of time, and what each metric asks for."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from dclab.report.language import Words
from dclab.report.levels import TOLERANCE, Response, responses, usual_demand
from dclab.report.palette import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, VERMILION, Spot, thinned
from dclab.report.scores import target_of
from dclab.results import AutoscalerRun, Comparison, ElasticPoint, MetricReading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

__all__ = ["MOST_RUNS", "paint_autoscalers", "paint_responses", "responses_to_paint"]

MOST_RUNS = 12
"""Rows of the picture: what a page has the height for."""
MOST_SPOTS = 240
"""Values under the pointer, in all panels together."""
MOST_POINTS = 250
"""Of a line in one panel, which has about as many pixels."""
LEAST_RATIO, MOST_RATIO = 0.1, 1000.0
"""The axis of metric / target ends here at the latest; a metric of nothing is drawn at its beginning."""
LONGEST_NAME = 40
LONGEST_TARGET = 12
"""Letters of the service's name beside a panel, which is about as high."""


def paint_autoscalers(figure: FigureBase, found: Comparison, words: Words, *, narrow: bool = False) -> list[Spot]:
    """For each autoscaler a row: demand and supply, its metric against its target, a worker's wait against the objective.

    On a phone the three stand below each other.
    """
    runs = found.runs[:MOST_RUNS]
    if narrow:
        panels = list(figure.subplots(3 * len(runs), 1, sharex=True))
        grid: Any = [panels[3 * row : 3 * row + 3] for row in range(len(runs))]
        for index, axes in enumerate(panels[3:]):
            axes.sharey(panels[index % 3])
    else:
        grid = figure.subplots(
            len(runs), 3, sharex=True, sharey="col", squeeze=False, gridspec_kw={"width_ratios": (1.35, 1, 1)}
        )
    spots: list[Spot] = []
    for run, (supply, metric, wait) in zip(runs, grid, strict=True):
        points = run.timeline
        most = max(1, MOST_SPOTS // (3 * len(runs)))
        supply.set_title(run.name[:LONGEST_NAME], loc="left", fontsize=10, fontweight="bold", color=INK)
        spots += _supply(supply, run, points, most, words)
        spots += _metric(metric, points, most, words)
        spots += _wait(wait, found.slo_ms, points, most, words)
        target = found.target[:LONGEST_TARGET]
        supply.set_ylabel(words("{target} replicas", target=target), fontsize=8)
        metric.set_ylabel(words("metric / target"), fontsize=8)
        wait.set_ylabel(words("wait, ms"), fontsize=8)
    _axes(grid, found, words, grid[-1][-1:] if narrow else grid[-1])
    _legend(figure, found, words, 1 if narrow else 3)
    return spots


def _axes(grid: Any, found: Comparison, words: Words, lowest: Sequence[Axes]) -> None:
    """What all rows share."""
    from matplotlib.ticker import MaxNLocator, NullFormatter

    supply, metric, wait = grid[0]
    supply.set_ylim(bottom=0)
    supply.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    metric.set_yscale("log")
    highest = max(2.0, metric.get_ylim()[1])
    metric.set_ylim(LEAST_RATIO, highest * 1.2)
    ticks = [one for one in (0.1, 0.3, 1, 3, 10, 30, 100) if one <= highest * 1.2]
    metric.set_yticks(ticks, [f"{one:g}" for one in ticks])
    metric.yaxis.set_minor_formatter(NullFormatter())
    wait.set_ylim(bottom=0)
    supply.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=(1, 2, 5, 10)))
    supply.set_xlim(0, max(max(one.seconds, 1.0) for one in found.runs) / 60)
    for axes in lowest:
        axes.set_xlabel(words("minutes"), fontsize=8)
    for row in grid:
        for axes in row:
            axes.tick_params(labelsize=8)


def _supply(axes: Axes, run: AutoscalerRun, points: Sequence[ElasticPoint], most: int, words: Words) -> list[Spot]:
    """Demand, ready replicas, and what lies between them."""
    ends = run.seconds / 60
    points = _changes(points, lambda one: one.ready)
    times = sorted({0.0, ends, *(one.t / 60 for one in run.demand), *(one.t / 60 for one in points)})
    demand = [_at([(one.t / 60, one.needed) for one in run.demand], t) for t in times]
    high = [_at([(one.t / 60, one.needed_high) for one in run.demand], t) for t in times]
    ready = [_at([(one.t / 60, one.ready) for one in points], t) for t in times]
    below = [min(d, r) for d, r in zip(demand, ready, strict=True)]
    above = [max(d, r) for d, r in zip(demand, ready, strict=True)]
    axes.fill_between(times, below, demand, step="post", color=VERMILION, alpha=0.35, linewidth=0)
    axes.fill_between(times, demand, above, step="post", color=BLUE, alpha=0.2, linewidth=0)
    if high != demand:
        axes.step(times, high, where="post", color=INK, linewidth=0.9, linestyle=":")
    axes.step(times, demand, where="post", color=INK, linewidth=1.3)
    axes.step(times, ready, where="post", color=BLUE, linewidth=1.3, linestyle="--")
    return [
        Spot(
            axes,
            one.t / 60,
            one.ready,
            words(
                "{t:.1f} min: {ready} ready, {desired} desired\n{needed:.0f} needed",
                t=one.t / 60,
                ready=one.ready,
                desired=one.desired,
                needed=_at([(each.t, each.needed) for each in run.demand], one.t),
            ),
        )
        for one in thinned(points, most)
    ]


def _changes(points: Sequence[ElasticPoint], value: Callable[[ElasticPoint], object]) -> list[ElasticPoint]:
    """The points at which a value changes, and the last one: a step function needs no others."""
    changed = [one for before, one in pairwise(points) if value(before) != value(one)]
    return thinned([*points[:1], *changed, *points[-1:]])


def _at(curve: Sequence[tuple[float, int]], t: float) -> float:
    """A step function's value; before its first step that of the first, none without steps."""
    return float(curve[max(0, bisect_right(curve, t, key=itemgetter(0)) - 1)][1]) if curve else math.nan


def _metric(axes: Axes, points: Sequence[ElasticPoint], most: int, words: Words) -> list[Spot]:
    """The metric that decides, in multiples of its target; a gap where it was not known."""
    axes.axhspan(1 - TOLERANCE, 1 + TOLERANCE, color=GREY, alpha=0.25, linewidth=0)
    axes.axhline(1, color=INK, linewidth=0.8, linestyle="--")
    seen = [(one.t / 60, _deciding(one)) for one in _changes(points, _deciding)]
    ratios = [_ratio(one) if one else math.nan for _, one in seen]
    axes.step([t for t, _ in seen], ratios, where="post", color=PURPLE, linewidth=1.3)
    known = [(t, one) for t, one in seen if one]
    return [
        Spot(
            axes,
            t,
            _ratio(one),
            words("{t:.1f} min: {name}\n{figures}", t=t, name=one.name[:LONGEST_NAME], figures=one.figures),
        )
        for t, one in thinned(known, most)
    ]


def _deciding(point: ElasticPoint) -> MetricReading | None:
    """The metric that asks for the most replicas; None while none is known."""
    return max((one for one in point.metrics if one.current is not None and one.target), key=_ratio, default=None)


def _ratio(one: MetricReading) -> float:
    """Current value / target, as far as the axis goes."""
    return min(MOST_RATIO, max(LEAST_RATIO, (one.current or 0.0) / one.target))


def _wait(axes: Axes, slo_ms: float, points: Sequence[ElasticPoint], most: int, words: Words) -> list[Spot]:
    """A worker's wait; a gap where it was not known."""
    points = thinned(points, MOST_POINTS)
    t = [one.t / 60 for one in points]
    ms = [math.nan if one.wait_ms is None else one.wait_ms for one in points]
    axes.axhline(slo_ms, color=INK, linewidth=0.8, linestyle="--")
    over = [one > slo_ms for one in ms]
    axes.fill_between(t, ms, slo_ms, where=over, color=VERMILION, alpha=0.35, linewidth=0)
    axes.plot(t, ms, color=GREEN, linewidth=1.1)
    known = [(one.t / 60, one.wait_ms) for one in points if one.wait_ms is not None]
    return [Spot(axes, at, each, words("{t:.1f} min: {ms:.0f} ms", t=at, ms=each)) for at, each in thinned(known, most)]


def _legend(figure: FigureBase, found: Comparison, words: Words, columns: int) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Line2D([], [], color=INK, label=words("demand")),
        Line2D([], [], color=BLUE, linestyle="--", label=words("ready")),
        Patch(facecolor=VERMILION, alpha=0.35, label=words("missing, or over the objective")),
        Patch(facecolor=BLUE, alpha=0.2, label=words("too many")),
        Line2D([], [], color=PURPLE, label=words("metric / target, grey: within the tolerance")),
        Line2D([], [], color=GREEN, label=words("a call's wait, dashed: objective of {slo:g} ms", slo=found.slo_ms)),
    ]
    if any(step.needed != step.needed_high for run in found.runs for step in run.demand):
        label = words("demand at the wait's upper end")
        handles.insert(1, Line2D([], [], color=INK, linestyle=":", label=label))
    figure.legend(handles=handles, loc="outside upper left", ncols=columns, fontsize=8)


def responses_to_paint(found: Comparison) -> list[Response]:
    """Return what a picture of responses can show: those that were seen at two numbers of replicas or more."""
    demand = usual_demand(found)
    every = responses(found, demand) if demand else []
    return [one for one in every if len(one.asks) > 1][: len(MARKERS)]


MARKERS = (
    (BLUE, "o"),
    (VERMILION, "s"),
    (GREEN, "^"),
    (PURPLE, "D"),
    (ORANGE, "v"),
    (GREY, "P"),
    (INK, "X"),
    (BLUE, "*"),
)
"""Colour and sign: lines are told apart without colour, too."""


def paint_responses(figure: FigureBase, shown: Sequence[Response], words: Words, *, narrow: bool = False) -> list[Spot]:
    """What each metric asks for against how many replicas there are: where a line meets the diagonal its autoscaler stays."""
    from matplotlib.ticker import MaxNLocator

    axes = figure.add_subplot()
    last = max(one.asks[-1].replicas for one in shown)
    spots = []
    for one, (color, marker) in zip(shown, MARKERS, strict=False):
        x = [each.replicas for each in one.asks]
        y = [each.replicas * each.value / one.reading.target for each in one.asks]
        name = one.run.name[:LONGEST_NAME]
        label = words("{name} (target {target})", name=name, target=target_of(one.reading))
        axes.plot(x, y, color=color, marker=marker, linewidth=1.3, label=label)
        spots += [
            Spot(
                axes,
                each.replicas,
                at,
                words(
                    "{name}, {replicas} ready:\nasks for {wanted} ({exact:.2f})",
                    name=one.run.name,
                    replicas=each.replicas,
                    wanted=each.wanted,
                    exact=at,
                ),
            )
            for each, at in zip(one.asks, y, strict=True)
        ]
    ends = [0.5, last + 0.5]
    low, high = ([(1 + side * TOLERANCE) * n for n in ends] for side in (-1, 1))
    axes.fill_between(ends, low, high, color=GREY, alpha=0.2, linewidth=0)
    axes.plot(ends, ends, color=GREY, linestyle="--", linewidth=1, label=words("asked for = ready, ± 10 %"))
    axes.set(xlabel=words("replicas ready"), ylabel=words("replicas asked for"), xlim=ends)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside lower left", ncols=1 if narrow else 2, fontsize=8)
    return spots
