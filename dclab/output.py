"""The only place that prints: results on standard output, everything else on standard error."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.status import Status
from rich.table import Table

from dclab import __version__
from dclab.errors import DclabError, ExitCode
from dclab.results import Caveat

__all__ = ["ENVELOPE", "Output", "table"]

ENVELOPE = "dclab/output/1"

REFRESHES_PER_SECOND = 4


def table(*columns: str, rows: Sequence[Sequence[Any]], title: str | None = None) -> Table:
    """A table; the first column is text, the others are numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", show_header=any(columns))
    for index, column in enumerate(columns):
        made.add_column(column, justify="right" if index else "left", no_wrap=not index)
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    return made


class Output:
    """Where one command prints.

    Args:
        command: its name, for the JSON envelope.
        as_json: print one JSON envelope at the end instead of tables.
        quiet: no progress.
        verbose: progress in full, and the traceback of a failure.
    """

    def __init__(self, command: str, *, as_json: bool = False, quiet: bool = False, verbose: bool = False) -> None:
        self.command = command
        self.as_json = as_json
        self.quiet = quiet
        self.verbose = verbose
        self.out = Console(highlight=False)
        self.err = Console(stderr=True, highlight=False)
        self.warnings: list[Caveat] = []
        self._status: Status | None = None
        self._live: Live | None = None
        self._last = ""

    @property
    def animated(self) -> bool:
        """Whether progress goes to a terminal that can change what it has shown, and all of it was asked for."""
        return self._changes and not (self.quiet or self.as_json)

    @property
    def _changes(self) -> bool:
        # rich takes FORCE_COLOR for a terminal.
        return sys.stderr.isatty() and self.err.is_interactive and not self.verbose

    def step(self, text: str) -> None:
        """What is being done now: a line that changes on a terminal, a line for each new thing elsewhere."""
        if self.quiet or self._live is not None:
            return
        if self._changes:
            if self._status is None:
                self._status = self.err.status("")
                self._status.start()
            self._status.update(_escaped(text))
            return
        subject = text.split(maxsplit=1)[0]
        if self.verbose or subject != self._last:
            self.err.print(_escaped(text))
        self._last = subject

    @contextlib.contextmanager
    def live(self, view: RenderableType) -> Iterator[None]:
        """Draw the view again and again where `animated`; lines that are printed meanwhile go above it."""
        if not self.animated:
            yield
            return
        self.still()
        self._live = Live(
            view, console=self.err, refresh_per_second=REFRESHES_PER_SECOND, redirect_stdout=False, transient=False
        )
        try:
            with self._live:
                yield
        finally:
            self._live = None

    def note(self, text: str) -> None:
        """Something to know before it is done; it stays on the screen."""
        self.still()
        if not self.quiet:
            self.err.print(_escaped(text), soft_wrap=True)

    def confirm(self, question: str) -> bool:
        """Whether someone at a terminal says yes."""
        self.still()
        if not (sys.stdin.isatty() and self.err.is_terminal):
            return False
        return self.err.input(f"{_escaped(question)} [y/N] ").strip().lower() in ("y", "yes")

    def done(self, text: str) -> None:
        """Something that has been finished."""
        self.still()
        if not self.quiet:
            self.err.print(f"[green]✓[/green] {_escaped(text)}")

    def warn(self, caveat: Caveat) -> None:
        """A warning about the measurement; part of the envelope, too."""
        self.warnings.append(caveat)
        self.still()
        if not self.quiet:
            hint = f" {_escaped(caveat.hint)}" if caveat.hint else ""
            self.err.print(f"[yellow]![/yellow] {_escaped(caveat.message)}{hint}", soft_wrap=not self._changes)

    def show(self, *renderables: Any) -> None:
        """The result for people; nothing when JSON was asked for."""
        self.still()
        if not self.as_json:
            for one in renderables:
                self.out.print(one, soft_wrap=isinstance(one, str))

    def document(self, objects: Sequence[Any]) -> None:
        """Objects as YAML documents, for a file or for kubectl; nothing when JSON was asked for."""
        self.still()
        if not self.as_json:
            import yaml

            # A copy by way of JSON shares no parts, which YAML would write as references.
            plain = json.loads(json.dumps(list(objects)))
            sys.stdout.write(yaml.safe_dump_all(plain, sort_keys=False, width=120))

    def result(self, data: Any, exit_code: ExitCode = ExitCode.OK) -> None:
        """The result for programs, when JSON was asked for."""
        self.still()
        if self.as_json:
            self._envelope(data, exit_code, None)

    def fail(self, error: DclabError, data: Any = None) -> None:
        """What happened, why, and what to do."""
        self.still()
        if self.as_json:
            fault = {"code": error.code, "what": error.what, "why": error.why, "hint": error.hint}
            self._envelope(data, error.exit_code, fault)
            return
        self.err.print(f"[red]✗[/red] {_escaped(error.what)}", soft_wrap=True)
        for line in (error.why, error.hint):
            if line:
                self.err.print(f"  {_escaped(line)}", soft_wrap=True)

    def traceback(self) -> None:
        """The traceback of the failure being handled, for `-v`."""
        if self.verbose:
            self.err.print_exception()

    def still(self) -> None:
        """Take the changing line away."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _envelope(self, data: Any, exit_code: ExitCode, fault: dict[str, str] | None) -> None:
        import msgspec

        envelope = {
            "schema": ENVELOPE,
            "dclab": __version__,
            "command": self.command,
            "status": "ok" if fault is None and exit_code == ExitCode.OK else "failed",
            "exit_code": int(exit_code),
            "data": msgspec.to_builtins(data),
            "warnings": msgspec.to_builtins(self.warnings),
            "error": fault,
        }
        sys.stdout.write(json.dumps(envelope, ensure_ascii=False, indent=1) + "\n")
        sys.stdout.flush()


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
