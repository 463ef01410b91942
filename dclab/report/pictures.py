"""The pictures of a report, each as PNG and as SVG."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from dclab.measure.queueing import bound_rate
from dclab.results import Autoscale, Monitoring, Results, Sweep, TargetLatency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Picture", "draw"]

# Okabe and Ito's colours, which colour-blind readers can tell apart (jfly.uni-koeln.de/color, 2008).
BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#7f7f7f"

STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": 150,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "dclab",
}


class Picture(NamedTuple):
    """One picture and the sentence that stands for it where it cannot be seen."""

    name: str
    caption: str
    png: bytes
    svg: str


def draw(results: Results) -> dict[str, Picture]:
    """Every picture that the results have data for, by name."""
    import matplotlib

    matplotlib.use("Agg")
    with matplotlib.rc_context(STYLE):
        return {one.name: one for one in _all(results)}


def _all(results: Results) -> Iterator[Picture]:
    if results.sweep and results.sweep.points:
        sweep = results.sweep
        yield _picture(
            "sweep", "Hashes per second against the number of workers", lambda figure: _sweep(figure, sweep), (7, 4.2)
        )
    if results.latency:
        latency = results.latency
        yield _picture(
            "latency",
            "Latency of each service, mean and percentiles",
            lambda figure: _latency(figure, latency),
            (7, 3.6),
        )
    if results.autoscale and len(results.autoscale.timeline) > 1:
        autoscale = results.autoscale
        yield _picture(
            "autoscale",
            "The autoscaler over time: replicas, its metric, latency, hashes per second",
            lambda figure: _autoscale(figure, autoscale),
            (8, 8),
        )
    if results.monitoring and any(results.monitoring.series.values()):
        monitoring = results.monitoring
        yield _picture(
            "monitoring", "Latency over the whole run", lambda figure: _monitoring(figure, monitoring), (8, 3.6)
        )


def _picture(name: str, caption: str, paint: Callable[[Figure], None], size: tuple[float, float]) -> Picture:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    paint(figure)
    png, svg = io.BytesIO(), io.StringIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    text = svg.getvalue()
    return Picture(name, caption, png.getvalue(), text[text.index("<svg") :])


def _sweep(figure: Figure, sweep: Sweep) -> None:
    axes = figure.add_subplot()
    points = sorted(sweep.points, key=lambda one: one.workers)
    workers = [one.workers for one in points]
    rates = [one.hashes_per_second for one in points]
    top = max(*(one.ci95_high for one in rates), bound_rate(workers[-1]), *(one.webui_reading for one in points))
    ideal = rates[0].mean / workers[0]
    ends = (0, max(workers) + 0.5)
    axes.plot(ends, [n * ideal for n in ends], color=GREY, linestyle="--", label="ideal: as many times as workers")
    grid = [ends[1] * i / 200 for i in range(201)]
    axes.plot(grid, [bound_rate(n) for n in grid], color=GREEN, linewidth=1.2, label="most possible with one rng")  # type: ignore[arg-type]
    axes.errorbar(
        workers,
        [one.mean for one in rates],
        yerr=[[one.mean - one.ci95_low for one in rates], [one.ci95_high - one.mean for one in rates]],
        color=BLUE,
        marker="o",
        capsize=4,
        label="measured, with 95 % interval",
    )
    axes.plot(
        workers,
        [one.webui_reading for one in points],
        "x",
        color=VERMILION,
        markersize=9,
        label="web UI showed most often",
    )
    axes.set(xlabel="workers", ylabel="hashes per second", xlim=ends, ylim=(0, top * 1.35))
    axes.set_xticks(workers)
    axes.legend(loc="lower right")


def _latency(figure: Figure, latency: Mapping[str, TargetLatency]) -> None:
    axes = figure.add_subplot()
    rows = [
        (f"{name}\n{what}", one)
        for name, found in latency.items()
        for what, one in (("GET /", found.probe), ("real call", found.call))
    ]
    for position, (_, one) in enumerate(reversed(rows)):
        axes.plot([one.min, one.max], [position, position], color=BLUE, linewidth=1.5)
        axes.plot([one.p50, one.p95, one.p99], [position] * 3, "|", color=BLUE, markersize=14)
        axes.plot([one.mean], [position], "o", color=VERMILION, markersize=6)
        axes.annotate(f"{one.mean:.1f} ms", (one.mean, position), (0, 10), textcoords="offset points", ha="center")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_ylim(-0.5, len(rows) - 0.3)
    axes.set_yticks(range(len(rows)), [label for label, _ in reversed(rows)])
    low = min(one.min for _, one in rows)
    high = max(one.max for _, one in rows)
    axes.set(
        xlabel="milliseconds (logarithmic): dot mean, line min to max, marks p50, p95, p99", xlim=(low / 2, high * 2)
    )
    axes.grid(visible=False, axis="y")


SHADES = {"baseline": "#ffffff", "load": "#fde9d9", "autoscaled": "#dcebf7", "after-load": "#eef5ea"}
LABELS = {
    "baseline": "baseline",
    "load": "siege",
    "autoscaled": "siege and autoscaler",
    "after-load": "autoscaler, no siege",
}


def _autoscale(figure: Figure, found: Autoscale) -> None:
    panels = figure.subplots(4, 1, sharex=True)
    points = found.timeline
    t = [one.t for one in points]
    replicas, metric, latency, rate = panels
    replicas.step(t, [one.desired for one in points], where="post", color=BLUE, label="desired")
    replicas.step(t, [one.ready for one in points], where="post", color=ORANGE, linestyle="--", label="ready")
    replicas.set(ylabel=f"{found.target}\nreplicas", ylim=(0, max(one.desired for one in points) + 1))
    replicas.legend(loc="upper left", ncols=2)
    readings = [(one.t, m.current, m.target) for one in points for m in one.metrics[:1] if m.current is not None]
    if readings:
        metric.step([r[0] for r in readings], [r[1] for r in readings], where="post", color=PURPLE, label="CPU")
        metric.axhline(readings[0][2], color=GREY, linestyle="--", label="target")
        metric.legend(loc="upper left", ncols=2)
        metric.set_ylim(0, 1.5 * max(*(r[1] for r in readings), readings[0][2]))
    metric.set(ylabel="CPU, % of\nrequest")
    _series(latency, [(one.t, one.latency_ms) for one in points], VERMILION)
    latency.set(ylabel=f"latency of\n{found.target}, ms")
    _series(rate, [(one.t, one.hashes_per_second) for one in points], GREEN)
    clock = "" if found.clock_speed == 1 else f"; the autoscaler's clock ran {found.clock_speed:g} times faster"
    rate.set(ylabel="hashes/s", xlabel=f"seconds{clock}")
    _shade(figure, list(panels), found)


def _series(axes: Axes, points: list[tuple[float, float | None]], color: str) -> None:
    known = [(t, value) for t, value in points if value is not None]
    axes.plot([t for t, _ in known], [value for _, value in known], color=color)
    axes.set_ylim(bottom=0)


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
    handles = [Patch(facecolor=SHADES[one], edgecolor="#999999", label=LABELS[one]) for one in dict.fromkeys(used)]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=9)


def _monitoring(figure: Figure, monitoring: Monitoring) -> None:
    axes = figure.add_subplot()
    series = {name: points for name, points in sorted(monitoring.series.items()) if points}
    begin = min(points[0][0] for points in series.values())
    for (name, points), color in zip(series.items(), (BLUE, VERMILION, GREEN, ORANGE), strict=False):
        axes.plot([t - begin for t, _ in points], [ms for _, ms in points], label=name, color=color)
    axes.set(xlabel=f"seconds   ·   {monitoring.query}   ·   {monitoring.source}", ylabel="milliseconds")
    axes.xaxis.label.set_fontsize(7.5)
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", ncols=2)
