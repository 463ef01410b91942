"""Whether an autoscaler has settled at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence

from dclab.autoscaler import AutoscalerSpec, ControllerSettings
from dclab.results import ElasticPoint

__all__ = ["LEAST_SECONDS", "longest_window", "settled"]

LEAST_SECONDS = 120.0
"""Eight of the autoscaler's passes: what does not change for so short a time may have a window of 0."""


def longest_window(spec: AutoscalerSpec) -> float:
    """Return the longer of an autoscaler's stabilization windows in seconds."""
    if spec.behavior is None:
        return ControllerSettings().downscale_stabilization_seconds
    return max(spec.behavior.up.window_seconds, spec.behavior.down.window_seconds)


def settled(
    timeline: Sequence[ElasticPoint], spec: AutoscalerSpec, seconds: float, since: float
) -> tuple[bool | None, int | None]:
    """Return whether desired stayed the same over the last two of its longer windows, and at how many replicas.

    Args:
        timeline: of the run.
        spec: the autoscaler.
        seconds: length of the run.
        since: when demand changed for the last time.

    Returns:
        (None, None) where that is too short ago to tell.
    """
    quiet = max(LEAST_SECONDS, 2 * longest_window(spec))
    if seconds - since < quiet or not timeline:
        return None, None
    last = [one.desired for one in timeline if one.t >= seconds - quiet]
    if not last:
        return None, None
    return (True, last[0]) if len(set(last)) == 1 else (False, None)
