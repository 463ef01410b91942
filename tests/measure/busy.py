"""Processors kept busy for a while, as by another user of the machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

__all__ = ["busy"]

SCRIPT = "import sys, time\nend = time.monotonic() + float(sys.argv[1])\nwhile time.monotonic() < end: pass"


@contextlib.contextmanager
def busy(seconds: float, processes: int = 0) -> Iterator[None]:
    """Keep so many processors busy (0: all of them) while it is entered, and for `seconds` at most."""
    running = [
        subprocess.Popen([sys.executable, "-c", SCRIPT, str(seconds)], stdin=subprocess.DEVNULL)
        for _ in range(processes or os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()
