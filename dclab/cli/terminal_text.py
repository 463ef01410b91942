"""Text for a terminal: nothing in it steers that, and its tables are no wider than need be."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.table import Table

__all__ = ["plain", "table"]

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters by which text from elsewhere could steer the terminal."""

NARROW = 80
"""Columns of the usual terminal, and of what is no terminal."""


def plain(text: str) -> str:
    """Return a text without what would steer a terminal."""
    return CONTROL.sub("�", text)


def table(*columns: str, rows: Sequence[Sequence[Any]], title: str | None = None) -> Table:
    """Return a table; the first column is text, the others are numbers. Only the first and the last may wrap.

    Where it would be wider than NARROW, the heads of the numbers are broken at words.
    """
    made = Table(title=title, title_justify="left", title_style="bold", show_header=any(columns))
    cells = [[plain(str(cell)) for cell in row] for row in rows]
    widths = [max((cell_len(row[index]) for row in cells), default=0) for index in range(len(columns))]
    wide = sum(max(cell_len(one), width) + 3 for one, width in zip(columns, widths, strict=True)) + 1 > NARROW
    for index, (column, width) in enumerate(zip(columns, widths, strict=True)):
        head = _broken(column, width) if wide and index else column
        made.add_column(
            head,
            justify="right" if index else "left",
            no_wrap=0 < index < len(columns) - 1,
            overflow="ellipsis" if index else "fold",
        )
    for row in cells:
        made.add_row(*row)
    return made


def _broken(head: str, width: int) -> str:
    """A head of a column in lines as wide as its cells, or as its longest word; a number stays with its unit."""
    words = head.replace(" %", "\N{NO-BREAK SPACE}%")
    widest = max(map(len, words.split(" ")))
    return "\n".join(textwrap.wrap(words, max(1, width, widest), break_on_hyphens=False))
