"""Text that someone else may have written: results.json can come from anywhere, and so can what is in its strings."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote

__all__ = ["address", "printable", "with_printable_text"]

LONGEST = 20_000
"""Characters of one text in a report; a page of notes is about 3,000."""

UNSEEN = "\N{REPLACEMENT CHARACTER}"

# Controls reach a terminal that shows report.md, or end a line; surrogates cannot be written at all; the marks that turn
# the direction of reading make a text look like another ("Trojan source", CVE-2021-42574).
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

Data = TypeVar("Data")


def printable(text: str) -> str:
    """Return `text` with newlines as its only line ends, and everything that is not to be seen replaced."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(UNSEEN if _is_unseen(sign) else sign for sign in text)


def _is_unseen(sign: str) -> bool:
    return sign != "\n" and (unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") or sign in TURNING)


def with_printable_text(data: Data, longest: int = LONGEST) -> Data:
    """Return a copy of frozen results in which every text, also a mapping's key, is printable.

    A text ends after `longest` characters, and says how many more there were.
    """
    return _cleaned(data, longest)  # type: ignore[no-any-return]


def _cleaned(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        more = len(value) - longest
        return printable(f"{value[:longest]}… ({more} more characters)" if more > 0 else value)
    if isinstance(value, Mapping):
        return {_cleaned(key, longest): _cleaned(each, longest) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_cleaned(each, longest) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _cleaned(getattr(value, one.name), longest) for one in fields(value)})
    return value


def address(name: str) -> str:
    """Return the relative URL of a file, whatever its name; nothing in it is active in HTML or Markdown."""
    return quote(os.fsencode(name))
