"""The interface of the supervisor that replicas use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from dclab.engines.embedded.guard import Guard

__all__ = ["ReplicaHost"]


class ReplicaHost(Protocol):
    """What a replica needs to know of the lab that it belongs to."""

    folder: Path
    place: Path
    """For what may grow."""
    guard: Guard

    def service_ports(self) -> Mapping[str, int]:
        """Port of every service."""

    def changed(self) -> None:
        """Have desired and alive compared now, and the data path told."""

    async def publish(self) -> None:
        """Tell the data path which replicas are ready; returns once it knows, or is not there to be told."""

    def say(self, message: str) -> None:
        """Write a line to the supervisor's log."""

    def listener(self, deployment: str, replica: str) -> Callable[[float, str], None] | None:
        """Return what takes each line that a replica prints, after the unix seconds at which it came; None if nothing."""
