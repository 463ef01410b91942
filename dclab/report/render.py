"""Content as Markdown, and as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dclab.report.content import Block, sections, summary
from dclab.report.pictures import Picture
from dclab.results import Results

__all__ = ["render_html", "render_markdown"]


def _title(results: Results) -> str:
    return f"DockerCoins: what scaling does ({results.engine} engine{', quick run' * results.quick})"


def render_html(results: Results, pictures: Mapping[str, Picture]) -> str:
    """The page, with the pictures inside; everything that comes from results is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("report.html.j2").render(
        title=_title(results), summary=summary(results), sections=sections(results), pictures=pictures
    )


def render_markdown(results: Results, pictures: Mapping[str, Picture]) -> str:
    """The same as Markdown, with the pictures as files beside it."""
    lines = [f"# {_escaped(_title(results))}", "", *(f"- {_escaped(one)}" for one in summary(results)), ""]
    for section in sections(results):
        lines += [f"## {_escaped(section.title)}", ""]
        for block in section.blocks:
            lines += [*_markdown(block, pictures), ""]
    return "\n".join(lines).rstrip() + "\n"


def _escaped(text: str) -> str:
    for sign in "\\`*_{}<>|":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", " ")


def _markdown(block: Block, pictures: Mapping[str, Picture]) -> list[str]:
    if block.kind == "picture":
        found = pictures.get(block.text)
        return [f"![{found.caption}]({found.name}.png)"] if found else []
    if block.kind == "code":
        return ["```", block.text, "```"]
    if block.kind == "list":
        return [f"- {_escaped(one)}" for one in block.items]
    if block.kind == "table":
        return [
            "| " + " | ".join(_escaped(one) for one in block.head) + " |",
            "|---" + "|--:" * (len(block.head) - 1) + "|",
            *("| " + " | ".join(_escaped(one) for one in row) + " |" for row in block.rows),
        ]
    return [f"> {_escaped(block.text)}" if block.kind == "note" else _escaped(block.text)]
