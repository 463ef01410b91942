"""Texts that a run recorded in English, such as its warnings, in the report's language."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from dclab.report.language import Words

__all__ = ["recorded", "recorded_texts"]

DEEPEST = 5
"""A text may have others in its gaps, and these again: `CPU was 92 % busy while measuring 3 workers.`"""
LONGEST = 2000
"""Characters of a text that is translated; errors of a cluster have some hundreds."""

NUMBER = r"[+-]?\d+(?:\.\d+)?(?: ± \d+(?:\.\d+)?)?"
PROBED = r"the (?:probe|call) of [a-z]+"
BETWEEN = ", | and | to "
"""In a list or a range, as `dclab.measure.merge_caveats` makes them."""
LIST = re.compile(rf"(?:{NUMBER}|{PROBED})(?:(?:{BETWEEN})(?:{NUMBER}|{PROBED}))+")
GAPS = {"{}": "(.+?)", "{#}": rf"({NUMBER}(?:(?:{BETWEEN}){NUMBER})*)"}
"""What may stand in a gap of a template: any text, or numbers."""
EDGE = re.compile("[\u4e00-\u9fff][!-~±]|[!-~±][\u4e00-\u9fff]")
"""A Chinese character beside a letter or a digit: a space belongs between them."""


def recorded(text: str, words: Words) -> str:
    """Return a recorded text in the report's language; what is not known, such as an error's own words, stays as it is."""
    return text if words.language == "en" else _translated(text, words.language, DEEPEST)


@cache
def recorded_texts(language: str) -> Mapping[str, str]:
    """Return the templates of recorded texts: {} in English is a gap, {#} one for numbers, {0} the first in that language."""
    import yaml

    file = Path(__file__).with_name(f"recorded_{language}.yaml")
    texts: dict[str, str] = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return texts


@cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """The most certain first: those with the most letters outside of their gaps."""
    found = []
    for english, said in recorded_texts(language).items():
        pieces = re.split(r"(\{#?\})", english)
        pattern = "".join(GAPS[one] if index % 2 else re.escape(one) for index, one in enumerate(pieces))
        found.append((sum(map(len, pieces[::2])), re.compile(pattern, re.DOTALL), said))
    return [(pattern, said) for _, pattern, said in sorted(found, key=lambda one: -one[0])]


def _translated(text: str, language: str, deep: int) -> str:
    if not deep or len(text) > LONGEST:
        return text
    if LIST.fullmatch(text):
        return _joined([_translated(one, language, deep - 1) for one in re.split(f"({BETWEEN})", text)])
    for pattern, said in _patterns(language):
        if found := pattern.fullmatch(text):
            values = [_translated(one, language, deep - 1) for one in found.groups()]
            pieces = re.split(r"\{(\d)\}", said)
            return _joined([values[int(one)] if index % 2 else one for index, one in enumerate(pieces)])
    return text


def _joined(pieces: Sequence[str]) -> str:
    """The pieces as one text, with a space where Chinese and other letters meet."""
    text = ""
    for piece in pieces:
        text += f" {piece}" if EDGE.fullmatch(text[-1:] + piece[:1]) else piece
    return text
