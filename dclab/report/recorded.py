"""Texts that a run recorded in English, such as its warnings, in the report's language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from dclab.report.language import Words

__all__ = ["recorded", "recorded_texts"]

DEEPEST = 4
"""A text may have others in its gaps, and these again: `CPU was 92 % busy while measuring 3 workers.`"""
LONGEST = 2000
"""Characters of a text that is translated; errors of a cluster have some hundreds."""


def recorded(text: str, words: Words) -> str:
    """Return a recorded text in the report's language; what is not known, such as an error's own words, stays as it is."""
    return text if words.language == "en" else _translated(text, words.language, DEEPEST)


@cache
def recorded_texts(language: str) -> Mapping[str, str]:
    """Return the templates of recorded texts: {} in English is a gap, {0} the first of them in that language."""
    import yaml

    file = Path(__file__).with_name(f"recorded_{language}.yaml")
    texts: dict[str, str] = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return texts


@cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """The most certain first: those with the most letters outside of their gaps."""
    texts = sorted(recorded_texts(language).items(), key=lambda one: -len(one[0].replace("{}", "")))
    return [(re.compile("(.+?)".join(map(re.escape, english.split("{}"))), re.DOTALL), said) for english, said in texts]


def _translated(text: str, language: str, deep: int) -> str:
    if not deep or len(text) > LONGEST:
        return text
    for pattern, said in _patterns(language):
        found = pattern.fullmatch(text)
        if found:
            return said.format(*(_translated(one, language, deep - 1) for one in found.groups()))
    return text
