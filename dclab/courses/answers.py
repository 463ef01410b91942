"""What of a course's sheet a run answers, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dclab.courses.parts import PARTS, measured_workers
from dclab.courses.sheet import Question, Sheet
from dclab.results import Results

__all__ = ["Answer", "answers"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How far a run answers a question."""

    question: Question
    state: Literal["answered", "in part", "missing", "by hand"]
    commands: tuple[str, ...]
    """What measures the rest."""
    sections: tuple[str, ...]
    """Of the report, which show it."""


def answers(sheet: Sheet, results: Results) -> list[Answer]:
    """Return an answer for each question, in the sheet's order."""
    return [_answer(one, results) for one in sheet.questions]


def _answer(question: Question, results: Results) -> Answer:
    found = {name: PARTS[name].found(results) for name in question.parts}
    commands = [PARTS[name].command for name, there in found.items() if not there]
    if lacking := set(question.workers) - measured_workers(results):
        found["speed"] = None if len(lacking) < len(set(question.workers)) else False
        wanted = f"dclab scale-sweep --workers {','.join(map(str, dict.fromkeys(question.workers)))}"
        commands = [wanted, *(one for one in commands if one != PARTS["speed"].command)]
    return Answer(
        question=question,
        state=_state(list(found.values())),
        commands=tuple(dict.fromkeys(commands)),
        sections=tuple(dict.fromkeys(name for part in question.parts for name in PARTS[part].sections)),
    )


def _state(found: Sequence[bool | None]) -> Literal["answered", "in part", "missing", "by hand"]:
    if not found:
        return "by hand"
    if all(found):
        return "answered"
    return "missing" if all(one is False for one in found) else "in part"
