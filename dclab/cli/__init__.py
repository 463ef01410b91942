"""The command line: one file a verb, which parses, calls, and returns one result."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main", "run"]


def main() -> None:
    """Run the command line of this process and exit."""
    from dclab.cli.interrupts import remember

    early = remember()
    from dclab.cli.app import start

    start(early)


def run(arguments: Sequence[str]) -> int:
    """Run one command line, without `dclab` itself, in this process; return its exit code."""
    from dclab.cli.app import run as in_process

    return in_process(arguments)
