"""The report in the order of a course's sheet: a checklist of its marks, a section for each question, then the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dclab.courses.answers import Answer, answers
from dclab.courses.sheet import Sheet, said
from dclab.report.blocks import Block, Section, missing, note, table, text
from dclab.report.content import parts
from dclab.report.language import Words
from dclab.results import Results

__all__ = ["STATES", "course_sections"]

STATES = {"answered": "✓ answered", "in part": "in part", "missing": "✗ not measured", "by hand": "✎ by hand"}
"""Of answers, as the checklist shows them."""


def course_sections(sheet: Sheet, results: Results, words: Words, raw: Sequence[str] = ()) -> list[Section]:
    """Return the checklist, the questions in the sheet's order, and what else was measured.

    Args:
        sheet: of the course.
        results: of the run.
        words: in the report's language.
        raw: files beside the report to link to.
    """
    found = answers(sheet, results)
    numbers: dict[str, int] = {}
    content = parts(results, words, raw, numbers)
    for most in (1, None):  # what a question asks first has its place there, rather than under one that only touches it
        for number, one in enumerate(found, 1):
            numbers |= {name: number for name in one.sections[:most] if name not in numbers}
    rest = [name for name in content if name not in numbers]
    numbers |= {name: number for number, name in enumerate(rest, len(found) + 1)}
    made = {name: tuple(blocks) for name, (_, blocks) in content.items()}
    titles = {name: title for name, (title, _) in content.items()}
    checklist = Section(
        name="asked",
        title=words("What is asked, and where it is answered"),
        blocks=tuple(_checklist(sheet, found, words)),
    )
    questions = [
        Section(
            name=f"question-{number}",
            title=words(
                "{number}. {title} ({marks})",
                number=number,
                title=said(one.question.title, words.language),
                marks=_marks(one.question.marks, words),
            ),
            blocks=tuple(_question(number, one, made, titles, numbers, words)),
        )
        for number, one in enumerate(found, 1)
    ]
    others = [Section(name=name, title=f"{numbers[name]}. {titles[name]}", blocks=made[name]) for name in rest]
    return [checklist, *questions, *others]


def _marks(marks: float, words: Words) -> str:
    return words("1 mark") if marks == 1 else words("{marks:g} marks", marks=marks)


def _checklist(sheet: Sheet, found: Sequence[Answer], words: Words) -> Iterator[Block]:
    rows: list[tuple[object, ...]] = []
    for number, one in enumerate(found, 1):
        todo = list(one.commands)
        if one.question.by_hand is not None:
            todo.append(words("to be added by hand"))
        state = words(STATES[one.state])
        section = words("section {where}", where=number)
        rows.append(
            (
                said(one.question.title, words.language),
                f"{one.question.marks:g}",
                section,
                state,
                words("; ").join(todo) or "–",
            )
        )
    answered = sum(one.question.marks for one in found if one.state == "answered")
    rows.append((words("all questions"), f"{sheet.marks:g}", "", words("✓ {marks:g} marks", marks=answered), ""))
    head = ("asked by the course", "marks", "answered in", "in this run", "what is missing comes from")
    yield table([words(one) for one in head], rows, prose=True)
    if any(one.commands for one in found):
        yield note(
            words(
                "Each of these commands makes a run of its own. `dclab run --metric all --course {course}` measures all that a "
                "single run can hold.",
                course=sheet.course,
            )
        )


def _question(
    number: int,
    one: Answer,
    made: Mapping[str, tuple[Block, ...]],
    titles: Mapping[str, str],
    numbers: Mapping[str, int],
    words: Words,
) -> Iterator[Block]:
    if one.question.asks is not None:
        yield text(words("Asked: {question}", question=said(one.question.asks, words.language)))
    if one.question.by_hand is not None:
        yield note(words("To be added by hand: {what}", what=said(one.question.by_hand, words.language)))
    for name in one.sections:
        if name not in made:  # a part that this dclab has no section for
            for command in one.commands:
                yield missing(words, command)
        elif numbers[name] == number:
            yield from made[name]
        else:
            yield text(words("{title}: see section {where}.", title=titles[name], where=numbers[name]))
