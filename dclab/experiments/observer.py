"""What an experiment reports while it runs: progress for the screen, data for the run's folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from dclab.results import Caveat

__all__ = ["Observer"]


class Observer(Protocol):
    """Receives an experiment's progress, raw data and results."""

    def step(self, text: str) -> None:
        """What is being done now, in a few words."""

    def caveat(self, caveat: Caveat) -> None:
        """Something about the measurement itself that the reader must know."""

    def record(self, **parts: Any) -> None:
        """Parts of the results by their names in `Results`, as far as they are known."""

    def raw(self, name: str, rows: Iterable[Any]) -> None:
        """Raw samples, to be added to the file of that name."""

    def picture(self, name: str, png: bytes) -> None:
        """A picture that only a live lab can give, such as of Prometheus' own page."""
