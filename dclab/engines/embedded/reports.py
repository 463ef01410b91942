"""The reports of all workers of a lab, kept as they arrive."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from dclab.engines.worker_log import WorkerLog
from dclab.lab import WorkerReport

__all__ = ["Reports"]

KEPT = 100_000
"""Reports, of all workers: more than three hours of ten workers, twenty minutes of a hundred, some 15 MB at most."""


class Reports:
    """Every report since the lab began, also of replicas that are gone, up to `kept` of them."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept: deque[WorkerReport] = deque(maxlen=kept)
        self._dropped: float | None = None
        """When the latest report came that is not kept any more."""

    def of(self, worker: str) -> Callable[[float, str], None]:
        """Return what takes each line of that worker, after the unix seconds at which it came."""
        log = WorkerLog(worker)

        def hear(t: float, line: str) -> None:
            report = log.read(t, line)
            if report is not None:
                self._keep(report)
            elif (taken := log.taken_back(line)) is not None and taken in self._kept:
                self._kept.remove(taken)

        return hear

    def since(self, t: float) -> tuple[WorkerReport, ...] | None:
        """Return the reports from unix second `t` on, in the order of their arrival; None when some are not kept."""
        if self._dropped is not None and self._dropped >= t:
            return None
        return tuple(one for one in self._kept if one.t >= t)

    def _keep(self, report: WorkerReport) -> None:
        if len(self._kept) == self._kept.maxlen:
            self._dropped = self._kept[0].t
        self._kept.append(report)
