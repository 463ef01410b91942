"""The pages that people read, and the commands that they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.conftest import CHECKOUT

DOCS = CHECKOUT / "docs"

PAGES = [
    CHECKOUT / "README.md",
    CHECKOUT / "CONTRIBUTING.md",
    *sorted(DOCS.glob("en/**/*.md")),
    *sorted(DOCS.glob("zh/**/*.md")),
]

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)


class Shown(NamedTuple):
    """A command line on a page."""

    page: str
    line: str


def blocks(text: str, kind: str) -> Iterator[str]:
    """Yield the text of each fenced block of a kind."""
    for indent, found, body in FENCE.findall(text):
        if found == kind:
            yield "\n".join(line.removeprefix(indent) for line in body.splitlines())


def commands() -> list[Shown]:
    """Return every command line of every shell block, without its comment; one that goes on below is one line."""
    return [
        Shown(page.relative_to(CHECKOUT).as_posix(), line)
        for page in PAGES
        for block in blocks(page.read_text(), "sh")
        for raw in re.sub(r"\\\n *", "", block).splitlines()
        if (line := re.sub(r"(^|\s+)# .*$", "", raw).strip())
    ]


def without_code(text: str) -> str:
    """Return a page without fenced blocks, code within lines, comments and addresses."""
    text = FENCE.sub("", text)
    text = re.sub(r"<!--= .+? -->.*?<!--/-->", "", text, flags=re.DOTALL)
    text = re.sub(r"`[^`\n]+`", "", text)
    return re.sub(r"\]\([^)]*\)|https?://\S+|^ {4}.*$", "", text, flags=re.MULTILINE)
