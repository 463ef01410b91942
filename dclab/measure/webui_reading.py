"""What a person reads from the web UI: the last second's difference, and the figure that shows most often."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from dclab.lab import Counter

__all__ = ["most_frequent", "webui_readings"]


def webui_readings(samples: Sequence[Counter]) -> tuple[float, ...]:
    """What the page would have shown at each second of the window, from readings taken more often.

    Of the samples those nearest to whole seconds are used, with their own times, as the page uses its own.
    """
    if not samples:
        return ()
    begin, end = samples[0].t, samples[-1].t
    seconds = range(int((end - begin) + 0.5) + 1)
    chosen = [_nearest(samples, begin + second) for second in seconds]
    return tuple((b.hashes - a.hashes) / (b.t - a.t) for a, b in pairwise(chosen) if b.t > a.t)


def _nearest(samples: Sequence[Counter], t: float) -> Counter:
    return min(samples, key=lambda one: abs(one.t - t))


def most_frequent(readings: Sequence[float]) -> float:
    """The whole number seen most often; of several, one that is not 0, and nearest to the mean. 0 without readings.

    A short window may hold as many zeros, between a worker's reports, as reports; nobody writes down a zero.
    """
    if not readings:
        return 0.0
    tally = Tally(round(one) for one in readings)
    mean = fmean(readings)
    return float(min(tally, key=lambda value: (-tally[value], value == 0, abs(value - mean))))
