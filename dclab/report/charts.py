"""How each picture is painted, for a page or a phone (`narrow`); each function returns the values that show when pointed at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dclab.measure.latency import PERCENTILES, shown_figures
from dclab.measure.models import CURVES, modelled_rate
from dclab.measure.queueing import bound_rate
from dclab.report.language import Words
from dclab.report.latency_words import FIGURES, milliseconds
from dclab.report.palette import BLUE, GREEN, GREY, INK, LONGEST_NAME, ORANGE, PURPLE, VERMILION, Spot, thinned
from dclab.report.speedup_words import model_name
from dclab.report.wording import change_name, interval
from dclab.results import Intervention, Monitoring, Sweep, TargetLatency

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

__all__ = [
    "COLORS",
    "paint_latency",
    "paint_monitoring",
    "paint_proof",
    "paint_sweep",
]

COLORS = (BLUE, VERMILION, GREEN, ORANGE)
"""Of the series of monitoring."""


def paint_sweep(figure: FigureBase, sweep: Sweep, words: Words, *, narrow: bool = False) -> list[Spot]:
    """Hashes/s against workers: measured, ideal, theory, the model and its knee, and what the web UI showed."""
    axes = figure.add_subplot()
    points = sorted(sweep.points, key=lambda one: one.workers)
    workers = [one.workers for one in points]
    rates = [one.hashes_per_second for one in points]
    top = max(*(one.ci95_high for one in rates), bound_rate(workers[-1]), *(one.webui_reading for one in points))
    ideal = rates[0].mean / workers[0]
    ends = (0, max(workers) + 0.5)
    grid = [ends[1] * i / 200 for i in range(201)]
    axes.plot(
        ends, [n * ideal for n in ends], color=GREY, linestyle="--", label=words("ideal: in proportion to workers")
    )
    bounds = [bound_rate(n) for n in grid]  # type: ignore[arg-type]
    axes.plot(grid, bounds, color=GREEN, linewidth=1.2, label=words("most possible with one rng"))
    best = next((one for one in sweep.models if one.name == sweep.best_model and one.name in CURVES), None)
    if best is not None:
        fitted = [modelled_rate(best, n) for n in grid if n > 0]
        name = model_name(best.name, words)
        label = words("model: {name}", name=name)
        axes.plot(grid[1:], fitted, color=PURPLE, linestyle=":", linewidth=2, label=label)
        if best.knee is not None and 0 < best.knee < ends[1]:
            axes.axvline(best.knee, color=PURPLE, linewidth=0.8, alpha=0.6)
            left = best.knee < ends[1] / 2
            axes.annotate(
                words("knee {knee:.1f}", knee=best.knee),
                (best.knee, top * 1.25),
                (-4 if left else 4, 0),
                textcoords="offset points",
                ha="right" if left else "left",
            )
    axes.errorbar(
        workers,
        [one.mean for one in rates],
        yerr=[[one.mean - one.ci95_low for one in rates], [one.ci95_high - one.mean for one in rates]],
        color=BLUE,
        marker="o",
        capsize=4,
        linestyle="none",
        label=words("measured, with 95 % interval"),
    )
    shown = [one.webui_reading for one in points]
    axes.plot(workers, shown, "x", color=VERMILION, markersize=9, label=words("web UI showed most often"))
    axes.set(xlabel=words("workers"), ylabel=words("hashes per second"), xlim=ends, ylim=(0, top * 1.35 or 1.0))
    axes.set_xticks(workers)
    if narrow:
        figure.legend(loc="outside lower left", fontsize=9)
    else:
        axes.legend(loc="lower right")
    return [
        Spot(
            axes,
            one.workers,
            one.hashes_per_second.mean,
            words(
                "{workers} workers: {rate} hashes/s\nweb UI showed {reading:g}",
                workers=one.workers,
                rate=interval(one.hashes_per_second),
                reading=one.webui_reading,
            ),
        )
        for one in points
    ]


def paint_latency(
    figure: FigureBase, latency: Mapping[str, TargetLatency], words: Words, *, narrow: bool = False
) -> list[Spot]:
    """Minimum to maximum, percentiles and mean of each, on a logarithmic axis."""
    from matplotlib.lines import Line2D
    from matplotlib.ticker import LogFormatter

    axes = figure.add_subplot()
    rows = [
        (f"{name[:LONGEST_NAME]}\n{what}", one)
        for name, found in latency.items()
        for what, one in (("GET /", found.probe), (words("real call"), found.call))
        if one.count
    ]
    spots = []
    for position, (label, one) in enumerate(reversed(rows)):
        axes.plot([one.min, one.max], [position, position], color=BLUE, linewidth=1.5)
        shown = shown_figures(one)
        marks = [each.ms for name in PERCENTILES if (each := shown[name])]
        axes.plot(marks, [position] * len(marks), "|", color=BLUE, markersize=14)
        axes.plot([one.mean], [position], "o", color=VERMILION, markersize=6)
        mean = milliseconds(shown["mean"])
        axes.annotate(words("{ms} ms", ms=mean), (one.mean, position), (0, 10), textcoords="offset points", ha="center")
        told = words("{what} × {n}: mean {ms} ms", what=label.replace("\n", words(", ")), n=one.count, ms=mean)
        names = {"min": words("min"), "max": words("max")}
        told += "\n" + words(", ").join(
            f"{names.get(name, name)} {milliseconds(shown[name])}" for name in FIGURES if name != "mean"
        )
        spots.append(Spot(axes, one.mean, position, told))
    if not rows:
        return []
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(LogFormatter())  # a plain one: mathematics is not set in these pictures
    axes.set_ylim(-0.5, len(rows) - 0.3)
    axes.set_yticks(range(len(rows)), [label for label, _ in reversed(rows)])
    low = max(0.001, min(one.min for _, one in rows))
    high = max(low, *(one.max for _, one in rows))
    # Room for a label at either end, which is as wide as a share of the axis.
    room = (high / low) ** (0.15 if narrow else 0.08)
    axes.set(xlabel=words("milliseconds (logarithmic)"), xlim=(low / room / 1.5, high * room * 1.5))
    axes.grid(visible=False, axis="y")
    handles = [
        Line2D([], [], color=VERMILION, marker="o", linestyle="none", label=words("mean")),
        Line2D([], [], color=BLUE, linewidth=1.5, label=words("minimum to maximum")),
        Line2D([], [], color=BLUE, marker="|", markersize=14, linestyle="none", label=words("p50, p95, p99 if known")),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=1 if narrow else 3, fontsize=9)
    return spots


def paint_proof(
    figure: FigureBase, interventions: Sequence[Intervention], words: Words, *, narrow: bool = False
) -> list[Spot]:
    """The rate under each change, its interval, and what theory predicts for it."""
    axes = figure.add_subplot()
    rows = list(reversed(interventions))
    names = [change_name(one.name, words) for one in rows]
    rates = [one.hashes_per_second for one in rows]
    colors = [GREY if one.service is None else BLUE if one.service == "rng" else ORANGE for one in rows]
    axes.barh(range(len(rows)), [one.mean for one in rates], color=colors, height=0.6)
    axes.errorbar(
        [one.mean for one in rates],
        range(len(rows)),
        xerr=[[one.mean - one.ci95_low for one in rates], [one.ci95_high - one.mean for one in rates]],
        color=INK,
        linestyle="none",
        capsize=3,
        label=words("95 % interval"),
    )
    predicted = [(one.predicted, place) for place, one in enumerate(rows) if one.predicted is not None]
    axes.plot(
        [x for x, _ in predicted],
        [y for _, y in predicted],
        "D",
        color=VERMILION,
        markersize=5,
        label=words("predicted"),
    )
    axes.set_yticks(
        range(len(rows)), [_folded(one[:LONGEST_CHANGE]) if narrow else one[:LONGEST_CHANGE] for one in names]
    )
    workers = interventions[0].workers
    axes.set(xlabel=words("hashes per second at {workers} workers", workers=workers), xlim=(0, None))
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside lower left", ncols=2, fontsize=9)
    spots = []
    for place, (one, name) in enumerate(zip(rows, names, strict=True)):
        told = words("{name}: {rate} hashes/s", name=name, rate=interval(one.hashes_per_second))
        if one.predicted is not None:
            told += "\n" + words("predicted {rate:.1f}", rate=one.predicted)
        spots.append(Spot(axes, one.hashes_per_second.mean, place, told))
    return spots


def _folded(name: str) -> str:
    """A name on two lines where it is long."""
    return name.replace(", ", ",\n").replace("，", "，\n") if len(name) > LONGEST_NAME // 2 else name


LONGEST_CHANGE = 40
"""Letters of what was changed, beside a bar."""


def paint_monitoring(figure: FigureBase, monitoring: Monitoring, words: Words, *, narrow: bool = False) -> list[Spot]:
    """The exercise's expression over the run."""
    axes = figure.add_subplot()
    series = {name: thinned(points) for name, points in sorted(monitoring.series.items()) if points}
    begin = min(points[0][0] for points in series.values())
    spots = []
    for (name, points), color in zip(series.items(), COLORS, strict=False):
        # Two series are told apart without colour, too: by their order, in the legend and in what one points at.
        label = name[:LONGEST_NAME]
        axes.plot([t - begin for t, _ in points], [ms for _, ms in points], label=label, color=color)
        spots += [
            Spot(axes, t - begin, ms, words("{t:.0f} s: {name} {ms:.1f} ms", t=t - begin, name=label, ms=ms))
            for t, ms in points
        ]
    axes.set(xlabel=words("seconds"), ylabel=words("milliseconds"))
    axes.set_ylim(bottom=0)
    figure.legend(loc="outside lower left", ncols=2 if narrow else 4, fontsize=9)
    return spots
