"""Warnings of an autoscaler's run, each once: trouble that lasts longer than replicas and readings usually take."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from dclab.experiments.explain_autoscale import never_known, why_unknown
from dclab.experiments.observer import Observer
from dclab.lab import Lab
from dclab.results import Caveat, Condition

__all__ = ["TroubleWatch"]

PATIENCE_SECONDS = 40.0
"""Of the autoscaler's clock: more than two of its passes."""


class TroubleWatch:
    """Looks at each point of a run for a metric that stays unknown, replicas that stay unready and workers that changed."""

    def __init__(self, lab: Lab, target: str, observer: Observer, run: str = "") -> None:
        """Watch a target; `run` names the run where there are several."""
        self._prefix = f"{run}: " if run else ""
        self._lab = lab
        self._target = target
        self._observer = observer
        self._since: dict[str, float] = {}
        """Since when there has been trouble, by the code of its caveat; infinity once it has been told."""

    def look(
        self, t: float, *, ready: int, desired: int, workers: int | None, conditions: Sequence[Condition] = ()
    ) -> None:
        """Tell what has lasted too long, or is certain to stay.

        Args:
            t: seconds of real time, from any origin.
            ready: replicas of the target.
            desired: the same.
            workers: how many there are meant to be; None while they are being scaled.
            conditions: of the autoscaler.
        """
        unready = ready < desired
        self._tell(t, "metric-unknown", lambda: why_unknown(conditions), at_once=never_known(conditions))
        self._tell(t, "unready", lambda: self._unready(ready, desired) if unready else None)
        self._tell(t, "rescaled", lambda: None if workers is None else self._rescaled(workers))

    def _tell(self, t: float, code: str, find: Callable[[], Caveat | None], *, at_once: bool = False) -> None:
        found = find()
        since = self._since.setdefault(code, t)
        if found is None:
            self._since[code] = max(since, t)
        elif since < math.inf and (at_once or t - since > PATIENCE_SECONDS / self._lab.clock_speed):
            self._since[code] = math.inf
            self._observer.caveat(replace(found, message=self._prefix + found.message))

    def _unready(self, ready: int, desired: int) -> Caveat:
        why = self._lab.trouble(self._target) or "The others have started but are not ready yet."
        return Caveat(
            code="unready",
            message=f"Only {ready} of {desired} replicas of {self._target} are ready. {why}",
            hint="The figures are those of the ready replicas.",
        )

    def _rescaled(self, wanted: int) -> Caveat | None:
        workers = self._lab.replicas("worker").desired
        if workers == wanted:
            return None
        return Caveat(
            code="rescaled",
            message=f"Something else scaled worker from {wanted} to {workers} while the autoscaler was watched.",
            hint="Its rates and latencies are not those of one number of workers. Repeat it while nothing else changes the lab.",
        )
