"""Demand that moves: steps of workers, and the exercise's siege, one after the other."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["SIEGE_USERS", "Step", "usual_profile"]

SIEGE_USERS = 15
"""As many as the exercise's siege has."""


class Step(NamedTuple):
    """What asks rng for so long."""

    seconds: float
    """On the autoscaler's clock."""
    workers: int
    users: int
    """Of a siege, without think time; 0 for none."""


def usual_profile(workers: int, window: float, users: int = SIEGE_USERS) -> tuple[Step, ...]:
    """Return the demand that autoscalers are compared under.

    From rest to all workers, the exercise's siege of four minutes on top, down to half of the workers, and back to all of
    them for as long as settling can be judged on.

    Args:
        workers: the most of them.
        window: the longest stabilization window of the autoscalers that are compared, in seconds; the last step lasts at least
            two of them, and the whole at least 15 minutes.
        users: of the siege.
    """
    few, half = max(1, workers // 5), max(1, workers // 2)
    return (
        Step(60.0, few, 0),
        Step(180.0, workers, 0),
        Step(240.0, workers, users),
        Step(120.0, half, 0),
        Step(max(300.0, 2 * window + 60.0), workers, 0),
    )
