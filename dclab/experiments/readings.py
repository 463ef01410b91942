"""Readings of the hash counter at irregular moments, each with when it arrived here."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dclab.lab import Counter
from dclab.measure.counter_clock import check_clock, check_counter, on_one_clock, whole_seconds

__all__ = ["Readings"]

JITTER = 0.5
"""Share by which the times between readings vary, or these could march in step with the workers."""


@dataclass
class Readings:
    """Counter readings as they come, with when they arrived here on a clock that nobody sets."""

    read: Callable[[], Counter]
    every: float
    samples: list[Counter] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    _due: float | None = None
    _coarse: bool = True

    @property
    def seconds(self) -> float:
        """Since the first reading."""
        return self.arrived[-1] - self.arrived[0] if self.arrived else 0.0

    def until(self, seconds: float) -> None:
        """Read until the window is so long. ClockStepped, CounterReset: it is lost."""
        while self.seconds < seconds:
            self._wait()
            self.samples.append(self.read())
            self.arrived.append(time.monotonic())
            self._coarse = self._coarse and whole_seconds(self.samples[-1:])
            if not self._coarse:
                check_clock(self.samples[-2:], self.arrived[-2:])
            check_counter(self.samples[-2:])

    def _wait(self) -> None:
        now = time.monotonic()
        if self._due is None or self._due < now - self.every:  # held up: do not make up for it in a burst
            self._due = now
        time.sleep(max(0.0, self._due - now))
        self._due += self.every * random.uniform(1 - JITTER, 1 + JITTER)

    def timed(self) -> list[Counter]:
        """The readings with times to measure by."""
        return on_one_clock(self.samples, self.arrived)

    def drop_before(self, t: float) -> None:
        """Begin the window again at this time of the readings' clock."""
        first = next(index for index, one in enumerate(self.timed()) if one.t >= t)
        del self.samples[:first], self.arrived[:first]
