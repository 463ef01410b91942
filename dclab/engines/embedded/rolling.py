"""How far a rolling update may go now: the arithmetic of Kubernetes' deployment controller.

Source: pkg/controller/deployment/rolling.go and util/deployment_util.go (NewRSNewReplicas) of
k8s.io/kubernetes. Replicas that are on their way out count there as little as here.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Counts", "Step", "next_step"]


class Counts(NamedTuple):
    """Replicas of the old templates and of the new one, without those that are on their way out."""

    old: int
    old_ready: int
    new: int
    new_ready: int


class Step(NamedTuple):
    """What is to be done now; both may be 0 while the new replicas do not get ready."""

    start: int
    """New replicas."""
    end: int
    """Old replicas, those that are not ready first."""


def next_step(desired: int, surge: int, unavailable: int, counts: Counts) -> Step:
    """Return the step that is allowed now, towards `desired` new replicas and no old one."""
    total = counts.old + counts.new
    start = max(0, min(desired + surge - total, desired - counts.new))
    total += start
    least = desired - unavailable
    waiting = counts.new + start - counts.new_ready
    most = max(0, total - least - waiting)
    broken = min(counts.old - counts.old_ready, most)
    spare = max(0, counts.old_ready + counts.new_ready - least)
    return Step(start, broken + min(counts.old_ready, spare))
