"""Colours of the pictures, and what they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BLUE", "GREEN", "GREY", "INK", "ORANGE", "PURPLE", "VERMILION", "Spot", "thinned"]

INK = "#1b2733"
"""Of all text and axes; the page puts its own ink in its place, so that a dark page has light letters."""

# Okabe and Ito's colours, which colour-blind readers can tell apart (jfly.uni-koeln.de/color, 2008).
BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#7f7f7f"

MOST_POINTS = 1000
"""Of one line: a picture has no more pixels to show them."""

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
