"""Summaries of latencies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from dclab.errors import LabLost
from dclab.lab import ProbeSample
from dclab.measure.mean import mean_of_known
from dclab.results import LatencySummary

__all__ = ["percentile", "summarise"]

LONGEST_MICROSECONDS = 3_600_000_000
DIGITS = 3


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Nearest rank: the smallest value that at least so many percent do not exceed.

    Definition 1 of R. J. Hyndman and Y. Fan, The American Statistician 50 (1996); HdrHistogram's, too.
    """
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def summarise(samples: Sequence[ProbeSample], rate: float | None = None, *, hint: str = "") -> LatencySummary:
    """Return the summary of the successful ones, with the whole distribution.

    Args:
        samples: successful ones and failed ones.
        rate: of the open loop that they come from; None for a closed loop.
        hint: what to do when none was successful.

    Raises:
        LabLost: none was successful.
    """
    from hdrh.histogram import HdrHistogram

    times = sorted(one.total_ms for one in samples if one.total_ms is not None)
    if not times:
        reasons = sorted({one.error or "no answer" for one in samples})
        raise LabLost("No probe was answered.", f"Errors: {', '.join(reasons)}.", hint)
    histogram = HdrHistogram(1, LONGEST_MICROSECONDS, DIGITS)
    for one in times:
        histogram.record_value(max(1, round(1000 * one)))
    return LatencySummary(
        min=times[0],
        mean=fmean(times),
        p50=percentile(times, 50),
        p95=percentile(times, 95),
        p99=percentile(times, 99),
        max=times[-1],
        count=len(times),
        errors=len(samples) - len(times),
        histogram=histogram.encode().decode(),
        connect=mean_of_known([one.connect_ms for one in samples]),
        first_byte=mean_of_known([one.first_byte_ms for one in samples]),
        rate=rate,
    )
