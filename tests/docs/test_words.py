"""Texts use the field's words: no word of words.txt in help, errors, docstrings, comments, report, pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT

LIST = Path(__file__).with_name("words.txt")

WORDS = {
    re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE): instead
    for pattern, _, instead in (one.partition("\t") for one in LIST.read_text().splitlines() if one and one[0] != "#")
}

TEXTS = [
    *(CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "dev", ".ci/run")),
    *sorted(one for folder in ("dclab", "apps", "docs", "manifests") for one in (CHECKOUT / folder).rglob("*")),
]
KINDS = {".py", ".md", ".yaml", ".j2", ".html", ".1", ""}


def quaint(text: str) -> list[str]:
    """Return what of a text is in the list, with what to write instead; a line break within is a space."""
    text = re.sub(r"\s*\n[\s#]*", " ", text)
    return [f"{found.group()!r}: {instead}" for word, instead in WORDS.items() for found in word.finditer(text)]


@pytest.mark.parametrize("folder", ["dclab", "apps", "docs", "manifests", ""])
def test_texts_use_the_fields_words(folder):
    inside = [one for one in TEXTS if one.is_file() and one.suffix in KINDS and "__pycache__" not in one.parts]
    of_folder = [
        one
        for one in inside
        if (one.relative_to(CHECKOUT).parts[0] == folder) or (not folder and one.parent in (CHECKOUT, CHECKOUT / ".ci"))
    ]
    assert of_folder
    found = {one.relative_to(CHECKOUT).as_posix(): words for one in of_folder if (words := quaint(one.read_text()))}
    assert found == {}


def test_the_list_finds_what_it_is_for():
    assert quaint("Whoever waits is told of it.") != []
    assert quaint("It had come\n    # to rest.") != []
    assert quaint("The client sees the error, and retries.") == []
