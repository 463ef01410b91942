"""Standard output and error as they are given to us: closed, in any encoding, with or without a reader."""

from __future__ import annotations

import contextlib
import os
import sys

__all__ = ["flush_for_good", "open_streams"]


def open_streams() -> None:
    """Make standard output and error take any text: closed ones lead nowhere, other encodings show `?`."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def flush_for_good() -> None:
    """Flush standard output; where it takes no more, see that Python does not complain of it at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
