"""Summaries of latencies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from dclab.errors import LabLost
from dclab.lab import ProbeSample
from dclab.results import LatencySummary

__all__ = ["percentile", "summarise"]

LONGEST_MICROSECONDS = 3_600_000_000
DIGITS = 3


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Nearest rank: the smallest value that at least so many percent do not exceed.

    Definition 1 of R. J. Hyndman and Y. Fan, The American Statistician 50 (1996); HdrHistogram's, too.
    """
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def summarise(samples: Sequence[ProbeSample], rate: float | None = None) -> LatencySummary:
    """Summary of the successful ones, with the whole distribution; LabLost when there is none.

    `rate` is the open loop's that they come from, or None.
    """
    from hdrh.histogram import HdrHistogram

    times = sorted(one.total_ms for one in samples if one.total_ms is not None)
    if not times:
        reasons = sorted({one.error or "no answer" for one in samples})
        raise LabLost("No probe was answered.", f"Errors: {', '.join(reasons)}.", "See `dclab status`.")
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
        connect=_mean([one.connect_ms for one in samples]),
        first_byte=_mean([one.first_byte_ms for one in samples]),
        rate=rate,
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return fmean(known) if known else None
