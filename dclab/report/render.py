"""Content as Markdown, and as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dclab.report.content import Block, Section
from dclab.report.content import sections as sections_of
from dclab.report.content import summary as summary_of
from dclab.report.language import Words
from dclab.report.pictures import Picture
from dclab.results import Results

__all__ = ["html_page", "markdown_page", "render_html", "render_markdown"]

ENGLISH = Words()


def _title(results: Results, words: Words) -> str:
    quick = words(", quick run") if results.quick else ""
    return words("DockerCoins: what scaling does ({engine} engine{quick})", engine=results.engine, quick=quick)


def html_page(
    title: str,
    summary: Sequence[str],
    sections: Sequence[Section],
    words: Words,
    pictures: Mapping[str, Picture] | None = None,
) -> str:
    """One self-contained page; everything is escaped but the pictures' SVG."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("report.html.j2").render(
        title=title,
        language=words.tag,
        verdict=words("The verdict"),
        contents=words("Contents"),
        summary=summary,
        sections=sections,
        pictures=pictures or {},
    )


def markdown_page(
    title: str,
    summary: Sequence[str],
    sections: Sequence[Section],
    pictures: Mapping[str, Picture] | None = None,
) -> str:
    """The same as Markdown, with the pictures as files beside it."""
    lines = [f"# {_escaped(title)}", "", *(f"- {_escaped(one)}" for one in summary), ""]
    for section in sections:
        lines += [f"## {_escaped(section.title)}", ""]
        for block in section.blocks:
            lines += [*_markdown(block, pictures or {}), ""]
    return "\n".join(lines).rstrip() + "\n"


def render_html(
    results: Results, pictures: Mapping[str, Picture], words: Words = ENGLISH, raw: Sequence[str] = ()
) -> str:
    """A run's report; `raw` are files beside it to link to."""
    parts = sections_of(results, words, raw)
    return html_page(_title(results, words), summary_of(results, words), parts, words, pictures)


def render_markdown(
    results: Results, pictures: Mapping[str, Picture], words: Words = ENGLISH, raw: Sequence[str] = ()
) -> str:
    """The same as Markdown."""
    parts = sections_of(results, words, raw)
    return markdown_page(_title(results, words), summary_of(results, words), parts, pictures)


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
