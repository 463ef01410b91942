"""A window of counter readings in which the rate did not change, as long as what is wanted of it needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from dclab.experiments.readings import Readings
from dclab.lab import Counter
from dclab.measure.changes import RateChanged, find_change
from dclab.measure.counter_clock import CounterStill, check_rising
from dclab.measure.rate import TooShort, anonymous_rate
from dclab.measure.system import System
from dclab.results import Caveat, Rate

__all__ = ["OFTEN_SECONDS", "STILL_SECONDS", "Enough", "Window", "known_well", "looks", "sample_on", "sample_window"]

OFTEN_SECONDS = 0.02
"""Between two readings where nobody tells who reported: each moment of a jump is in doubt by this."""

WANTED = 0.02
"""A rate is known well at ±2 %."""
FIRST_LOOK_SECONDS = 3.5
GROWTH = 1.3
"""A window that does not tell enough goes on until it is so many times as long."""
STILL_SECONDS = 10.0
"""After this long without a hash there is none to wait for: a worker reports about once a second."""
MOST_CHANGES = 3
"""A rate that changes more often within a window is none."""

Enough = Callable[[Rate], bool]


class Window(NamedTuple):
    """The result of a window."""

    rate: Rate
    samples: list[Counter]


def known_well(rate: Rate) -> bool:
    """Whether a rate is known to WANTED: what a window is for where nothing else is wanted of it."""
    return rate.relative_half_width <= WANTED


def looks(longest: float) -> Iterator[float]:
    """Yield the lengths in seconds at which a window may end, up to the longest.

    They are fixed beforehand, and few: the tests hold the interval to this rule.
    """
    at = FIRST_LOOK_SECONDS
    while at < longest / 1.1:
        yield at
        at *= GROWTH
    yield longest


def sample_window(
    read: Callable[[], Counter],
    longest: float,
    *,
    system: System | None = None,
    enough: Enough = known_well,
    caveat: Callable[[Caveat], None] = lambda _: None,
    samples: list[Counter] | None = None,
    busy: Callable[[], float] = lambda: 0.0,
) -> Window:
    """Read the counter until the rate is known well enough, at most `longest` seconds, and tell nobody apart.

    Where the rate changes within the window, a new one begins there, and a caveat says so. Where the counter's clock has
    only whole seconds, the readings are given the times at which they arrived.

    Args:
        read: reads the counter.
        longest: seconds.
        system: workers, rngs and load balancing, where they are known.
        enough: whether the rate so far will do.
        caveat: takes what is to be said of the window.
        samples: takes the readings, also where an error ends the window.
        busy: says which share of the lab's processors' time was used so far, where that is known.

    Raises:
        CounterReset, ClockStepped: the window is lost.
        CounterStill: the counter does not rise, or has stopped.
        RateChanged: the rate changed again and again.
    """
    samples = [] if samples is None else samples
    readings = Readings(read, OFTEN_SECONDS, samples=samples)
    try:
        return sample_on(readings, longest, system, enough, caveat, busy)
    finally:
        samples[:] = readings.timed()


def sample_on(
    readings: Readings,
    longest: float,
    system: System | None,
    enough: Enough,
    caveat: Callable[[Caveat], None],
    busy: Callable[[], float],
) -> Window:
    """Measure by the counter alone, from the last change of the rate on."""
    end = time.monotonic() + longest - readings.seconds
    for changes in range(MOST_CHANGES + 1):
        left = end - (readings.arrived[0] if readings.arrived else time.monotonic())
        try:
            return _steady(readings, max(FIRST_LOOK_SECONDS, left), system, enough, busy)
        except RateChanged as change:
            if changes == MOST_CHANGES:
                raise
            caveat(Caveat(code=change.code, message=change.what, hint="The figures are those since then."))
            readings.drop_before(change.t)
    raise AssertionError


def _steady(
    readings: Readings, longest: float, system: System | None, enough: Enough, busy: Callable[[], float]
) -> Window:
    found = None
    for look in looks(longest):
        readings.until(look)
        timed = readings.timed()
        try:
            check_rising(timed)
        except CounterStill:
            if look >= min(longest, STILL_SECONDS):
                raise
            continue
        change = find_change(timed)
        if change is not None:
            raise change
        try:
            found = anonymous_rate(timed, system, busy=busy())
        except TooShort:
            if look >= longest:
                raise
            continue
        if enough(found):
            return Window(found, timed)
    assert found is not None
    return Window(replace(found, on_cap=True), timed)
