"""Detect that an autoscaler has settled after the load, and has really looked again since."""

from __future__ import annotations

import time

from dclab.experiments.autoscale_watch import AutoscaleWatch
from dclab.results import Caveat, TimelinePoint

__all__ = ["until_rest"]

RECOVERY_SECONDS = 150.0
"""For an autoscaler to look again after a gap, at the longest; its readings then change, unless there is nothing to see."""

REST_TIMEOUT = 600.0
"""Seconds of the autoscaler's clock after the load within which it must reach its steady state, beside two of its windows."""


def until_rest(watch: AutoscaleWatch) -> bool:
    """Follow until desired is unchanged for the longer stabilization window and two syncs; return whether it came to that.

    After a gap that time begins again, once the autoscaler is seen to look again: nobody knows what it wanted meanwhile, and
    one whose controller is still away wants nothing else, either.
    """
    lab = watch.lab
    window = watch.candidate.window / lab.clock_speed
    quiet = window + 2 * lab.sync_seconds
    begin = changed = time.monotonic()
    timeout = REST_TIMEOUT / lab.clock_speed + 2 * window
    desired = watch.point("after-load").desired
    unseen: TimelinePoint | None = None
    while unseen or time.monotonic() < changed + quiet:
        time.sleep(watch.tick)
        point = watch.point("after-load")
        if watch.gap:
            unseen = point
        elif unseen and (point.metrics != unseen.metrics or point.t > unseen.t + RECOVERY_SECONDS):
            unseen = None
            changed = time.monotonic()
        if point.desired != desired or watch.gap:
            desired, changed = point.desired, time.monotonic()
        if time.monotonic() > begin + timeout:
            watch.observer.caveat(
                Caveat(
                    code="not-at-rest",
                    message=f"The autoscaler had not settled {time.monotonic() - begin:.0f} s after the end of the load.",
                    hint="Its timeline is complete up to then.",
                )
            )
            return False
    return True
