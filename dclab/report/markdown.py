"""A page as Markdown (CommonMark with GitHub's tables), in which no text is markup or a link."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dclab.report.blocks import COMMAND, Block, Section
from dclab.report.foreign import address, printable
from dclab.report.pictures import Picture

__all__ = ["markdown_page"]

ACTIVE = re.compile(
    r"[\\`*_{}\[\]<>|~&$@]"  # anywhere; $ is mathematics and @ an e-mail address on GitHub, { } a template on its Pages
    r"|:(?=//)|(?<=\bwww)\."  # GitHub makes links of bare addresses
    r"|#$",  # the end of a heading's closing mark
    re.IGNORECASE,
)
FIRST = re.compile(r"^(?:([#+=:-])|(\d{1,9})(?=[.)](?: |$)))")
"""A heading, a list, an underline or a column's alignment, where it is the first in its block."""


def inline(text: str) -> str:
    """Return `text` on one line, with everything escaped that is active within a line but a command's marks."""
    parts = COMMAND.split(" ".join(printable(text).split()))
    return "".join(f"`{one}`" if index % 2 else ACTIVE.sub(r"\\\g<0>", one) for index, one in enumerate(parts))


def escaped(text: str) -> str:
    """Return `text` as a block of its own: also what is only active at the start of a line is escaped."""
    return FIRST.sub(r"\2\\\1", inline(text))


def markdown_page(
    title: str,
    summary: Sequence[str],
    sections: Sequence[Section],
    pictures: Mapping[str, Picture] | None = None,
) -> str:
    """Return the page; its pictures are files beside it."""
    lines = [f"# {inline(title)}", "", *(f"- {escaped(one)}" for one in summary), ""]
    for section in sections:
        lines += [f"## {inline(section.title)}", ""]
        for block in section.blocks:
            lines += [*_block(block, pictures or {}), ""]
    return "\n".join(lines).rstrip() + "\n"


def _block(block: Block, pictures: Mapping[str, Picture]) -> list[str]:
    match block.kind:
        case "picture":
            found = pictures.get(block.text)
            return _picture(found) if found else []
        case "code":
            return _code(block.text)
        case "list":
            return [f"- {escaped(one)}" for one in block.items]
        case "links":
            return [f"- [{inline(one)}]({address(one)})" for one in block.items]
        case "table":
            return [
                _row(block.head),
                f"|{'|'.join(_alignments(block))}|",
                *map(_row, block.rows),
            ]
        case "note":
            return [f"> {escaped(block.text)}"]
        case "text":
            return [escaped(block.text)]


def _alignments(block: Block) -> list[str]:
    """The marks below a table's head: words to the left, figures to the right."""
    figures = ["---" if block.prose else "--:"] * (len(block.head) - 1)
    return ["---", *figures[:-1], "---"] if block.told else ["---", *figures]


def _picture(found: Picture) -> list[str]:
    caption = inline(found.caption)
    described = inline(found.described) or caption
    return [f"![{described}]({address(found.name)}.png)", "", f"*{caption}*"]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(inline, cells)) + " |"


def _code(text: str) -> list[str]:
    """A block whose fence is longer than any in the text."""
    text = printable(text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return [fence, text, fence]
