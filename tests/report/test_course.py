"""A course's sheet: known ones and a teacher's own; what of it a run answers; the report in its order."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dclab.courses.answers import answers
from dclab.courses.parts import PARTS
from dclab.courses.sheet import Question, Sheet, known_courses, load_sheet
from dclab.errors import InvalidInput
from dclab.report.content import parts
from dclab.report.course import course_sections
from dclab.report.language import LANGUAGES, Words
from dclab.report.render import render_html, render_markdown
from dclab.run_folder import load_results
from tests.conftest import CHECKOUT
from tests.report.test_autoscalers import whole

RUN = load_results(CHECKOUT / "reports" / "sample-embedded")
NOTHING = replace(
    RUN,
    sweep=None,
    latency=None,
    bottleneck=None,
    interventions=(),
    loadtest=None,
    autoscale=None,
    monitoring=None,
    caveats=(),
)


def test_the_marks_of_the_known_courses():
    assert {name: load_sheet(name).marks for name in known_courses()} == {
        "csc4160-f24": 7,
        "csc4160-f25": 8,
        "hkust-a6": 6,
    }
    assert all(load_sheet(name).course == name for name in known_courses())


def states(course, results):
    return [one.state for one in answers(load_sheet(course), results)]


def test_what_a_run_answers():
    assert states("csc4160-f24", RUN) == ["answered", "answered", "answered", "in part"]
    assert states("csc4160-f24", replace(RUN, comparison=whole())) == ["answered"] * 4
    assert set(states("csc4160-f24", NOTHING)) == {"missing"}
    assert states("hkust-a6", RUN) == ["answered", "answered", "missing", "missing"]
    compared = replace(whole(), verdicts=())
    file = replace(compared.runs[0], origin="file")
    others = tuple(one for one in compared.runs[1:] if one.origin != "file")
    for runs, state in (((file, *others), "answered"), ((file,), "in part"), (others, "missing")):
        assert states("hkust-a6", replace(RUN, comparison=replace(compared, runs=runs)))[3] == state


def test_what_is_missing_names_the_command_that_measures_it():
    few = replace(RUN, sweep=replace(RUN.sweep, points=RUN.sweep.points[:3]))
    (first, *_) = answers(load_sheet("csc4160-f24"), few)
    assert (first.state, first.commands) == ("in part", ("dclab scale-sweep --workers 1,2,3,4,5,10",))
    suspected = replace(RUN, bottleneck=replace(RUN.bottleneck, certainty="suspected"))
    second = answers(load_sheet("csc4160-f24"), suspected)[1]
    assert (second.state, second.commands) == ("in part", ("dclab prove",))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("course", known_courses())
@pytest.mark.parametrize("results", [RUN, NOTHING], ids=["whole", "nothing"])
def test_the_report_has_the_sheets_order(course, language, results):
    sheet = load_sheet(course)
    text = render_markdown(results, {}, Words(language), (), sheet)
    titles = re.findall(r"^## (\d+)\. (.*)$", text, re.MULTILINE)
    assert [int(number) for number, _ in titles] == list(range(1, len(titles) + 1))
    for (_, title), question in zip(titles, sheet.questions, strict=False):
        assert title.startswith(question.title[language])
        assert question.asks[language] in text
    assert "None" not in text
    assert 'id="question-1"' in render_html(results, {}, Words(language), (), sheet)


def test_in_chinese_a_sheet_has_no_english_sentence():
    for course in known_courses():
        asked = course_sections(load_sheet(course), NOTHING, Words("zh"))[0]
        (checklist, *_) = asked.blocks
        assert not re.search(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}", " ".join(checklist.head))
        assert not any(re.search(r"[a-z]{3,} [a-z]{3,} [a-z]{3,}", row[0] + row[3]) for row in checklist.rows)


questions = st.builds(
    Question,
    title=st.sampled_from(["One", {"en": "One", "zh": "一"}, {"zh": "一"}]),
    marks=st.integers(0, 5),
    parts=st.lists(st.sampled_from(sorted(PARTS)), min_size=1, max_size=4).map(tuple),
    by_hand=st.sampled_from([None, "A picture."]),
)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(questions, min_size=1, max_size=6).map(tuple), st.sampled_from([RUN, NOTHING]))
def test_any_sheet_shows_each_section_once(asked, results):
    sheet = Sheet(course="any", title="Any", questions=asked)
    found = course_sections(sheet, results, Words())
    assert len({one.name for one in found}) == len(found)
    shown = [block for one in found for block in one.blocks]
    for name, (_, blocks) in parts(results, Words(), (), dict.fromkeys((*PARTS, "autoscaler"), 1)).items():
        if name != "metric":  # it names another section's number
            each = list(blocks)
            assert all(shown.count(block) >= 1 for block in each if block.kind in ("table", "picture")), name
    pictures = [block.text for block in shown if block.kind == "picture"]
    assert len(set(pictures)) == len(pictures)


GOOD = """\
course: mine
title: My course
questions:
- title: {en: Speed, zh: 速度}
  marks: 1.5
  parts: [speed]
  workers: [1, 10]
"""


def test_a_teachers_own_file(tmp_path):
    file = tmp_path / "sheet.yaml"
    file.write_text(GOOD)
    sheet = load_sheet(str(file))
    assert (sheet.course, sheet.marks) == ("mine", 1.5)
    text = render_markdown(RUN, {}, Words("zh"), (), sheet)
    assert "## 1. 速度（1.5 分）" in text
    assert "# My course" in text


FAULTS = {
    "the part": ("parts: [speed]", "parts: [sped]", "Question 1, `parts`: 'sped' is not a part", "Did you mean speed?"),
    "a field": ("marks:", "mark:", "Question 1", "marks"),
    "a mark": ("marks: 1.5", "marks: many", "Question 1, marks: Expected `float`, got `str`.", "A sheet has"),
    "a negative mark": ("marks: 1.5", "marks: -1", "Question 1, marks: Expected `float` >= 0", "A sheet has"),
    "no title": ("title: My course\n", "", "required field `title`", "Add `title`."),
    "no questions": ("questions:", "questions: []\nother:", "", ""),
    "a language": ("zh: 速度", "fr: Vitesse", "Question 1, title", "en and zh"),
    "a name": ("course: mine", "course: My Course", "Course", "lower case"),
    "workers of nothing": ("parts: [speed]", "parts: [latency]", "`workers`", "Add it to `parts`"),
    "nothing that answers": ("  parts: [speed]\n  workers: [1, 10]\n", "", "neither `parts` nor `by_hand`", "Add"),
    "broken YAML": ("[1, 10]", "[1, 10", "Line 8", "A sheet has"),
    "a key twice": ("marks: 1.5", "marks: 1.5\n  marks: 2", "the key 'marks' occurs twice", "A sheet has"),
    "two documents": ("course: mine", "a: 1\n---\ncourse: mine", "2 documents", "---"),
    "a list": (GOOD, "- 1\n- 2\n", "Expected `object`, got `array`", "A sheet has"),
    "nothing": (GOOD, "", "0 documents", ""),
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_is_wrong_with_a_sheet_is_said_with_its_place_and_its_mending(tmp_path, what):
    old, new, why, hint = FAULTS[what]
    assert old in GOOD
    file = tmp_path / "sheet.yaml"
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(InvalidInput) as raised:
        load_sheet(str(file))
    assert why in raised.value.why
    assert hint in raised.value.hint
    assert str(file) in raised.value.what


def test_an_unknown_course_lists_the_known_ones():
    with pytest.raises(InvalidInput) as raised:
        load_sheet("csc4160-f23")
    assert all(one in raised.value.why for one in known_courses())
    assert raised.value.hint.startswith("Did you mean csc4160-f2")
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_sheet("nowhere/sheet.yaml")
