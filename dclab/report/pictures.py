"""The pictures of a report, each with its message: PNG for Markdown, SVG with hover values for the page and for a phone."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from dclab.report.charts import paint_latency, paint_monitoring, paint_proof, paint_sweep
from dclab.report.charts_autoscale import paint_autoscale
from dclab.report.charts_autoscalers import MOST_RUNS, paint_autoscalers, paint_responses, responses_to_paint
from dclab.report.charts_chapters import paint_probes, paint_rollout
from dclab.report.fonts import BROWSER_FONTS, FONTS, cells, folded, font_family, wrapped
from dclab.report.foreign import with_printable_text
from dclab.report.language import Words
from dclab.report.palette import INK, Spot
from dclab.report.titles import titles
from dclab.results import Comparison, Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure, FigureBase

__all__ = ["NARROW", "Picture", "Plan", "draw", "painted", "plans"]

ENGLISH = Words()

NARROW = 4.3
"""Inches of a picture for a phone: at 390 pixels, less the page's margins, its letters are as large as they were drawn."""

TITLE_POINTS = 11

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
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a $ in a name is a $
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


class Paint(Protocol):
    """Paint into (a part of) a figure, in the language of `words`; `narrow` is for a phone."""

    def __call__(self, figure: FigureBase, words: Words, *, narrow: bool) -> list[Spot]: ...


class Picture(NamedTuple):
    """One picture, its message, and its caption for readers who cannot see it."""

    name: str
    caption: str
    png: bytes
    svg: str
    narrow: str = ""
    """The same as an SVG that fits a phone; empty where `svg` does."""
    title: str = ""
    """Its message, as it stands above it."""
    described: str = ""
    """Message and caption together; empty where there is only a caption."""


class Plan(NamedTuple):
    """A picture that can be painted: what, and how large, in inches without its title; narrow ones are NARROW wide."""

    name: str
    caption: str
    paint: Paint
    width: float
    height: float
    narrow_height: float


def draw(results: Results, words: Words | None = None) -> dict[str, Picture]:
    """Every picture that the results have data for, by name."""
    import warnings

    import matplotlib

    matplotlib.use("Agg")
    words = words or Words()
    results = with_printable_text(results, LONGEST_LABEL)
    said = titles(results, words)
    family = font_family(words.language)
    # A PNG has no letters that this machine's fonts lack; in the page the browser's own fonts serve.
    english = None if family is not None else titles(results, ENGLISH)
    with matplotlib.rc_context({**STYLE, "font.family": [*FONTS, *(family or ())]}), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a letter that the font lacks, labels that leave no room
        return {one.name: _picture(one, words, said, english) for one in plans(results, words)}


def _picture(plan: Plan, words: Words, said: Mapping[str, str], english: Mapping[str, str] | None) -> Picture:
    """The PNG is in English where there are titles for that."""
    title = said[plan.name]
    figure, spots = painted(plan, title, words, narrow=False)
    png = _png(figure if english is None else painted(plan, english[plan.name], ENGLISH, narrow=False)[0])
    if english is None:
        figure.set_layout_engine("none")  # it stays as it is: laying out takes longer than drawing
    svg = _svg(figure, spots, plan.name)
    narrow = _svg(*painted(plan, title, words, narrow=True), f"{plan.name} narrow")
    described = words("{title}. {caption}", title=title, caption=plan.caption)
    return Picture(plan.name, plan.caption, png, svg, narrow, title, described)


def plans(results: Results, words: Words) -> Iterator[Plan]:
    """Yield what can be painted of the results, in the order of the report."""
    sweep, latency, autoscale, monitoring = results.sweep, results.latency, results.autoscale, results.monitoring
    if sweep and sweep.points:
        caption = words("Hashes per second against the number of workers")
        yield Plan("sweep", caption, _with(paint_sweep, sweep), 7, 4.2, 4.6)
    if latency:
        caption = words("Latency of each service: mean and percentiles")
        yield Plan("latency", caption, _with(paint_latency, latency), 7, 3.6, 4.2)
    if len(results.interventions) > 1:
        caption = words("What each change did to the rate")
        shown = results.interventions[:MOST_BARS]
        height = 1.4 + 0.42 * len(shown)
        yield Plan("proof", caption, _with(paint_proof, shown), 7, height, height)
    if autoscale and len(autoscale.timeline) > 1:
        caption = words("The autoscaler over time: replicas, its metric, latency, hashes per second")
        yield Plan("autoscale", caption, _with(paint_autoscale, autoscale), 8, 8, 8)
    if results.comparison and results.comparison.runs:
        yield from _autoscalers(results.comparison, words)
    if results.probes and len(results.probes.timeline) > 1:
        caption = words("Health probes over time: replicas in service, restarts, hashes per second")
        yield Plan("probes", caption, _with(paint_probes, results.probes), 8, 6, 6)
    if results.rollout and len(results.rollout.timeline) > 1:
        caption = words("A rolling update over time: replicas of the old and the new template, hashes per second")
        yield Plan("rollout", caption, _with(paint_rollout, results.rollout), 8, 5, 5)
    if monitoring and any(monitoring.series.values()):
        caption = words("Latency over the whole run, drawn from the answers to the expression")
        yield Plan("monitoring", caption, _with(paint_monitoring, monitoring), 8, 3.6, 3.6)


def _autoscalers(found: Comparison, words: Words) -> Iterator[Plan]:
    caption = words(
        "Autoscalers side by side: demand and ready replicas, the metric against its target, a worker's wait against the objective"
    )
    runs = min(MOST_RUNS, len(found.runs))
    yield Plan("autoscalers", caption, _with(paint_autoscalers, found), 8, 1.0 + 1.25 * runs, 1.6 + 3.1 * runs)
    shown = responses_to_paint(found)
    if shown:
        caption = words("How many replicas each metric asks for, by how many there are")
        yield Plan("responses", caption, _with(paint_responses, shown), 7, 4.6, 5.2)


def _with(paint: Callable[..., list[Spot]], data: object) -> Paint:
    def painted(figure: FigureBase, words: Words, *, narrow: bool) -> list[Spot]:
        return paint(figure, data, words, narrow=narrow)

    return painted


def painted(plan: Plan, title: str, words: Words, *, narrow: bool) -> tuple[Figure, list[Spot]]:
    """Return the picture with its message above it, and the values in it."""
    from matplotlib.figure import Figure

    width, height = (NARROW, plan.narrow_height) if narrow else (plan.width, plan.height)
    lines = folded(" ".join(title.split()), 72 * width - 2 * TITLE_POINTS)
    above = (1.35 * TITLE_POINTS * len(lines) + 8) / 72
    figure = Figure(figsize=(width, height + above), layout="constrained")
    head, body = figure.subfigures(2, 1, height_ratios=(above, height))  # type: ignore[misc]
    head.text(
        6 / (72 * width),
        1 - 5 / (72 * above),
        "\n".join(lines),
        fontsize=TITLE_POINTS,
        fontweight="bold",
        color=INK,
        va="top",
        linespacing=1.25,
    )
    return figure, plan.paint(body, words, narrow=narrow)


def _png(figure: Figure) -> bytes:
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def _svg(figure: Figure, spots: list[Spot], name: str) -> str:
    import matplotlib

    svg = io.StringIO()
    # Two pictures of a page that have the same name for different things would show each other's.
    with matplotlib.rc_context({"svg.hashsalt": f"dclab {name}"}):
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = svg.getvalue()
    text = re.sub(r"font-family: [^;\"]*", f"font-family: {BROWSER_FONTS}", text[text.index("<svg") :])
    return text.replace(INK, "currentColor").replace("</svg>", f"{_hover(figure, spots)}</svg>")


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
    most = int((width - 12) / 5.2)
    lines = [line for one in text.split("\n") for line in wrapped(one, lambda line: cells(line) <= most)]
    wide = 8 + 5.2 * max(map(cells, lines))
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
