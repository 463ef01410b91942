"""The 95 % interval of a rate: errors of timing, the process' own wander, and what this machine adds to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from dclab.measure.cpu_times import BUSY_SHARE
from dclab.measure.moments import variance
from dclab.measure.student import t_quantile, upper_tail_of_f
from dclab.measure.system import System
from dclab.measure.wander import PartsVariance, Wander, wander
from dclab.results import Rate

__all__ = ["BUSY_DRIFT", "DRIFT", "expected_half_width", "rate_with_interval"]

DRIFT = 0.0015
"""By how much, as a share, an ordinary machine is faster or slower in one window than in the long run (standard
deviation; the quiet machine of reports/sample-embedded: 0.1 to 0.2 %)."""

BUSY_DRIFT = 0.003
"""The same of a machine that is busy (`tests.measure.truth --busy`: 0.28 %, both processors kept busy)."""

UNLIKELY = 0.05
"""Parts that differ so much in fewer windows than this are taken for the machine's doing, and widen the interval."""
UNSTABLE = 0.001
UNSTABLE_HALF_WIDTH = 0.02
"""The user is told where it is this improbable and has made the interval so wide."""

TOO_STEADY = 0.01
"""Of several systems that are possible, one whose parts would differ as little so rarely is not the one."""

SURE_OF_SIMULATION = 200.0
"""Degrees of freedom of the simulated variance: some hundred independent windows."""

NOT_SO_FAST = 1.15
"""A rate this far above the simulated one is not of one request at a time: rng has threads, or is another program."""

NORMAL = 2.05
"""A little more than 1.96: the errors it multiplies are themselves estimates."""


def _fitting(system: System, mean: float) -> tuple[Wander, float]:
    """Return the wander of a system at the rate that was measured, and how many times faster it is than simulated.

    The service times are those that were measured: wander is simulated with the usual ones, and time is scaled.
    """
    found = wander(system)
    if mean > NOT_SO_FAST * found.rate and system.threads == 1:
        found = wander(replace(system, threads=max(2, system.workers)))
    return found, mean / found.rate


def expected_half_width(system: System, mean: float, seconds: float) -> float:
    """Return the relative half width that a window of this length has on a machine that adds nothing."""
    found, speed = _fitting(system, mean)
    return math.hypot(found.half_width(seconds * speed), NORMAL * DRIFT)


def _upper_tail(observed: float, process: PartsVariance, timing: float, drift: float, count: int) -> float:
    """How probable it is that the parts of a window differ as much as observed, or more.

    The variance of the process' own parts is no chi-squared one: long queues come and go. Its degrees of freedom are those
    that its own variance shows (F. E. Satterthwaite, Biometrics Bulletin 2, 1946).
    """
    # A part's edges are misjudged as the window's are; neighbours share one, with opposite signs.
    noise = 1.5 * timing**2 + drift**2
    expected = process.mean + noise
    freedom = 2 * expected**2 / (process.variance + 2 * noise**2 / (count - 1))
    freedom = max(0.5, min(count - 1.0, freedom)) if math.isfinite(freedom) else count - 1.0
    found = upper_tail_of_f(observed / expected, freedom, SURE_OF_SIMULATION)
    return max(found, UNLIKELY) if observed <= process.rare + noise else found


def rate_with_interval(
    mean: float, parts: Sequence[float], seconds: float, systems: Sequence[System], off: float, busy: float = 0.0
) -> Rate:
    """Return the rate of a window with its interval.

    The parts' variance is compared with that of the simulated process by an F test. Where it is improbably large, this
    machine wanders more than the process, and the interval is that of the parts, by Student's t.

    Args:
        mean: hashes per second over the whole window.
        parts: the same in equal parts of the window, two or more.
        seconds: length of the window.
        systems: workers, rngs, threads and load balancing; several where it is not known which of them it is, and the
            one that wanders most of those that the parts do not rule out is assumed. Their times do not matter.
        off: standard deviation of the units by which the window's ends are misjudged.
        busy: share of the lab's processors' time that was used meanwhile; a busy machine wanders more.
    """
    drift = BUSY_DRIFT if busy > BUSY_SHARE else DRIFT
    count = len(parts)
    timing = off / (mean * seconds)
    observed = variance(parts) / mean**2
    possible, smallest = [], math.inf
    for system in systems:
        found, speed = _fitting(system, mean)
        half = math.hypot(found.half_width(seconds * speed), NORMAL * drift, NORMAL * timing)
        above = _upper_tail(observed, found.variance_of_parts(seconds * speed, count), timing * count, drift, count)
        smallest = min(smallest, half)
        if above < 1 - TOO_STEADY:
            possible.append((half, above))
    half, above = max(possible, default=(smallest, 1.0))
    unstable = False
    if above < UNLIKELY:
        half = max(half, t_quantile(count - 1) * math.sqrt(observed / count))
        unstable = above < UNSTABLE and half > UNSTABLE_HALF_WIDTH
    return Rate(
        mean=mean, ci95_low=max(0.0, mean * (1 - half)), ci95_high=mean * (1 + half), seconds=seconds, unstable=unstable
    )
