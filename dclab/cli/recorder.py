"""The observer of an experiment that a verb runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dclab.cli.result import Result

if TYPE_CHECKING:
    from dclab.cli.live import View
    from dclab.cli.output import Output
    from dclab.results import Caveat, Results
    from dclab.run_folder import Run

__all__ = ["Recorder"]


class Recorder:
    """Progress goes to the screen, everything measured to the run's folder."""

    def __init__(self, output: Output, run: Run, view: View) -> None:
        self.output = output
        self.run = run
        self.view = view

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.run.folder

    @property
    def results(self) -> Results:
        """What has been measured so far."""
        return self.run.results

    def result(self, text: Callable[..., Iterable[Any]], **parts: Any) -> Result:
        """Return the parts as a command's result, with the folder that keeps them."""

        def lines(folder: str, **kept: Any) -> Iterable[Any]:
            yield from text(**kept)
            yield f"Results: {folder}"

        return Result(lines, folder=str(self.folder), **parts)

    def step(self, text: str) -> None:
        """Show what is being done now."""
        self.view.step(text)
        self.output.step(text)

    def caveat(self, caveat: Caveat) -> None:
        """Keep something about the measurement itself that the reader must know."""
        self.run.caveat(caveat)
        self.view.caveat(caveat)
        self.output.warn(caveat)

    def record(self, **parts: Any) -> None:
        """Keep parts of the results."""
        self.run.record(**parts)
        self.view.results = self.run.results

    def raw(self, name: str, rows: Iterable[Any]) -> None:
        """Keep raw samples."""
        self.run.raw(name, rows)

    def picture(self, name: str, png: bytes) -> None:
        """Keep a picture that only a live lab can give."""
        self.run.picture(name, png)
