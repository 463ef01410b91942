"""Reports of a worker, read from what it prints: the same in every engine, for our worker and for the original.

A worker prints the units that it is about to add to the counter about once a second, just before its INCRBY, and ours
what it has added when it leaves. The time of a report is that of its line, some tenths of a millisecond before (or,
when it leaves, after) the counter rises.

Wording of the original: https://github.com/jpetazzo/container.training, dockercoins/worker/worker.py.
"""

from __future__ import annotations

import re

from dclab.lab import WorkerReport

__all__ = ["WorkerLog"]

_ADDED = re.compile(
    r"\b(?P<at_work>\d{1,9}) units of work done, updating hash counter\b"
    r"|\bLeaving; (?P<leaving>\d{1,9}) units added to the hash counter\b"
)

_NOT_ADDED = re.compile("incrby", re.IGNORECASE)
"""In our worker's sentence, and in the original's traceback, where Redis did not take a report."""


class WorkerLog:
    """What one worker has printed so far, line by line in order of time."""

    def __init__(self, worker: str) -> None:
        self.worker = worker
        self.last: WorkerReport | None = None
        """The report that the next lines may take back; None before the first, or once it was taken back."""
        self.found = False
        """Whether there was a report, also one that was taken back: the wording is known."""

    def read(self, t: float, line: str) -> WorkerReport | None:
        """Return the report that a line is, printed at `t` in unix seconds; None for any other line."""
        found = _ADDED.search(line)
        if found is None:
            return None
        self.found = True
        self.last = WorkerReport(self.worker, t, int(found["at_work"] or found["leaving"]))
        return self.last

    def taken_back(self, line: str) -> WorkerReport | None:
        """Return the report that a line takes back, since Redis did not take it; None for any other line."""
        if self.last is None or _NOT_ADDED.search(line) is None:
            return None
        taken, self.last = self.last, None
        return taken
