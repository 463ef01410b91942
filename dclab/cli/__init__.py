"""The command line: one file a verb, which parses, calls, and returns one result."""

from __future__ import annotations

import signal
from collections.abc import Sequence

__all__ = ["main", "run"]


def main() -> None:
    """Run the command line of this process and exit.

    A Ctrl-C that comes during the imports is kept for the one handler that answers it.
    """
    early: list[int] = []
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as a shell's background job has it
        signal.signal(signal.SIGINT, lambda number, _: early.append(number))
    from dclab.cli.app import start

    start(early)


def run(arguments: Sequence[str]) -> int:
    """Run one command line, without `dclab` itself, in this process; return its exit code."""
    from dclab.cli.app import run as in_process

    return in_process(arguments)
