"""What a report is made of: sections of blocks, which Markdown and HTML render alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dclab.report.language import Words

__all__ = ["COMMAND", "Block", "Section", "bullets", "missing", "note", "table", "text"]

COMMAND = re.compile(r"(?<!`)`(dclab [a-z][A-Za-z0-9 ._=-]*)`(?!`)")
"""A command within a sentence. It may be of a text from a results.json, too, so it has no letters that are markup."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A piece of a section."""

    kind: Literal["text", "note", "list", "table", "picture", "code", "links"]
    text: str = ""
    """Of text, note and code; the name of a picture."""
    items: tuple[str, ...] = ()
    """Of a list; of links, each is text and address at once."""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    """Of a table."""
    prose: bool = False
    """Of a table: its cells are words, not figures."""
    told: bool = False
    """Of a table of figures: its last column is words, such as what the figures show."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading and what stands under it."""

    name: str
    """The section's anchor in the page."""
    title: str
    blocks: tuple[Block, ...]


def text(words: str) -> Block:
    """Return a paragraph."""
    return Block(kind="text", text=words)


def note(words: str) -> Block:
    """Return a paragraph that stands out."""
    return Block(kind="note", text=words)


def bullets(items: Sequence[str]) -> Block:
    """Return a list."""
    return Block(kind="list", items=tuple(items))


def table(head: Sequence[str], rows: Sequence[Sequence[object]], *, prose: bool = False, told: bool = False) -> Block:
    """Return a table; an empty `head` cell is a cell without a heading."""
    cells = tuple(tuple(str(cell) for cell in row) for row in rows)
    return Block(kind="table", head=tuple(head), rows=cells, prose=prose, told=told)


def missing(words: Words, command: str) -> Block:
    """Return the note that stands for a part that was not measured."""
    return note(words("This part was not measured. `{command}` measures it.", command=command))
