"""A course's sheet: one of dclab's own by its name, or a teacher's file, checked."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from dclab.courses.parts import PARTS
from dclab.errors import InvalidInput
from dclab.user_files import read_yaml

__all__ = ["Question", "Said", "Sheet", "known_courses", "load_sheet", "read_sheet", "said"]

FOLDER = Path(__file__).parent

Text = Annotated[str, Meta(min_length=1, max_length=2000)]
Language = Literal["en", "zh"]
Said = Text | Annotated[dict[Language, Text], Meta(min_length=1)]
"""A text in one language for every report, or one for each language."""


def said(texts: Said, language: str) -> str:
    """Return a sheet's text in a language, or in the one that it has."""
    if isinstance(texts, str):
        return texts
    return next((text for name, text in texts.items() if name == language), next(iter(texts.values())))


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question."""

    title: Said
    """Heading of its section."""
    marks: Annotated[float, Meta(ge=0, le=1000)]
    """What it is worth."""
    asks: Said | None = None
    """The question in full."""
    parts: Annotated[tuple[str, ...], Meta(max_length=20)] = ()
    """What answers it: names from the table of parts."""
    workers: Annotated[tuple[Annotated[int, Meta(ge=1, le=10_000)], ...], Meta(max_length=50)] = ()
    """Numbers of workers at which the rate is wanted; other than in `dclab run` they need a sweep of their own."""
    by_hand: Said | None = None
    """What no run holds, and the student has to add."""


class Sheet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a course asks."""

    course: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]
    """Short name in lower case, digits and hyphens; it becomes part of the archive's name."""
    title: Said
    """Name of the course for the report's title."""
    questions: Annotated[tuple[Question, ...], Meta(min_length=1, max_length=50)]
    """In the sheet's order."""

    @property
    def marks(self) -> float:
        """All of them."""
        return sum(one.marks for one in self.questions)


def known_courses() -> list[str]:
    """Return the names of the sheets that come with dclab."""
    return sorted(one.stem for one in FOLDER.glob("*.yaml"))


def load_sheet(course: str) -> Sheet:
    """Return the sheet of a known course, or of a teacher's file.

    Args:
        course: a name, or the path of a YAML file.

    Raises:
        InvalidInput: there is no such course, or the file is none; the error says where and how to mend it.
    """
    known = known_courses()
    if course in known:
        return read_sheet(FOLDER / f"{course}.yaml")
    if re.search(r"[/\\]|\.ya?ml$", course) or Path(course).is_file():
        return read_sheet(Path(course))
    near = get_close_matches(course, known, 1)
    raise InvalidInput(
        f"{course!r} is not a course that dclab knows.",
        f"It knows {', '.join(known)}.",
        f"Did you mean {near[0]}?" if near else "Name one of them, or the YAML file of your own sheet.",
    )


HINT = (
    "A sheet has course, title and questions; each of these has title and marks, then parts, workers, asks or by_hand."
)


def read_sheet(file: Path) -> Sheet:
    """Return the sheet in a YAML file; InvalidInput says what is wrong, where, and how to mend it."""
    documents = read_yaml(file, hint=HINT)
    if len(documents) != 1:
        raise _wrong(file, f"It holds {len(documents)} documents, and a sheet is one.", "Remove the lines with ---.")
    try:
        sheet = msgspec.convert(documents[0], Sheet)
    except msgspec.ValidationError as error:
        raise _wrong(file, *_said(str(error))) from error
    for number, one in enumerate(sheet.questions, 1):
        for part in one.parts:
            if part not in PARTS:
                near = get_close_matches(part, PARTS, 1)
                hint = f"Did you mean {near[0]}? " if near else ""
                raise _wrong(
                    file,
                    f"Question {number}, `parts`: {part!r} is not a part of a run.",
                    f"{hint}Parts are {', '.join(PARTS)}.",
                )
        if not one.parts and one.by_hand is None:
            raise _wrong(
                file,
                f"Question {number} has neither `parts` nor `by_hand`.",
                "Add `parts: [speed]`, or what answers it.",
            )
        if one.workers and "speed" not in one.parts:
            raise _wrong(
                file,
                f"Question {number} has `workers`, and `speed` is not among its `parts`.",
                "Add it to `parts`, or omit `workers`.",
            )
    return sheet


def _wrong(file: Path, why: str, hint: str) -> InvalidInput:
    return InvalidInput(f"{file} is not a course sheet.", why, hint)


def _said(error: str) -> tuple[str, str]:
    """Return what is wrong, with its place, and how to mend it, from msgspec's own words."""
    what, _, path = error.partition(" - at ")
    found = re.search(r"`\$\.?([^`]*)`", path)
    place = re.sub(r"questions\[(\d+)\]\.?", lambda one: f"question {int(one[1]) + 1}, ", found[1] if found else "")
    place = place.replace("[...]", "").removesuffix(", ")
    fields = Question.__struct_fields__ if place.startswith("question ") else Sheet.__struct_fields__
    unknown = re.search(r"unknown field `(.*)`", what)
    if unknown:
        near = get_close_matches(unknown[1], fields, 1)
        hint = f"Did you mean `{near[0]}`?" if near else f"Omit it; fields are {', '.join(fields)}."
    elif missing := re.search(r"required field `(.*)`", what):
        hint = f"Add `{missing[1]}`."
    elif "matching regex" in what:
        hint = "Use lower case, digits and hyphens, such as csc4160-f25."
    elif "enum value" in what:
        hint = "A text is given once for every language, or as en and zh."
    else:
        hint = HINT
    at = f"{place[:1].upper()}{place[1:]}: " if place else ""
    return f"{at}{what}.", hint
