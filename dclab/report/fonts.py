"""Fonts of the pictures: which letters this machine has, and how wide a text is."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

__all__ = ["BROWSER_FONTS", "FONTS", "cells", "folded", "font_family", "wrapped"]

FONTS = ("DejaVu Sans",)
"""Comes with matplotlib."""

BROWSER_FONTS = "system-ui, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
"""A reader's own; they are narrower than DejaVu Sans, so that labels still fit."""

CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "SimHei",
    "Droid Sans Fallback",
    "Noto Sans CJK JP",  # the first of the collection, and all that older versions of matplotlib see of it
)
"""Families with simplified Chinese, on Debian and others, Windows and macOS."""

FILES = re.compile(
    r"Noto ?Sans ?(CJK|SC)|SourceHanSans|wqy-|msyh|PingFang|Hiragino Sans GB|simhei|DroidSansFallback", re.IGNORECASE
)

WIDE = r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60\u3000-\u303f"
PIECE = re.compile(
    rf"[^\s{WIDE}]*\d (?:ms|s|×|%)(?![\w/])[^\s{WIDE}]*[，。；：、？！）”]*\s*"  # a number and its unit
    rf"|[{WIDE}\u201d][，。；：、？！）”]*\s*|[^\s{WIDE}]+[，。；：、？！）”]*\s*|\s+"
)
"""What stays on one line: a Chinese character with the mark after it, or a word."""


@cache
def font_family(language: str) -> tuple[str, ...] | None:
    """Return what must stand beside FONTS for that language's letters; None where no font has them.

    Matplotlib keeps a list of fonts from its first run, so that one installed since then is looked for once more.
    """
    if language != "zh":
        return ()
    from matplotlib import font_manager

    def found() -> tuple[str, ...] | None:
        known = {one.name for one in font_manager.fontManager.ttflist}
        return next(((name,) for name in CHINESE if name in known), None)

    family = found()
    if family is None:
        for path in font_manager.findSystemFonts():
            if FILES.search(Path(path).name):
                font_manager.fontManager.addfont(path)
        family = found()
    return family


def cells(text: str) -> int:
    """Return how wide a text is in a font of one width: a Chinese character has two cells."""
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def wrapped(text: str, fits: Callable[[str], bool]) -> Iterator[str]:
    """Yield the lines of a text, broken where its language may be; a word that is longer than a line is cut."""
    line = ""
    for piece in PIECE.findall(text):
        if not line or fits(line + piece.rstrip()):
            line += piece
        else:
            yield line.rstrip()
            line = piece.lstrip()
        while len(line) > 1 and not fits(line.rstrip()):
            most = _longest(line, fits)
            yield line[:most]
            line = line[most:]
    if line.strip() or not text.strip():
        yield line.rstrip()


def _longest(word: str, fits: Callable[[str], bool]) -> int:
    """Return how many letters of a word fit, at least one; a longer part of it is never narrower."""
    return 1 + bisect_left(range(2, len(word)), True, key=lambda n: not fits(word[:n]))


def folded(title: str, points: float) -> list[str]:
    """Return the lines of a bold title at 11 points that fit so many points, as this machine's fonts have them."""
    return list(wrapped(title, lambda line: _width(line) <= points))


def _width(line: str) -> float:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(dpi=72)
    FigureCanvasAgg(figure)
    return float(figure.text(0, 0, line, fontsize=11, fontweight="bold").get_window_extent().width)
