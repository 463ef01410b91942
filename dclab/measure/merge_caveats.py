"""Caveats that differ only in numbers or in what was probed or changed as one: six lines that say the same are one that names all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dclab.results import Caveat

__all__ = ["merge_caveats"]

_UNIT = r"\s?(?:%|MB\b|GB\b|m?s\b|seconds?\b|[a-z]+/s\b)"
_NAMED = r"the (?:probe|call) of [a-z]+|(?<=The rate with )[\w ,-]+?(?= varied| is only)"
_NUMBER = re.compile(rf"(?<![\w.:/-])(\d+(?:\.\d+)?|{_NAMED})(?![\w:/]|\.\d)((?:{_UNIT})?)( [a-z]+)?")
"""A number that stands alone, with its unit and the word after it, or what was probed or changed. Parts of names, versions and
addresses are not."""


class _Number(NamedTuple):
    """One number of a text, or one name of what was probed or changed."""

    digits: str
    unit: str
    noun: str
    """The word after it, in the plural if it has one (`workers`), with a space before it."""
    code: bool
    """Whether it stands in a command, between backticks."""


def merge_caveats(caveats: Sequence[Caveat]) -> tuple[Caveat, ...]:
    """Return the caveats in their order; those of one code whose texts differ only in that as one, at the first's place.

    Counts are listed (`1, 2 and 3 workers`; in a command `1,2,3`), measured values are a range (`6 to 8 %`).
    """
    groups: dict[tuple[str, str, str], list[Caveat]] = {}
    for one in caveats:
        groups.setdefault((one.code, _split(one.message)[0], _split(one.hint)[0]), []).append(one)
    return tuple(
        same[0]
        if len(set(same)) == 1
        else Caveat(code=code, message=_joined([one.message for one in same]), hint=_joined([one.hint for one in same]))
        for (code, _, _), same in groups.items()
    )


def _split(text: str) -> tuple[str, list[_Number]]:
    """The text with a gap for each of its numbers, and the numbers."""
    numbers: list[_Number] = []
    text = text.replace("\0", "�")

    def gap(found: re.Match[str]) -> str:
        digits, unit, noun = found.group(1), found.group(2).strip(), found.group(3) or ""
        code = text.count("`", 0, found.start()) % 2 == 1
        numbers.append(_Number(digits, unit, noun, code))
        kind = "\0" if digits[0].isdigit() else "\0\0"
        return f"{kind}{found.group(2)}{noun if code or len(kind) > 1 else noun.removesuffix('s')}"

    return _NUMBER.sub(gap, text), numbers


def _joined(texts: Sequence[str]) -> str:
    """Texts that are the same but for their numbers, as one."""
    columns = zip(*(_split(one)[1] for one in texts), strict=True)
    said: Iterator[str] = iter([_said(column) for column in columns])
    # The longest noun is the plural, if there is one.
    template = max(texts, key=lambda one: sum(len(number.noun) for number in _split(one)[1]))
    return _NUMBER.sub(lambda found: next(said) + found.group(2) + (found.group(3) or ""), template)


def _said(column: Sequence[_Number]) -> str:
    values = list(dict.fromkeys(one.digits for one in column))
    if len(values) == 1:
        return values[0]
    if not values[0][0].isdigit():
        return f"{', '.join(values[:-1])} and {values[-1]}"
    values.sort(key=float)
    if column[0].code:
        return ",".join(values)
    if column[0].unit or any("." in one for one in values):
        return f"{values[0]} to {values[-1]}"
    return f"{', '.join(values[:-1])} and {values[-1]}"
