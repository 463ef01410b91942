"""The only place that prints: results on standard output, everything else on standard error."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.status import Status
from rich.text import Text

from dclab.cli.envelope import ENVELOPE, envelope
from dclab.cli.terminal_text import plain, table
from dclab.errors import DclabError, ExitCode
from dclab.results import Caveat

if TYPE_CHECKING:
    from dclab.cli.result import Result

__all__ = ["ENVELOPE", "Output", "ReaderGone", "lost_output", "plain", "table"]

REFRESHES_PER_SECOND = 4


class ReaderGone(Exception):
    """The reader of standard output has closed it, as `head` does."""


class _Console(Console):
    """rich's console; a reader that has gone is an OSError to it, too, rather than the end of the process."""

    def on_broken_pipe(self) -> None:
        """Let BrokenPipeError through: rich calls this while it handles it."""
        raise  # noqa: PLE0704


class Output:
    """Where one command prints.

    Args:
        command: its name, for the JSON envelope.
        as_json: print one JSON envelope at the end instead of text.
        quiet: no progress and no warnings.
        verbose: progress in full, each warning at once, and the traceback of a failure.
    """

    def __init__(self, command: str, *, as_json: bool = False, quiet: bool = False, verbose: bool = False) -> None:
        self.command = command
        self.as_json = as_json
        self.quiet = quiet
        self.verbose = verbose
        # What is printed may come from elsewhere, so no markup and no emoji codes in it are followed.
        self.out = _Console(highlight=False, markup=False, emoji=False)
        self.err = _Console(stderr=True, highlight=False, markup=False, emoji=False)
        self.warnings: list[Caveat] = []
        self.rendered = False
        """Whether the result or the failure has been printed; a JSON document is printed once."""
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

    # While the command runs.

    def step(self, text: str) -> None:
        """Show what is being done now: a line that changes on a terminal, a line for each new thing elsewhere."""
        if self.quiet or self._live is not None:
            return
        if self._changes:
            if self._status is None:
                self._status = self.err.status("")
                self._status.start()
            self._status.update(Text(plain(text)))
            return
        subject = text.split(maxsplit=1)[0]
        if self.verbose or subject != self._last:
            self._say(text)
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
        """Say something to know before it is done; it stays on the screen."""
        self.still()
        if not self.quiet:
            self._say(text)

    def confirm(self, question: str) -> bool:
        """Return whether someone at a terminal says yes."""
        self.still()
        if not (sys.stdin is not None and sys.stdin.isatty() and self.err.is_terminal):
            return False
        return self.err.input(f"{plain(question)} [y/N] ").strip().lower() in ("y", "yes")

    def done(self, text: str) -> None:
        """Say that something has been finished."""
        self.still()
        if not self.quiet and text:
            self._say(text, "✓", "green")

    def warn(self, caveat: Caveat) -> None:
        """Keep a warning about the measurement; it is printed with the result, with others of its kind in one line."""
        self.warnings.append(caveat)
        if self.verbose:
            self.still()
            self._warning(caveat)

    def line(self, text: str) -> None:
        """Print a line of a result that comes bit by bit; nothing when JSON was asked for."""
        self.still()
        if not self.as_json:
            self._write(text)
            self._flush()

    def still(self) -> None:
        """Remove the changing line."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    # At its end.

    def render(self, result: Result) -> None:
        """Print the result: as text, or as one JSON document."""
        self.still()
        self._warn_of_all()
        if self.as_json:
            self._envelope(result.data, result.exit_code, result.fault)
            return
        self.rendered = True
        self.done(result.done)
        for one in result.lines():
            self._write(one)
        self._flush()
        if result.fault:
            self._tell(result.fault)

    def fail(self, error: DclabError) -> None:
        """Print what happened, why, and what to do."""
        self.still()
        if self.as_json and not self.rendered:
            self._envelope(None, error.exit_code, error)
            return
        if not self.rendered:
            self._warn_of_all()
        self.rendered = True
        self._tell(error)

    def _tell(self, error: DclabError) -> None:
        self._say(error.what, "✗", "red")
        for line in (error.why, error.hint):
            if line:
                self._say(f"  {line}")

    def traceback(self, error: BaseException) -> None:
        """Print the traceback of a failure, for `-v`."""
        if self.verbose:
            self.err.print("".join(traceback.format_exception(error)), soft_wrap=True)

    def _merged_warnings(self) -> Sequence[Caveat]:
        from dclab.measure.merge_caveats import merge_caveats

        return merge_caveats(self.warnings)

    def _warn_of_all(self) -> None:
        if not (self.quiet or self.verbose or self.as_json):
            for caveat in self._merged_warnings():
                self._warning(caveat)

    def _warning(self, caveat: Caveat) -> None:
        self._say(f"{caveat.message} {caveat.hint}".rstrip(), "!", "yellow")

    def _say(self, text: str, mark: str = "", style: str = "") -> None:
        """A line on standard error, behind a coloured mark; the warnings of a terminal wrap at words."""
        line = Text.assemble((mark, style), " " if mark else "", plain(text))
        with contextlib.suppress(OSError):  # nobody reads standard error; the exit code still tells
            self.err.print(line, soft_wrap=not (self._changes and mark == "!"))

    def _write(self, one: Any) -> None:
        try:
            if isinstance(one, str):
                sys.stdout.write(plain(one) + "\n")
            else:
                self.out.print(one)
        except OSError as error:
            raise lost_output(error) from error

    def _flush(self) -> None:
        try:
            sys.stdout.flush()
        except OSError as error:
            raise lost_output(error) from error

    def _envelope(self, data: Any, exit_code: ExitCode, fault: DclabError | None) -> None:
        encoding = sys.stdout.encoding or "utf-8"
        text = envelope(self.command, data, exit_code, fault, self._merged_warnings(), encoding)
        self.rendered = True
        try:
            sys.stdout.write(text + "\n")
        except OSError as error:
            raise lost_output(error) from error
        self._flush()


def lost_output(error: OSError) -> Exception:
    """Return what an error of standard output means: nobody reads it any more, or it cannot be written."""
    if isinstance(error, BrokenPipeError):
        return ReaderGone()
    return DclabError(
        "The output could not be written.",
        f"The system says: {error.strerror or error}.",
        "Make room there, or write it elsewhere; what was measured is kept.",
    )
