"""How each picture is painted; every function returns what a reader sees who points at a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dclab.measure.latency import PERCENTILES, shown_figures
from dclab.measure.models import CURVES, modelled_rate
from dclab.measure.queueing import bound_rate
from dclab.report.latency_words import FIGURES, milliseconds
from dclab.report.palette import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, VERMILION, Spot, thinned
from dclab.report.wording import interval
from dclab.results import Autoscale, Intervention, Monitoring, Sweep, TargetLatency

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["paint_autoscale", "paint_latency", "paint_monitoring", "paint_proof", "paint_sweep"]


def paint_sweep(figure: Figure, sweep: Sweep) -> list[Spot]:
    """Hashes/s against workers: measured, ideal, theory, the model and its knee, and what the web UI showed."""
    axes = figure.add_subplot()
    points = sorted(sweep.points, key=lambda one: one.workers)
    workers = [one.workers for one in points]
    rates = [one.hashes_per_second for one in points]
    top = max(*(one.ci95_high for one in rates), bound_rate(workers[-1]), *(one.webui_reading for one in points))
    ideal = rates[0].mean / workers[0]
    ends = (0, max(workers) + 0.5)
    grid = [ends[1] * i / 200 for i in range(201)]
    axes.plot(ends, [n * ideal for n in ends], color=GREY, linestyle="--", label="ideal: as many times as workers")
    axes.plot(grid, [bound_rate(n) for n in grid], color=GREEN, linewidth=1.2, label="most possible with one rng")  # type: ignore[arg-type]
    best = next((one for one in sweep.models if one.name == sweep.best_model and one.name in CURVES), None)
    if best is not None:
        fitted = [modelled_rate(best, n) for n in grid if n > 0]
        name = "queueing bound" if best.name == "bound" else best.name
        axes.plot(grid[1:], fitted, color=PURPLE, linestyle=":", linewidth=2, label=f"model: {name}")
        if best.knee is not None and 0 < best.knee < ends[1]:
            axes.axvline(best.knee, color=PURPLE, linewidth=0.8, alpha=0.6)
            axes.annotate(f"knee {best.knee:.1f}", (best.knee, top * 1.25), (4, 0), textcoords="offset points")
    axes.errorbar(
        workers,
        [one.mean for one in rates],
        yerr=[[one.mean - one.ci95_low for one in rates], [one.ci95_high - one.mean for one in rates]],
        color=BLUE,
        marker="o",
        capsize=4,
        linestyle="none",
        label="measured, with 95 % interval",
    )
    shown = [one.webui_reading for one in points]
    axes.plot(workers, shown, "x", color=VERMILION, markersize=9, label="web UI showed most often")
    axes.set(xlabel="workers", ylabel="hashes per second", xlim=ends, ylim=(0, top * 1.35 or 1.0))
    axes.set_xticks(workers)
    axes.legend(loc="lower right")
    return [
        Spot(
            axes,
            one.workers,
            one.hashes_per_second.mean,
            f"{one.workers} workers: {interval(one.hashes_per_second)} hashes/s\nweb UI showed {one.webui_reading:g}",
        )
        for one in points
    ]


def paint_latency(figure: Figure, latency: Mapping[str, TargetLatency]) -> list[Spot]:
    """Minimum to maximum, percentiles and mean of each, on a logarithmic axis."""
    from matplotlib.ticker import LogFormatter

    axes = figure.add_subplot()
    rows = [
        (f"{name}\n{what}", one)
        for name, found in latency.items()
        for what, one in (("GET /", found.probe), ("real call", found.call))
        if one.count
    ]
    spots = []
    for position, (label, one) in enumerate(reversed(rows)):
        axes.plot([one.min, one.max], [position, position], color=BLUE, linewidth=1.5)
        shown = shown_figures(one)
        marks = [each.ms for name in PERCENTILES if (each := shown[name])]
        axes.plot(marks, [position] * len(marks), "|", color=BLUE, markersize=14)
        axes.plot([one.mean], [position], "o", color=VERMILION, markersize=6)
        axes.annotate(
            f"{milliseconds(shown['mean'])} ms", (one.mean, position), (0, 10), textcoords="offset points", ha="center"
        )
        told = f"{label.replace(chr(10), ', ')} × {one.count}: mean {milliseconds(shown['mean'])} ms\n"
        told += ", ".join(f"{name} {milliseconds(shown[name])}" for name in FIGURES if name != "mean")
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
    axes.set(
        xlabel="milliseconds (logarithmic): dot mean, line min to max, marks p50, p95, p99 where n carries them",
        xlim=(low / 2, high * 2),
    )
    axes.grid(visible=False, axis="y")
    return spots


def paint_proof(figure: Figure, interventions: Sequence[Intervention]) -> list[Spot]:
    """The rate under each change, its interval, and what theory predicts for it."""
    axes = figure.add_subplot()
    rows = list(reversed(interventions))
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
    )
    predicted = [(one.predicted, place) for place, one in enumerate(rows) if one.predicted is not None]
    axes.plot(
        [x for x, _ in predicted], [y for _, y in predicted], "D", color=VERMILION, markersize=5, label="predicted"
    )
    axes.set_yticks(range(len(rows)), [one.name for one in rows])
    axes.set(xlabel=f"hashes per second at {interventions[0].workers} workers", xlim=(0, None))
    axes.grid(visible=False, axis="y")
    if predicted:
        axes.legend(loc="upper right")
    spots = []
    for place, one in enumerate(rows):
        theory = "" if one.predicted is None else f"\npredicted {one.predicted:.1f}"
        told = f"{one.name}: {interval(one.hashes_per_second)} hashes/s{theory}"
        spots.append(Spot(axes, one.hashes_per_second.mean, place, told))
    return spots


LONGEST_NAME = 24
"""Letters of a metric's name beside an axis."""

SHADES = {"baseline": (0.5, 0.5, 0.5, 0.0), "load": (0.84, 0.37, 0.0, 0.16), "autoscaled": (0.0, 0.45, 0.7, 0.16)}
SHADES |= {"after-load": (0.0, 0.62, 0.45, 0.12)}
LABELS = {
    "baseline": "baseline",
    "load": "siege",
    "autoscaled": "siege and autoscaler",
    "after-load": "autoscaler, no siege",
}


def paint_autoscale(figure: Figure, found: Autoscale) -> list[Spot]:
    """Replicas, metric against target, latency and hashes/s, on one axis of time, with each decision marked."""
    panels = list(figure.subplots(4, 1, sharex=True))
    points = thinned(found.timeline)
    t = [one.t for one in points]
    replicas, metric, latency, rate = panels
    replicas.step(t, [one.desired for one in points], where="post", color=BLUE, label="desired")
    replicas.step(t, [one.ready for one in points], where="post", color=ORANGE, linestyle="--", label="ready")
    replicas.set(ylabel=f"{found.target}\nreplicas", ylim=(0, max(one.desired for one in points) + 1))
    replicas.legend(loc="upper left", ncols=2)
    seen = [(one.t, one.deciding) for one in points if one.deciding]
    readings = [(t, m.current, m.target) for t, m in seen if m.current is not None]
    name, unit = (seen[-1][1].name, seen[-1][1].unit) if seen else ("cpu", "%")
    if readings:
        metric.step([r[0] for r in readings], [r[1] for r in readings], where="post", color=PURPLE, label=name)
        metric.axhline(readings[0][2], color=GREY, linestyle="--", label="target")
        metric.legend(loc="upper left", ncols=2)
        metric.set_ylim(0, 1.5 * max(*(r[1] for r in readings), readings[0][2]))
    metric.set(ylabel="CPU, % of\nrequest" if (name, unit) == ("cpu", "%") else f"{name[:LONGEST_NAME]}\n{unit}")
    known_latency = _series(latency, [(one.t, one.latency_ms) for one in points], VERMILION)
    latency.set(ylabel=f"latency of\n{found.target}, ms")
    known_rate = _series(rate, [(one.t, one.hashes_per_second) for one in points], GREEN)
    clock = "" if found.clock_speed == 1 else f"; the autoscaler's clock ran {found.clock_speed:g} times faster"
    rate.set(ylabel="hashes/s", xlabel=f"seconds{clock}")
    _shade(figure, panels, found)
    spots = [
        Spot(replicas, one.t, one.desired, f"{one.t:.0f} s: {one.desired} desired, {one.ready} ready") for one in points
    ]
    spots += [
        Spot(metric, at, value, f"{at:.0f} s: {value:.3g}{unit} of {goal:.3g}{unit}") for at, value, goal in readings
    ]
    spots += [Spot(latency, at, ms, f"{at:.0f} s: {ms:.0f} ms") for at, ms in known_latency]
    spots += [Spot(rate, at, value, f"{at:.0f} s: {value:.1f} hashes/s") for at, value in known_rate]
    step = -(-len(spots) // 200)
    return [*spots[:: max(1, step)], *_decisions(replicas, found)]


def _decisions(axes: Axes, found: Autoscale) -> list[Spot]:
    """A triangle for each rescale, with the autoscaler's own reason."""
    rescales = [one for one in found.events if one.reason == "SuccessfulRescale"][-30:]
    height = axes.get_ylim()[1] * 0.08
    axes.plot([one.t for one in rescales], [height] * len(rescales), "^", color=VERMILION, markersize=6)
    return [Spot(axes, one.t, height, f"{one.t:.0f} s: {one.message}") for one in rescales]


def _series(axes: Axes, points: list[tuple[float, float | None]], color: str) -> list[tuple[float, float]]:
    known = [(t, value) for t, value in points if value is not None]
    axes.plot([t for t, _ in known], [value for _, value in known], color=color)
    axes.set_ylim(bottom=0)
    return known


def _shade(figure: Figure, panels: list[Axes], found: Autoscale) -> None:
    """Colour the phases, with a legend above."""
    from matplotlib.patches import Patch

    points = found.timeline
    used = []
    begin = 0
    for index in range(1, len(points) + 1):
        if index == len(points) or points[index].phase != points[begin].phase:
            end = points[min(index, len(points) - 1)].t
            phase = points[begin].phase
            for axes in panels:
                axes.axvspan(points[begin].t, end, color=SHADES[phase], zorder=0, linewidth=0)
            used.append(phase)
            begin = index
    panels[0].set_xlim(points[0].t, points[-1].t)
    handles = [Patch(facecolor=SHADES[one], edgecolor=GREY, label=LABELS[one]) for one in dict.fromkeys(used)]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=9)


def paint_monitoring(figure: Figure, monitoring: Monitoring) -> list[Spot]:
    """The exercise's expression over the run."""
    axes = figure.add_subplot()
    series = {name: thinned(points) for name, points in sorted(monitoring.series.items()) if points}
    begin = min(points[0][0] for points in series.values())
    spots = []
    for (name, points), color in zip(series.items(), (BLUE, VERMILION, GREEN, ORANGE), strict=False):
        # Two series are told apart without colour, too: by their order, in the legend and in what one points at.
        axes.plot([t - begin for t, _ in points], [ms for _, ms in points], label=name, color=color)
        spots += [Spot(axes, t - begin, ms, f"{t - begin:.0f} s: {name} {ms:.1f} ms") for t, ms in points]
    axes.set(xlabel=f"seconds   ·   {monitoring.query}   ·   {monitoring.source}", ylabel="milliseconds")
    axes.xaxis.label.set_fontsize(7.5)
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", ncols=2)
    return spots
