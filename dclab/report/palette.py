"""Colours of the pictures, and what several of them show alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "INK",
    "LONGEST_NAME",
    "ORANGE",
    "PURPLE",
    "VERMILION",
    "Spot",
    "shade_phases",
    "thinned",
]

INK = "#1b2733"
"""Of all text and axes; the page puts its own ink in its place, so that a dark page has light letters."""

# Okabe and Ito's colours, which colour-blind readers can tell apart (jfly.uni-koeln.de/color, 2008).
BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#7f7f7f"

MOST_POINTS = 1000
"""Of one line: a picture has no more pixels to show them."""

LONGEST_NAME = 24
"""Letters of a name beside an axis."""

Point = TypeVar("Point")


class Spot(NamedTuple):
    """A value to be read where it is drawn."""

    axes: Axes
    x: float
    y: float
    text: str


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """Return every so many of the points, with the last, so that there are at most about `most`."""
    step = -(-len(points) // most)
    return [*points[:: max(1, step)], *(points[-1:] if step > 1 else ())]


class InPhase(Protocol):
    """What was seen at a moment of a demonstration, in seconds since it began."""

    @property
    def t(self) -> float: ...

    @property
    def phase(self) -> str: ...


def shade_phases(
    figure: FigureBase,
    panels: Sequence[Axes],
    points: Sequence[InPhase],
    shades: Mapping[str, tuple[str, float]],
    labels: Mapping[str, str],
    columns: int,
) -> None:
    """Colour the phases of a demonstration in all panels, with a legend of so many columns above them.

    Args:
        figure: that has the panels.
        panels: on one axis of time.
        points: in the order of time.
        shades: colour of each phase, and how opaque it is.
        labels: what each is called.
        columns: of the legend, at most.
    """
    from matplotlib.patches import Patch

    used = []
    begin = 0
    for index in range(1, len(points) + 1):
        if index == len(points) or points[index].phase != points[begin].phase:
            end = points[min(index, len(points) - 1)].t
            phase = points[begin].phase
            for axes in panels:
                axes.axvspan(points[begin].t, end, color=shades[phase], zorder=0, linewidth=0)
            used.append(phase)
            begin = index
    panels[0].set_xlim(points[0].t, points[-1].t)
    handles = [Patch(facecolor=shades[one], edgecolor=GREY, label=labels[one]) for one in dict.fromkeys(used)]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(columns, len(handles)), fontsize=9)
