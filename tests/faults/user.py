"""What a user does with dclab and is told by it: command lines in this process, or in processes of their own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parent.parent.parent

COMMAND = (sys.executable, "-c", "from dclab.cli import main; main()")

INTERRUPTED = 130

EXIT_CODES = {0, 1, 2, 4, 5, 6, INTERRUPTED}


@dataclass(frozen=True)
class Said:
    """What one command told."""

    command: tuple[str, ...]
    code: int
    out: str
    err: str
    begin: float
    end: float
    """Monotonic seconds."""

    @property
    def envelope(self) -> dict[str, Any]:
        """The JSON document; empty when there is none."""
        with contextlib.suppress(ValueError):
            found = json.loads(self.out)
            if isinstance(found, dict):
                return found
        return {}

    @property
    def data(self) -> dict[str, Any]:
        """The JSON document's data."""
        return self.envelope.get("data") or {}

    @property
    def error(self) -> dict[str, Any]:
        """The JSON document's error."""
        return self.envelope.get("error") or {}

    @property
    def cause(self) -> str:
        """The error in words: what and why."""
        return f"{self.error.get('what', '')} {self.error.get('why', '')}".strip()

    def improper(self) -> list[str]:
        """Return what no command may do, whatever the fault: tracebacks, no document, an exit code that is none."""
        found = []
        name = f"dclab {' '.join(self.command[:2])}"
        if "Traceback" in self.err or self.error.get("code") == "unexpected":
            found.append(f"{name}: {self.cause or self.err.strip()[-200:]}{self._traceback()}")
        if self.code not in EXIT_CODES:
            found.append(f"{name} ended with {self.code}")
        elif "--json" in self.command and not self.envelope:
            found.append(f"{name} printed no document ({self.err.strip()[-120:]})")
        elif self.code and "--json" in self.command and not self.cause:
            found.append(f"{name} failed without a cause")
        return found

    def _traceback(self) -> str:
        """The end of the traceback that the error has put into a file."""
        file = re.search(r"(/\S+\.log)", self.error.get("why") or "")
        with contextlib.suppress(OSError):
            return "\n" + Path(file[1]).read_text()[-700:] if file else ""
        return ""


def tell(*command: str) -> Said:
    """Run a command line in this process, for what is asked often: half a second of imports less."""
    from dclab.cli import run

    out, err = io.StringIO(), io.StringIO()
    begin = time.monotonic()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(command)
    if code == INTERRUPTED:  # the campaign itself was
        raise KeyboardInterrupt
    return Said(command, code, out.getvalue(), err.getvalue(), begin, time.monotonic())


class Command:
    """A command line under way in a process of its own; what it prints goes to files."""

    def __init__(
        self,
        folder: Path,
        prints: Path,
        *command: str,
        env: Mapping[str, str] | None = None,
        program: Sequence[str] = COMMAND,
        stdout: Path | None = None,
    ) -> None:
        """Start it.

        Args:
            folder: in which it works.
            prints: folder for what it prints, away from disks that may be full.
            command: its words, without `dclab`.
            env: over the campaign's own environment.
            program: what is dclab.
            stdout: what it prints to instead, such as /dev/full.
        """
        self.command = command
        number = len(list(prints.iterdir()))
        self._out, self._err = prints / f"{number}.out", prints / f"{number}.err"
        self.begin = time.monotonic()
        self._out.touch()
        with (stdout or self._out).open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [*program, *command],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT), **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,  # the campaign's own Ctrl-C is not theirs
            )

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    @property
    def progress(self) -> str:
        """What it has printed on standard error so far."""
        return self._err.read_text(errors="replace")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self.running:
            self.process.send_signal(number)

    def end(self, seconds: float) -> Said:
        """Wait for its end; one that does not end is killed, with exit code -9."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return Said(
            self.command,
            self.process.returncode,
            self._out.read_text(errors="replace"),
            self._err.read_text(errors="replace"),
            self.begin,
            time.monotonic(),
        )


def heed_signals() -> None:
    """End in order at any of these signals; a shell may have had them ignored, and then every command would, too."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
