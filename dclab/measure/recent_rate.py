"""Approximate hashes per second for live views; `dclab.measure.rate` has the exact rate."""

from __future__ import annotations

from collections import deque

from dclab.lab import Counter

__all__ = ["RecentRate"]

SECONDS = 5.0
"""Over this long: a worker adds to the counter about once a second."""


class RecentRate:
    """The counter's last few seconds."""

    def __init__(self) -> None:
        self._readings: deque[Counter] = deque()

    def add(self, reading: Counter) -> float | None:
        """The rate up to this reading; None while there are too few, or when the counter was set back."""
        self._readings.append(reading)
        while len(self._readings) > 2 and reading.t - self._readings[1].t >= SECONDS:
            self._readings.popleft()
        oldest = self._readings[0]
        if reading.t - oldest.t < SECONDS / 2 or reading.hashes < oldest.hashes:
            return None
        return (reading.hashes - oldest.hashes) / (reading.t - oldest.t)

    def restart(self) -> None:
        """Forget the readings so far: what comes is another phase, and no rate is of both."""
        self._readings.clear()
