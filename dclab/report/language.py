"""The report's language: English is what the code says, every other one a table of the same sentences."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dclab.errors import InvalidInput

__all__ = ["LANGUAGES", "Words", "together"]

LANGUAGES = {"en": "en", "zh": "zh-CN"}
"""Each with its tag for a page (BCP 47)."""
BETWEEN_ITEMS = {"en": ", ", "zh": "、"}
WIDE_MARKS = "，。；：！？）"
"""Marks that have their space within them."""


class Words:
    """Says the code's English templates in one language: `words("{n} replicas", n=3)`.

    Raises:
        InvalidInput: there is no such language.
    """

    def __init__(self, language: str = "en") -> None:
        if language not in LANGUAGES:
            raise InvalidInput(
                f"{language!r} is not a language of the report.", f"It speaks {' and '.join(LANGUAGES)}."
            )
        self.language = language
        self.tag = LANGUAGES[language]
        self._table: dict[str, str] = {}
        if language != "en":
            import yaml

            text = Path(__file__).with_name(f"{language}.yaml").read_text(encoding="utf-8")
            self._table = yaml.load(text, Loader=yaml.CSafeLoader)

    def template(self, english: str) -> str:
        """The same template in this language; the English one where the table lacks it, which a test forbids."""
        return self._table.get(english, english)

    def listed(self, items: Iterable[str]) -> str:
        """Return names or numbers as a list."""
        return BETWEEN_ITEMS[self.language].join(items)

    def __call__(self, template: str, **values: object) -> str:
        """The sentence with its values."""
        return self.template(template).format(**values)


def together(*sentences: str) -> str:
    """Return sentences as one text, without the empty ones."""
    text = ""
    for one in filter(None, sentences):
        text += one if text[-1:] in WIDE_MARKS else f" {one}"
    return text
