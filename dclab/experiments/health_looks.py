"""Looking at a deployment's replicas again and again, and keeping what is seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from dclab.errors import TimedOut
from dclab.experiments.observer import Observer
from dclab.lab import Lab
from dclab.results import HealthLook

__all__ = ["ROLLOUT_SECONDS", "Looks", "Phase"]

TICK_SECONDS = 0.4
"""Between two looks."""
ROLLOUT_SECONDS = 90.0
"""For replicas to get ready, or to go."""

Phase = Literal["tcp", "rollout", "http", "back", "before", "bad image", "undo", "after", "heal"]


@dataclass
class Looks:
    """The looks so far. Each goes into `raw/<part>.jsonl`, and what all of them come to into that part of the results."""

    lab: Lab
    target: str
    part: Literal["probes", "rollout"]
    observer: Observer
    result: Callable[[list[HealthLook]], Any]
    """Makes the part of the results."""
    begin: float = field(default_factory=time.monotonic)
    taken: list[HealthLook] = field(default_factory=list)

    def look(self, phase: Phase) -> HealthLook:
        """Take one."""
        found = HealthLook(
            t=time.monotonic() - self.begin,
            phase=phase,
            replicas=tuple(self.lab.health(self.target)),
            hashes=self.lab.counter().hashes,
        )
        self.taken.append(found)
        self.observer.raw(self.part, [found])
        self.observer.record(**{self.part: self.result(self.taken)})
        self.observer.step(self._line(found))
        return found

    def follow(self, phase: Phase, seconds: float) -> None:
        """Look for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look(phase)
            time.sleep(TICK_SECONDS)
        self.look(phase)

    def until(self, phase: Phase, whole: Callable[[HealthLook], bool]) -> None:
        """Look until something is so; TimedOut after ROLLOUT_SECONDS."""
        end = time.monotonic() + ROLLOUT_SECONDS
        while not whole(self.look(phase)):
            if time.monotonic() > end:
                raise TimedOut(
                    f"The replicas of {self.target} are not as they should be after {ROLLOUT_SECONDS:g} s.",
                    self.lab.trouble(self.target) or "They started, but did not get ready.",
                    f"See `dclab logs {self.target}`.",
                )
            time.sleep(TICK_SECONDS)

    def _line(self, look: HealthLook) -> str:
        restarts = sum(one.restarts for one in look.replicas)
        first = {"probes": "probe", "rollout": "rollout"}[self.part]
        counts = f"{look.in_service} of {len(look.replicas)} {self.target} in service, {restarts} restarts"
        return f"{first} ({look.phase}) {look.t:.0f} s: {counts}"
