"""What surrounds every command: where it prints, how it fails, and the run that it records."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dclab.errors import DclabError, ExitCode

if TYPE_CHECKING:
    from dclab.cli.live import View
    from dclab.lab import Lab
    from dclab.output import Output
    from dclab.results import Caveat
    from dclab.run_folder import Run

__all__ = ["Interrupted", "Recorder", "recording", "session"]


class Interrupted(DclabError):
    """Ctrl-C or SIGTERM."""

    code = "interrupted"
    exit_code = ExitCode.INTERRUPTED


@contextlib.contextmanager
def session(command: str, *, as_json: bool, quiet: bool, verbose: bool) -> Iterator[Output]:
    """Run a command's body; turn whatever ends it into a message and an exit code."""
    from dclab.output import Output

    output = Output(command, as_json=as_json, quiet=quiet, verbose=verbose)
    try:
        yield output
    except KeyboardInterrupt:
        output.fail(Interrupted("Interrupted.", "", ""))
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except DclabError as error:
        output.fail(error)
        output.traceback()
        raise typer.Exit(error.exit_code) from None
    except BrokenPipeError:
        # Whoever read our output has gone; nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(ExitCode.ERROR) from None
    except OSError as error:
        output.fail(
            DclabError("The system refused something.", f"{error}.", "`dclab doctor` shows what is missing here.")
        )
        output.traceback()
        raise typer.Exit(ExitCode.ERROR) from None
    finally:
        output.still()


class Recorder:
    """An experiment's observer: progress to the screen, everything measured to the run's folder."""

    def __init__(self, output: Output, run: Run, view: View) -> None:
        self.output = output
        self.run = run
        self.view = view

    def step(self, text: str) -> None:
        """What is being done now."""
        self.view.step(text)
        self.output.step(text)

    def caveat(self, caveat: Caveat) -> None:
        """Something about the measurement itself that the reader must know."""
        self.run.caveat(caveat)
        self.view.caveat(caveat)
        self.output.warn(caveat)

    def record(self, **parts: Any) -> None:
        """Parts of the results."""
        self.run.record(**parts)
        self.view.results = self.run.results

    def raw(self, name: str, rows: Iterable[Any]) -> None:
        """Raw samples."""
        self.run.raw(name, rows)

    def picture(self, name: str, png: bytes) -> None:
        """A picture that only a live lab can give."""
        self.run.picture(name, png)


@contextlib.contextmanager
def recording(
    output: Output,
    lab: Lab,
    reason: str,
    folder: Path,
    *,
    command: str,
    quick: bool = False,
    expected: Mapping[str, float] | None = None,
) -> Iterator[Recorder]:
    """Record a run in `folder`, and show it; when it is cut off, say where what was measured is.

    `expected` names the parts that are listed on a terminal, with about how many seconds each takes.
    """
    from dclab.cli.live import View
    from dclab.run_folder import Run, this_environment

    run = Run(
        folder,
        engine=lab.engine,
        lab=lab.name,
        command=command,
        environment=this_environment(reason, lab.versions()),
        quick=quick,
    )
    view = View(run.results, expected or {})
    try:
        with output.live(view):
            try:
                yield Recorder(output, run, view)
            except BaseException:
                view.finish(cut_off=True)
                raise
            view.finish()
    except (KeyboardInterrupt, DclabError) as error:
        kept = f"What was measured is in {folder}."
        if isinstance(error, DclabError):
            error.hint = f"{error.hint} {kept}".strip()
            raise
        raise Interrupted("Interrupted.", "", kept) from None
    run.finish()
