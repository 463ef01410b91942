"""A run's report as Markdown, and as one HTML file that needs nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dclab.courses.sheet import Sheet, said
from dclab.report.blocks import COMMAND, Section
from dclab.report.content import sections as sections_of
from dclab.report.content import summary as summary_of
from dclab.report.course import course_sections
from dclab.report.foreign import address, printable
from dclab.report.language import Words
from dclab.report.markdown import markdown_page
from dclab.report.pictures import Picture
from dclab.results import Results

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["html_page", "render_html", "render_markdown"]

ENGLISH = Words()


def _title(results: Results, words: Words, sheet: Sheet | None) -> str:
    quick = words(", quick run") if results.quick else ""
    title = words("DockerCoins: what scaling does ({engine} engine{quick})", engine=results.engine, quick=quick)
    return f"{said(sheet.title, words.language)} – {title}" if sheet else title


def _sections(results: Results, words: Words, raw: Sequence[str], sheet: Sheet | None) -> list[Section]:
    return course_sections(sheet, results, words, raw) if sheet else sections_of(results, words, raw)


def html_page(
    title: str,
    summary: Sequence[str],
    sections: Sequence[Section],
    words: Words,
    pictures: Mapping[str, Picture] | None = None,
) -> str:
    """One self-contained page; everything is escaped but the pictures' SVG."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else printable(str(value)),
    )
    templates.filters["address"] = address
    templates.filters["coded"] = _coded
    templates.filters["held"] = _held
    return templates.get_template("report.html.j2").render(
        title=title,
        language=words.tag,
        verdict=words("The verdict"),
        contents=words("Contents"),
        summary=summary,
        sections=sections,
        pictures=pictures or {},
    )


def _held(text: str) -> str:
    """Hold a number and its % on one line."""
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", text)


def _coded(text: str) -> Markup:
    """Return a text as HTML in which nothing is markup but its commands."""
    from markupsafe import Markup, escape

    parts = COMMAND.split(printable(text))
    return Markup().join(
        Markup("<code>{}</code>").format(one) if index % 2 else escape(_held(one)) for index, one in enumerate(parts)
    )


def render_html(
    results: Results,
    pictures: Mapping[str, Picture],
    words: Words = ENGLISH,
    raw: Sequence[str] = (),
    sheet: Sheet | None = None,
) -> str:
    """A run's report; `raw` are files beside it to link to, `sheet` the course's whose order it follows."""
    parts = _sections(results, words, raw, sheet)
    return html_page(_title(results, words, sheet), summary_of(results, words), parts, words, pictures)


def render_markdown(
    results: Results,
    pictures: Mapping[str, Picture],
    words: Words = ENGLISH,
    raw: Sequence[str] = (),
    sheet: Sheet | None = None,
) -> str:
    """The same as Markdown."""
    parts = _sections(results, words, raw, sheet)
    return markdown_page(_title(results, words, sheet), summary_of(results, words), parts, pictures)
