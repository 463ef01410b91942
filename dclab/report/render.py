"""Content as Markdown, and as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dclab.report.content import Block, sections, summary
from dclab.report.language import Words
from dclab.report.pictures import Picture
from dclab.results import Results

__all__ = ["markdown_blocks", "page", "render_html", "render_markdown"]

ENGLISH = Words()


def _title(results: Results, words: Words) -> str:
    quick = words(", quick run") if results.quick else ""
    return words("DockerCoins: what scaling does ({engine} engine{quick})", engine=results.engine, quick=quick)


def page(**content: Any) -> str:
    """One self-contained HTML page; everything is escaped but the pictures' SVG."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("report.html.j2").render(**content)


def render_html(
    results: Results, pictures: Mapping[str, Picture], words: Words = ENGLISH, raw: Sequence[str] = ()
) -> str:
    """The page, with the pictures inside."""
    return page(
        title=_title(results, words),
        language={"en": "en", "zh": "zh-CN"}[words.language],
        verdict=words("The verdict"),
        contents=words("Contents"),
        summary=summary(results, words),
        sections=sections(results, words, raw),
        pictures=pictures,
    )


def render_markdown(
    results: Results, pictures: Mapping[str, Picture], words: Words = ENGLISH, raw: Sequence[str] = ()
) -> str:
    """The same as Markdown, with the pictures as files beside it."""
    lines = [f"# {_escaped(_title(results, words))}", ""]
    lines += [*(f"- {_escaped(one)}" for one in summary(results, words)), ""]
    for section in sections(results, words, raw):
        lines += [f"## {_escaped(section.title)}", "", *markdown_blocks(section.blocks, pictures)]
    return "\n".join(lines).rstrip() + "\n"


def markdown_blocks(blocks: Sequence[Block], pictures: Mapping[str, Picture]) -> list[str]:
    """Lines of blocks, with an empty one after each."""
    return [line for block in blocks for line in (*_markdown(block, pictures), "")]


def _escaped(text: str) -> str:
    for sign in "\\`*_{}<>|":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", " ")


def _markdown(block: Block, pictures: Mapping[str, Picture]) -> list[str]:
    if block.kind == "picture":
        found = pictures.get(block.text)
        return [f"![{found.caption}]({found.name}.png)", "", f"*{_escaped(found.caption)}*"] if found else []
    if block.kind == "code":
        return ["```", block.text, "```"]
    if block.kind == "list":
        return [f"- {_escaped(one)}" for one in block.items]
    if block.kind == "links":
        return [f"- [{one}]({one})" for one in block.items]
    if block.kind == "table":
        align = "---|" if block.prose else "--:|"
        return [
            "| " + " | ".join(_escaped(one) for one in block.head) + " |",
            "|---|" + align * (len(block.head) - 1),
            *("| " + " | ".join(_escaped(one) for one in row) + " |" for row in block.rows),
        ]
    return [f"> {_escaped(block.text)}" if block.kind == "note" else _escaped(block.text)]
