"""What the controller remembers from pass to pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from dclab.autoscaler.spec import AutoscalerSpec
from dclab.results import Condition

__all__ = ["History", "Timed", "remember"]


class Timed(NamedTuple):
    """A recommendation, or a change of the replica count, with its time in seconds."""

    at: float
    value: int


@dataclass(frozen=True, kw_only=True)
class History:
    """Recommendations, changes of the replica count, and conditions of an autoscaler."""

    recommendations: tuple[Timed, ...] = ()
    """What the metrics asked for, before windows and limits."""
    ups: tuple[Timed, ...] = ()
    """Replicas added."""
    downs: tuple[Timed, ...] = ()
    """Replicas removed, as positive numbers."""
    conditions: tuple[Condition, ...] = ()
    """As they stand in the status; a pass changes some of them and leaves the others."""

    def changed(self, spec: AutoscalerSpec, before: int, after: int, now: float) -> History:
        """Return the history with a change of the replica count (storeScaleEvent of horizontal.go).

        Without `behavior` no change is remembered, since no policy asks for it.
        """
        if spec.behavior is None:
            return self
        if after > before:
            return replace(self, ups=remember(self.ups, after - before, spec.behavior.up.longest_period, now))
        return replace(self, downs=remember(self.downs, before - after, spec.behavior.down.longest_period, now))


def remember(records: Sequence[Timed], value: int, window: float, now: float) -> tuple[Timed, ...]:
    """Return the records with a new one, which takes the place of the last one that is older than the window.

    Others that are as old stay: the other direction's policies may have longer periods.
    """
    new = Timed(now, value)
    old = [index for index, one in enumerate(records) if one.at < now - window]
    if not old:
        return (*records, new)
    return (*records[: old[-1]], new, *records[old[-1] + 1 :])
