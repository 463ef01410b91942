"""What stands in a results.json is text in the report, whoever wrote it: never markup, a link, a picture, a command."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dclab.report.comparison import write_comparison
from dclab.report.foreign import printable, with_printable_text
from dclab.report.pictures import Picture, draw
from dclab.report.render import render_html, render_markdown
from dclab.report.terminal import terminal_cast, terminal_svg
from dclab.report.write import write_report
from dclab.results import AutoscaleEvent, Caveat, Condition, Evidence
from dclab.run_folder import load_results
from tests.report.test_autoscalers import whole

ROOT = Path(__file__).parent.parent.parent
COMPARISON = replace(whole(), runs=whole().runs[4:6])
SAMPLE = replace(load_results(ROOT / "reports" / "sample-embedded"), comparison=COMPARISON)
PICTURES = {name: Picture(name, f"The {name}", b"", "<svg></svg>") for name in ("sweep", "latency", "proof")}

ACTIVE = [
    "![x](http://evil.example/a.png)",
    "[a](javascript:alert(1))",
    "[a]:",
    "http://evil.example",
    "[",
    "]",
    "[^1]",
    "<script>",
    "</pre>",
    "</td>",
    "<!--",
    "-->",
    "]]>",
    "<http://evil.example>",
    "http://evil.example",
    "https://e.example",
    "www.evil.example",
    "WWW.e.example",
    "a@b.example",
    "#",
    "##",
    "######",
    "-",
    "+",
    "*",
    "1.",
    "1)",
    "23.",
    "===",
    "---",
    "***",
    "___",
    "```",
    "`````",
    "~~~",
    "`",
    "**",
    "__",
    "~~",
    "|",
    "|---|",
    ":--",
    ">",
    "\\",
    "\\\\",
    "&",
    "&lt;",
    "&#60;",
    "{{",
    "}}",
    "{%",
    "$x$",
    '"',
    "'",
    '"',
    'onmouseover="x"',
]
UNSEEN = ["\x00", "\x1b[31m", "\x07", "\x85", "\u2028", "\u202e", "\ud800"]
hostile = st.lists(
    st.sampled_from([*ACTIVE, *UNSEEN, "\n", "\n\n", "\r", "\r\n    ", "\t", " ", "word"]) | st.text(max_size=5),
    max_size=8,
)


def with_names(text):
    """Autoscalers side by side of which everything is called `text`."""
    runs = []
    for one in COMPARISON.runs:
        points = tuple(
            replace(each, metrics=tuple(replace(m, name=text, unit=text) for m in each.metrics))
            for each in one.timeline
        )
        runs.append(replace(one, name=text, timeline=points, manifest={text: text}))
    verdicts = tuple(replace(one, a=text, b=text) for one in COMPARISON.verdicts)
    return replace(COMPARISON, target=text, runs=tuple(runs), verdicts=verdicts)


def with_text(text):
    """The sample with `text` wherever a results.json has words of its own."""
    results, autoscale = SAMPLE, SAMPLE.autoscale
    facts = (Evidence(code=f"{text}?", values={text: text}), Evidence(code="cpu-idle", values={"service": text}))
    return replace(
        results,
        engine=text,
        lab=text,
        command=text,
        started=text,
        finished=text,
        environment=replace(results.environment, engine_reason=text, system=text, versions={text: text}),
        sweep=replace(
            results.sweep, models=tuple(replace(one, name=text) for one in results.sweep.models), best_model=text
        ),
        latency={text: next(iter(results.latency.values()))},
        bottleneck=replace(results.bottleneck, service=text, evidence=facts),
        interventions=tuple(replace(one, name=text) for one in results.interventions),
        loadtest=replace(results.loadtest, url=text, generator=text, target=text),
        monitoring=replace(results.monitoring, source=text, query=text, series={text: ((1.0, 2.0),)}),
        autoscale=replace(
            autoscale,
            target=text,
            timeline=autoscale.timeline[::40],
            events=(AutoscaleEvent(t=0.0, type=text, reason=text, message=text),),
            conditions=(Condition(type=text, status=text, reason=text, message=text),),
            manifest={text: [text], "spec": {"maxReplicas": text}},
            explanation=facts,
        ),
        comparison=with_names(text),
        caveats=(Caveat(code=text, message=text, hint=text),),
    )


def file_name(text):
    return f"raw/{os.fsdecode(text.encode(errors='replace'))}"


class Page(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, text):
        super().__init__()
        self.marks, self.links, self.text = set(), set(), []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.marks.add(tag)
        self.marks |= {(tag, name) for name, _ in attrs}
        self.links |= {value for name, value in attrs if name in ("href", "src")}

    def handle_data(self, data):
        self.text.append(data)

    def handle_comment(self, data):
        self.marks.add("comment")

    def handle_pi(self, data):
        self.marks.add("pi")


PLAIN = Page(render_html(SAMPLE, PICTURES, raw=["raw/a"]))


@example(" ".join(ACTIVE))
@example("\n".join(ACTIVE))
@given(hostile.map("".join))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_a_page_has_no_element_attribute_or_link_but_its_own(text):
    page = Page(render_html(with_text(text), PICTURES, raw=[file_name(text)]))
    assert page.marks <= PLAIN.marks
    ours = PLAIN.links - {"raw/a"}
    (raw,) = page.links - ours
    assert re.fullmatch(r"raw/[\w.~/%-]*", raw, re.ASCII)
    shown = "".join(page.text)
    assert printable(text) in shown
    assert all(sign not in shown for sign in ("\x00", "\x1b", "\u202e"))


def tokens(markdown):
    """Every token that a Markdown parser makes, those within lines too."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    for block in parser.parse(markdown):
        yield block
        yield from block.children or ()


def kinds(found):
    return {one.type for one in found}


HARMLESS = list(tokens(render_markdown(SAMPLE, PICTURES, raw=["raw/a"])))
OURS = kinds(HARMLESS) | {"hardbreak"}
HEADINGS = sum(one.type == "heading_open" for one in HARMLESS)


@example(" ".join(ACTIVE))
@example("\n".join(ACTIVE))
@given(hostile.map("".join))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_markdown_has_no_link_picture_or_block_but_its_own(text):
    source = render_markdown(with_text(text), PICTURES, raw=[file_name(text)])
    found = list(tokens(source))
    assert kinds(found) <= OURS
    assert {one.attrs["src"] for one in found if one.type == "image"} == {f"{name}.png" for name in PICTURES}
    results, raw = (one.attrs["href"] for one in found if one.type == "link_open")
    assert results == "results.json"
    assert re.fullmatch(r"raw/[\w.~/%-]*", raw, re.ASCII)
    assert sum(one.type == "heading_open" for one in found) == HEADINGS
    assert all(one.level == 0 for one in found if one.type in ("bullet_list_open", "fence", "table_open"))
    assert text_in(found, text)
    prose = re.sub(r"\]\([^)]*\)", "", "\n".join(one.content for one in found if one.type == "inline"))
    assert not re.search(r"(?<!\\)://|\bwww\.", prose, re.IGNORECASE)  # GitHub makes a link of these
    assert all(sign not in source for sign in ("\x00", "\x1b", "\u202e", "\r"))


def text_in(found, text):
    """Whether the text is to be read in the paragraphs, and in the code with its lines."""
    once = " ".join(printable(text).split())
    read = ["".join(each.content for each in one.children) for one in found if one.type == "inline"]
    code = [one.content for one in found if one.type == "fence"]
    return any(once in one for one in read) and any(printable(text) in one for one in code)


@pytest.mark.parametrize(
    "text", ["$x", "$\\frac{1}{0}$ $", "你好 🙂", "<b>&amp;", "\x00\x1b[2J", "a" * 100_000, "a\n" * 300, "_x", ""]
)
def test_a_picture_of_any_text_can_be_drawn(text, recwarn):
    results = with_printable_text(with_text(text))
    pictures = draw(results)
    assert len(pictures) == 7
    marks = Page(pictures["proof"].svg + pictures["latency"].svg).marks
    assert "b" not in marks
    assert "\x1b" not in terminal_svg(results.autoscale) + pictures["proof"].svg
    assert terminal_cast(results.autoscale).isprintable() or "\n" in terminal_cast(results.autoscale)
    assert not recwarn.list


def test_files_of_any_name_and_kind_beside_it(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in (b"a](http:x) ![.jsonl", b"\xff\n#.jsonl", b"javascript:x.jsonl"):
        (raw / os.fsdecode(name)).touch()
    secret = tmp_path / "secret"
    secret.write_bytes(b"\x89PNG\r\n\x1a\n secret")
    (raw / "prometheus-ui.png").symlink_to(secret)
    write_report(replace(SAMPLE, autoscale=None, latency=None, sweep=None, monitoring=None, interventions=()), tmp_path)
    found = list(tokens((tmp_path / "report.md").read_text()))
    assert {one.attrs["href"] for one in found if one.type == "link_open"} == {
        "results.json",
        "raw/%FF%0A%23.jsonl",
        "raw/a%5D%28http%3Ax%29%20%21%5B.jsonl",
        "raw/javascript%3Ax.jsonl",
    }
    assert "prometheus-ui" not in (tmp_path / "report.html").read_text()


def test_a_comparison_shows_folder_names_and_no_paths(tmp_path):
    paths = [tmp_path / one for one in ("a/run", "b/run", "c/[x](y)/results.json")]
    write_comparison([(one, SAMPLE) for one in paths], [], tmp_path)
    for name in ("comparison.md", "comparison.html"):
        text = (tmp_path / name).read_text()
        assert str(tmp_path) not in text
        assert "run (1)" in text
        assert "run (2)" in text
    assert "link_open" not in kinds(tokens((tmp_path / "comparison.md").read_text()))
