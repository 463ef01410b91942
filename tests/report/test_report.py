"""The report of a real run, and of every run that lacks something."""

from __future__ import annotations

import ast
import re
import shutil
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dclab.report import write_report
from dclab.report.pictures import draw
from dclab.report.render import render_html, render_markdown
from dclab.report.wording import SENTENCES, evidence_sentence, speedup_sentences
from dclab.results import Evidence, Results
from dclab.run_folder import load_results

ROOT = Path(__file__).parent.parent.parent
VOID = {"meta", "link", "img", "br", "hr", "path", "use", "rect", "line", "circle", "polygon", "polyline", "image"}


@pytest.fixture(scope="module")
def results():
    return load_results(ROOT / "reports" / "sample-embedded")


@pytest.fixture(scope="module")
def pictures(results):
    return draw(results)


class Page(HTMLParser):
    """Checks that what is opened is closed, and collects what a browser would load."""

    def __init__(self, text):
        super().__init__()
        self.open, self.loads, self.tags = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for key, value in attrs if key in ("src", "href", "xlink:href", "srcset", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_needs_nothing_else(results, pictures):
    page = Page(render_html(results, pictures))
    assert "script" not in page.tags
    assert all(one.startswith("#") for one in page.loads)
    assert page.tags.count("svg") == len(pictures) == 4


def test_every_rate_of_the_sweep_is_in_both_forms(results, pictures):
    for text in (render_html(results, pictures), render_markdown(results, pictures)):
        for point in results.sweep.points:
            assert f"{point.hashes_per_second.mean:.2f}" in text
        assert f"{results.sweep.speedup:.2f}" in text
        assert str(results.loadtest.transactions) in text
        assert "<unknown>" in text or "&lt;unknown&gt;" in text or "cpu: " in text


def test_every_question_of_the_exercise_has_its_section(results, pictures):
    text = render_markdown(results, pictures)
    for title in ("Performance", "Latency and the bottleneck", "Load test", "autoscaler at work", "Is CPU a sensible"):
        assert re.search(rf"^## .*{title}", text, re.MULTILINE)


OPTIONAL = [one.name for one in fields(Results) if one.default is None and one.name != "finished"]


@pytest.mark.parametrize("missing", [*([name] for name in OPTIONAL), OPTIONAL])
def test_a_part_that_was_not_measured_says_so(results, missing):
    less = replace(results, **dict.fromkeys(missing), interventions=())
    found = draw(less)
    text = render_markdown(less, found)
    Page(render_html(less, found))
    if missing != ["bottleneck"]:
        assert "This part was not measured." in text
    assert "None" not in text
    assert not re.search(r"\bnan\b|\binf\b", text)


def test_nothing_measured_at_all(results):
    bare = replace(results, **dict.fromkeys(OPTIONAL), interventions=(), caveats=(), finished=None)
    assert draw(bare) == {}
    assert "interrupted" in render_markdown(bare, {})


def test_what_results_say_is_text_and_never_markup(results):
    evil = "<script>alert('x')</script>"
    environment = replace(results.environment, system=evil, versions={"redis": "a|b\n# c"})
    bad = replace(results, command=evil, environment=environment, engine="<b>")
    assert "<script" not in render_html(bad, {})
    assert "&lt;script&gt;" in render_html(bad, {})
    text = render_markdown(bad, {})
    assert "\n# c" not in text
    assert "a\\|b" in text
    assert not re.search(r"(?<!\\)<script", text)


def test_the_same_results_give_the_same_report(results, pictures):
    again = draw(results)
    assert {name: one.svg for name, one in again.items()} == {name: one.svg for name, one in pictures.items()}
    assert {name: one.png for name, one in again.items()} == {name: one.png for name, one in pictures.items()}
    assert render_html(results, again) == render_html(results, pictures)


def test_the_files(results, tmp_path):
    files = write_report(results, tmp_path)
    assert {one.name for one in files} == {one.name for one in tmp_path.iterdir()}
    assert {"report.md", "report.html", "sweep.png", "latency.png", "autoscale.png"} <= {one.name for one in files}
    linked = re.findall(r"\]\(([^)]+\.png)\)", (tmp_path / "report.md").read_text())
    assert linked
    assert all((tmp_path / one).read_bytes().startswith(b"\x89PNG") for one in linked)


def test_the_committed_report_is_what_its_results_give(tmp_path):
    """Words only: pictures depend on the fonts and the matplotlib of the machine."""
    sample = ROOT / "reports" / "sample-embedded"
    shutil.copy(sample / "results.json", tmp_path)
    write_report(load_results(tmp_path), tmp_path)
    assert (tmp_path / "report.md").read_text() == (sample / "report.md").read_text()


def codes_in_the_code():
    """Every code that the experiments give to Evidence."""
    for file in (ROOT / "dclab" / "experiments").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Evidence":
                for keyword in node.keywords:
                    if keyword.arg == "code":
                        for one in ast.walk(keyword.value):
                            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                                yield one.value


def test_every_evidence_has_its_words():
    assert set(codes_in_the_code()) == set(SENTENCES)


def test_an_unknown_evidence_is_shown_all_the_same():
    assert evidence_sentence(Evidence(code="new", values={"x": 1})) == "new: x 1"
    assert evidence_sentence(Evidence(code="plateau", values={})) == "plateau"


def test_a_speedup_that_may_be_ideal_is_not_called_less(results):
    points = tuple(one for one in results.sweep.points if one.workers <= 3)
    few = replace(results.sweep, points=points, speedup=2.98, speedup_ci95_low=2.74, speedup_ci95_high=3.25)
    first = next(iter(speedup_sentences(few)))
    assert "as many times as there are workers" in first
    first = next(iter(speedup_sentences(replace(few, speedup=2.5, speedup_ci95_low=2.4, speedup_ci95_high=2.6))))
    assert first.endswith("not 3 times.")
