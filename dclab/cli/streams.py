"""Standard output and error as they come: closed, in any encoding, with or without a reader."""

from __future__ import annotations

import contextlib
import os
import sys

__all__ = ["flush_for_good", "open_streams"]


def open_streams() -> None:
    """Make standard output and error take any text: replace closed ones by /dev/null, and what an encoding lacks by `?`."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def flush_for_good() -> None:
    """Flush both; where one takes no more, see that Python does not complain of it at exit, with an exit code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
