"""The report of a real run, and of every run that lacks something."""

from __future__ import annotations

import ast
import json
import re
import shutil
import string
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from dclab.errors import InvalidInput
from dclab.report.content import sections
from dclab.report.course import STATES
from dclab.report.judge_autoscalers import Difference
from dclab.report.judge_metrics import METRIC_VERDICTS
from dclab.report.language import Words
from dclab.report.pictures import draw
from dclab.report.recorded import recorded
from dclab.report.render import render_html, render_markdown
from dclab.report.scores import ORIGINS, SCORES
from dclab.report.sections.proof import SHOWN
from dclab.report.speedup_words import speedup_sentences
from dclab.report.titles import LATENCY, PROOF, SCALED, THEN
from dclab.report.wording import SENTENCES, evidence_sentence
from dclab.report.write import write_report
from dclab.results import Evidence, Results
from dclab.run_folder import load_results
from tests.report.demos_at_random import probe_demo, rollout_demo

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
    assert all(
        one.startswith(("#", "data:,")) or (ROOT / "reports" / "sample-embedded" / one).is_file() for one in page.loads
    )
    assert page.tags.count("svg") == 2 * len(pictures) == 10, "each for a page and for a phone"


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
        assert "not measured" in text
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


@pytest.mark.parametrize("name", ["sample-embedded", "sample-kube"])
def test_the_committed_report_is_what_its_results_give(tmp_path, name):
    """Words only: pictures depend on the fonts and the matplotlib of the machine."""
    shutil.copytree(ROOT / "reports" / name, tmp_path, dirs_exist_ok=True)
    before = (tmp_path / "report.md").read_text()
    write_report(load_results(tmp_path), tmp_path)
    assert (tmp_path / "report.md").read_text() == before


def test_an_unknown_evidence_is_shown_all_the_same():
    assert evidence_sentence(Evidence(code="new", values={"x": 1})) == "new: x 1"
    assert evidence_sentence(Evidence(code="plateau", values={})) == "plateau"


def test_a_speedup_that_may_be_ideal_is_not_called_less(results):
    points = tuple(one for one in results.sweep.points if one.workers <= 3)
    few = replace(results.sweep, points=points, speedup=2.98, speedup_ci95_low=2.9, speedup_ci95_high=3.06)
    first = next(iter(speedup_sentences(few)))
    assert "as many times as there are workers" in first
    first = next(iter(speedup_sentences(replace(few, speedup=2.5, speedup_ci95_low=2.4, speedup_ci95_high=2.6))))
    assert first.endswith("not 3 times.")
    first = next(iter(speedup_sentences(replace(few, speedup=2.5, speedup_ci95_low=1.2, speedup_ci95_high=3.6))))
    assert first.endswith("cannot be told.")
    first = next(iter(speedup_sentences(replace(few, speedup=3.2, speedup_ci95_low=3.1, speedup_ci95_high=3.3))))
    assert first.endswith("more than 3 times.")


NOT_SAID = {"as predicted", "not as predicted", "cannot tell"}
"""Keys by which a sentence is chosen within the call that says it."""


def templates():
    """Every sentence that the report's code says, as far as it stands there as a constant."""
    for file in (ROOT / "dclab" / "report").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "words" and node.args:
                constants = (one for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant))
                yield from (one.value for one in constants if isinstance(one.value, str) and one.value not in NOT_SAID)
    yield from (*SENTENCES.values(), *SHOWN.values())
    yield from (said for table in (LATENCY, PROOF, SCALED, THEN) for said in table.values())
    yield from (said for _, cases in METRIC_VERDICTS for _, said in cases)
    yield from (*SCORES.values(), *ORIGINS.values(), *STATES.values(), *get_args(get_type_hints(Difference)["verdict"]))


def places(template):
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_chinese_has_every_sentence_with_the_same_values():
    words = Words("zh")
    for template in templates():
        said = words.template(template)
        assert said != template, f"zh.yaml lacks {template!r}"
        assert places(said) <= places(template)


def test_in_chinese_no_english_sentence_is_left(results, pictures):
    bare = replace(results, caveats=())
    text = render_markdown(bare, pictures, Words("zh"))
    prose = [
        line
        for line in re.sub(r"```.*?```", "", text, flags=re.DOTALL).splitlines()
        if not line.startswith(("|", "!", "*", "- ["))
        and re.search(r"[A-Za-z]{3,} [a-z]{2,} [a-z]{2,} [a-z]{2,}", line)
    ]
    assert prose == []
    assert 'lang="zh-CN"' in render_html(bare, pictures, Words("zh"))


def test_there_is_no_other_language():
    with pytest.raises(InvalidInput, match="en and zh"):
        Words("fr")


def test_the_recording_plays_the_rows_in_their_time(results, tmp_path):
    write_report(results, tmp_path)
    header, *events = map(json.loads, (tmp_path / "hpa-demo.cast").read_text().splitlines())
    assert header["version"] == 2
    assert [at for at, _, _ in events] == sorted(at for at, _, _ in events)
    assert all(kind == "o" and text.endswith("\r\n") for _, kind, text in events)
    assert "REPLICAS" in events[1][2]
    assert "rng" in events[2][2]
    assert not re.search(r"url\(.?http|@import|href", (tmp_path / "terminal.svg").read_text())


def test_ten_thousand_points_stay_a_light_page(results, tmp_path):
    points = results.autoscale.timeline
    many = tuple(replace(points[i * len(points) // 10_000], t=i / 10) for i in range(10_000))
    huge = replace(results, autoscale=replace(results.autoscale, timeline=many, events=results.autoscale.events * 200))
    write_report(huge, tmp_path)
    assert (tmp_path / "report.html").stat().st_size <= 2_000_000
    assert "more events" in (tmp_path / "report.md").read_text()


def test_odd_results_give_a_page_all_the_same(results, tmp_path):
    point = results.sweep.points[0]
    still = replace(point, hashes_per_second=replace(point.hashes_per_second, mean=0.0, ci95_low=0.0), webui_reading=0)
    one_point = replace(results.sweep, points=(still,), speedup=None, webui_speedup=None, models=(), best_model=None)
    silent = {
        name: replace(one, probe=replace(one.probe, count=0, errors=15, min=0, mean=0, p50=0, p95=0, p99=0, max=0))
        for name, one in results.latency.items()
    }
    unmoved = tuple(replace(one, desired=1, current=1, ready=1, metrics=()) for one in results.autoscale.timeline[:3])
    asleep = replace(results.autoscale, timeline=unmoved, events=(), conditions=(), explanation=())
    odd = replace(results, sweep=one_point, latency=silent, autoscale=asleep)
    write_report(odd, tmp_path)
    text = (tmp_path / "report.md").read_text()
    Page((tmp_path / "report.html").read_text())
    assert not re.search(r"\bnan\b|\binf\b", text)
    assert "One point alone has no speedup." in text


def test_a_command_within_a_sentence_is_code_and_nothing_else_is(results):
    less = replace(results, loadtest=None)
    page, text = render_html(less, {}), render_markdown(less, {})
    assert "<code>dclab loadtest</code>" in page
    assert "`dclab loadtest`" in text
    assert "`" not in re.sub(r"<pre.*?</pre>", "", page, flags=re.DOTALL)
    evil = replace(less, command="`dclab <b>` ``dclab x`` `rm -rf /`")
    assert "<code>dclab <b>" not in render_html(evil, {})
    assert "\\`rm -rf /\\`" in render_markdown(evil, {})


def caveat_texts():
    """Messages and hints of every warning that the code gives, {} for what is put in; those that another part words are not."""
    for file in (ROOT / "dclab").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Caveat":
                for one in node.keywords:
                    if one.arg in ("message", "hint"):
                        yield from wordings(one.value)


def wordings(node):
    if isinstance(node, ast.Constant):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(one.value if isinstance(one, ast.Constant) else "{}" for one in node.values)
    elif isinstance(node, ast.IfExp):
        yield from (*wordings(node.body), *wordings(node.orelse))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from wordings(node.func.value)


def test_every_warning_is_said_in_chinese_with_all_its_values():
    texts = {one for one in caveat_texts() if re.search("[a-z]{3}", one)}
    assert len(texts) > 60
    for text in texts:
        values = [f"10{n}" for n in range(text.count("{}"))]
        said = recorded(text.format(*values), Words("zh"))
        assert re.search("[\u4e00-\u9fff]", said), text
        assert all(one in said for one in values), text
        assert recorded(text.format(*values), Words()) == text.format(*values)


def test_what_is_recorded_is_translated_inside_out():
    words = Words("zh")
    assert recorded("CPU was 92 % busy while measuring 1, 2 and 3 workers.", words) == (
        "测量 1、2 和 3 个 worker 时 CPU 占用率为 92 %。"
    )
    assert recorded("CPU was 86 to 92 % busy while measuring the proof (rng with 10 threads).", words) == (
        "测量实验证明“rng（10 个线程）”时 CPU 占用率为 86 至 92 %。"
    )
    assert recorded("The rate of 3 workers is only known to ±9 % after 30 s.", words) == (
        "测量 30 秒之后，3 个 worker 时的速率的精度只有 ±9 %。"
    )
    assert recorded(
        "2 to 3 of 9 requests of the probe of rng and the call of hasher had no whole answer within 2 s.", words
    ) == ("对 rng 的探测和对 hasher 的调用：9 个请求中有 2 至 3 个在 2 秒内没有得到完整响应。")
    assert recorded("rng x4 could not be tried. rng does not get ready as it is wanted. It has no room.", words) == (
        "未能尝试“rng x4”。rng 未能按期望就绪。It has no room."
    )
    assert recorded("rng x3, round robin, 10 workers", words) == "10 个 worker，rng x3，轮询"
    assert recorded("An error that nobody knows.", words) == "An error that nobody knows."
    assert recorded("{0} {} {x}", words) == "{0} {} {x}"


def test_heads_of_tables_are_chinese(results):
    from tests.report.test_autoscalers import whole  # which needs this module

    names = {
        "worker",
        "Web",
        "UI",
        "HPA",
        "Pod",
        "siege",
        "AICc",
        "CPU",
        "GET",
        "p50",
        "p95",
        "p99",
        "n",
        "dclab",
        "MB",
    }
    found = replace(results, comparison=whole(), probes=probe_demo(3), rollout=rollout_demo(3))
    names |= {word for one in found.comparison.runs for word in re.findall("[A-Za-z0-9]+", one.name)}
    for section in sections(found, Words("zh")):
        for block in section.blocks:
            words = {word for cell in block.head for word in re.findall(r"[A-Za-z][A-Za-z0-9]*", cell)}
            assert words - names == set(), block.head
