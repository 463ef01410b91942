"""The result that a verb returns; the renderer prints it as text or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dclab.errors import DclabError, ExitCode

__all__ = ["Result"]


class Result:
    """Data for programs, and for people the text that is made of the same data, so that the two cannot differ."""

    def __init__(
        self,
        text: Callable[..., Iterable[Any]] | None = None,
        /,
        *,
        done: str = "",
        fault: DclabError | None = None,
        **data: Any,
    ) -> None:
        """Make a result.

        Args:
            text: makes the lines for standard output (strings, and whatever rich can draw) of the data, by their names.
            done: what was done, in a sentence for standard error; empty where there is nothing to confirm.
            fault: what failed, although there is a result.
            data: the JSON document's `data`, by its keys.
        """
        self.done = done
        self.fault = fault
        self.data = data
        self._text = text

    @property
    def exit_code(self) -> ExitCode:
        """Exit code of the command."""
        return self.fault.exit_code if self.fault else ExitCode.OK

    def lines(self) -> Iterable[Any]:
        """Return the text for standard output."""
        return self._text(**self.data) if self._text else ()
