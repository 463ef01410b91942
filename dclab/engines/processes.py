"""Describe a process of this machine to users who have to wait for it."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Sequence
from pathlib import Path

__all__ = ["command_of"]

LONGEST = 60
"""Letters of a command that are shown."""


def command_of(pid: int) -> str:
    """Return such as "`dclab down --name mine` (process 4242)"; without the command where it cannot be known."""
    import psutil

    with contextlib.suppress(psutil.Error, OSError, ValueError, OverflowError):
        if words := psutil.Process(pid).cmdline():
            said = shlex.join(_of_dclab(words))
            return f"`{said[:LONGEST]}{'…' if len(said) > LONGEST else ''}` (process {pid})"
    return f"process {pid}"


def _of_dclab(words: Sequence[str]) -> Sequence[str]:
    """Return a command line from `dclab` on where Python runs it as a program, a module or a text."""
    for index, word in enumerate(words[:-1]):
        if Path(word).name == "dclab" or (Path(word).name == "__main__.py" and Path(word).parent.name == "dclab"):
            return ["dclab", *words[index + 1 :]]
        if word == "-c" and "dclab" in words[index + 1]:
            return ["dclab", *words[index + 2 :]]
    return words
