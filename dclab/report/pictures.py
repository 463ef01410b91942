"""The pictures of a report: PNG for Markdown, SVG with hover values for the page."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from dclab.report.charts import paint_autoscale, paint_latency, paint_monitoring, paint_proof, paint_sweep
from dclab.report.charts_autoscalers import MOST_RUNS, paint_autoscalers, paint_responses, responses_to_paint
from dclab.report.charts_chapters import paint_probes, paint_rollout
from dclab.report.foreign import with_printable_text
from dclab.report.language import Words
from dclab.report.palette import INK, Spot
from dclab.results import Comparison, Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Picture", "draw"]

MOST_SPOTS = 240
"""Hover values of one picture: more cannot be told apart with a mouse, and make the page heavy."""

LONGEST_LABEL = 200
"""Characters of a label; the exercise's expression has 90."""

MOST_BARS = 40
"""Of one picture: what a page has the height for."""

STYLE: dict[Any, Any] = {
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": 150,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "dclab",
    "text.parse_math": False,  # a $ in a name is a $
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}

Paint = Callable[["Figure"], list[Spot]]


class Picture(NamedTuple):
    """One picture and the sentence that stands for it where it cannot be seen."""

    name: str
    caption: str
    png: bytes
    svg: str


def draw(results: Results, words: Words | None = None) -> dict[str, Picture]:
    """Every picture that the results have data for, by name."""
    import warnings

    import matplotlib

    matplotlib.use("Agg")
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a letter that the font lacks, labels that leave no room
        return {one.name: one for one in _all(with_printable_text(results, LONGEST_LABEL), words or Words())}


def _all(results: Results, words: Words) -> Iterator[Picture]:
    # Fonts for Chinese are rare on servers, so pictures speak English in every language; their captions do not.
    sweep, latency, autoscale, monitoring = results.sweep, results.latency, results.autoscale, results.monitoring
    if sweep and sweep.points:
        caption = words("Hashes per second against the number of workers")
        yield _picture("sweep", caption, lambda figure: paint_sweep(figure, sweep), (7, 4.2))
    if latency:
        caption = words("Latency of each service: mean and percentiles")
        yield _picture("latency", caption, lambda figure: paint_latency(figure, latency), (7, 3.6))
    if len(results.interventions) > 1:
        caption = words("What each change did to the rate")
        shown = results.interventions[:MOST_BARS]
        height = 1.4 + 0.42 * len(shown)
        yield _picture("proof", caption, lambda figure: paint_proof(figure, shown), (7, height))
    if autoscale and len(autoscale.timeline) > 1:
        caption = words("The autoscaler over time: replicas, its metric, latency, hashes per second")
        yield _picture("autoscale", caption, lambda figure: paint_autoscale(figure, autoscale), (8, 8))
    if results.comparison and results.comparison.runs:
        yield from _autoscalers(results.comparison, words)
    if results.probes and len(results.probes.timeline) > 1:
        demo = results.probes
        caption = words("Health probes over time: replicas in service, restarts, hashes per second")
        yield _picture("probes", caption, lambda figure: paint_probes(figure, demo), (8, 6))
    if results.rollout and len(results.rollout.timeline) > 1:
        update = results.rollout
        caption = words("A rolling update over time: replicas of the old and the new template, hashes per second")
        yield _picture("rollout", caption, lambda figure: paint_rollout(figure, update), (8, 5))
    if monitoring and any(monitoring.series.values()):
        caption = words("Latency over the whole run, drawn from the answers to the expression")
        yield _picture("monitoring", caption, lambda figure: paint_monitoring(figure, monitoring), (8, 3.6))


def _autoscalers(found: Comparison, words: Words) -> Iterator[Picture]:
    caption = words(
        "Autoscalers side by side: demand and ready replicas, the metric against its target, a worker's wait against the objective"
    )
    height = 1.0 + 1.25 * min(MOST_RUNS, len(found.runs))
    yield _picture("autoscalers", caption, lambda figure: paint_autoscalers(figure, found), (8, height))
    shown = responses_to_paint(found)
    if shown:
        caption = words("How many replicas each metric asks for, by how many there are")
        yield _picture("responses", caption, lambda figure: paint_responses(figure, shown), (7, 4))


def _picture(name: str, caption: str, paint: Paint, size: tuple[float, float]) -> Picture:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    spots = paint(figure)
    png, svg = io.BytesIO(), io.StringIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    figure.set_layout_engine("none")  # it stays as it is: laying out takes longer than drawing
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = svg.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    # A reader's own font stands in where this one is missing; it is the wider one, so labels still fit.
    text = text.replace('"DejaVu Sans"', "system-ui").replace("'DejaVu Sans'", "system-ui")
    return Picture(name, caption, png.getvalue(), text.replace("</svg>", f"{_hover(figure, spots)}</svg>"))


def _hover(figure: Figure, spots: list[Spot]) -> str:
    """Circles that show nothing until the pointer or the keyboard is on them; in the SVG's own units, points."""
    width, height = (72 * side for side in figure.get_size_inches())
    drawn = []
    for spot in spots[:: max(1, -(-len(spots) // MOST_SPOTS))]:
        x, y = (72 * pixels / figure.dpi for pixels in spot.axes.transData.transform((spot.x, spot.y)))
        if 0 <= x <= width and 0 <= y <= height:
            drawn.append(_spot(x, height - y, spot.text, width))
    return f'<g class="spots">{"".join(drawn)}</g>'


def _spot(x: float, y: float, text: str, width: float) -> str:
    lines = text.split("\n")
    wide = 8 + 5.2 * max(len(one) for one in lines)
    left = min(max(2.0, x - wide / 2), width - wide - 2)
    top = y + 9 if y < 16 + 12 * len(lines) else y - 10 - 12 * len(lines)
    shown = "".join(
        f'<text x="{left + 4:.1f}" y="{top + 10 + 12 * row:.1f}">{escape(one)}</text>' for row, one in enumerate(lines)
    )
    return (
        f'<g class="spot"><title>{escape(text)}</title><circle cx="{x:.1f}" cy="{y:.1f}" r="7"/>'
        f'<g class="tip"><rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{4 + 12 * len(lines)}" rx="3"/>'
        f"{shown}</g></g>"
    )
