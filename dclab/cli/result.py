"""What a verb returns: one result, which the renderer prints as text or as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dclab.errors import ExitCode

__all__ = ["Result"]


class Result:
    """Base of the frozen dataclasses that verbs return.

    The fields are the JSON document's `data`; the text is made from the same fields, so the two cannot differ.
    """

    @property
    def exit_code(self) -> ExitCode:
        """Exit code of the command."""
        return ExitCode.OK

    def confirmation(self) -> str:
        """What was done, in a sentence for standard error; empty where there is nothing to confirm."""
        return ""

    def text(self) -> Iterable[Any]:
        """Text for standard output: strings, and whatever rich can draw."""
        return ()
