"""Summaries of latencies, and the histogram in which each keeps its whole distribution."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from dclab.errors import LabLost
from dclab.lab import ProbeSample
from dclab.measure.mean import mean_interval, mean_of_known
from dclab.results import LatencySummary

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

__all__ = [
    "PERCENTILES",
    "Shown",
    "carried_percentiles",
    "median_interval",
    "percentile",
    "read_histogram",
    "shown_figures",
    "summarise",
]

PERCENTILES = {"p50": 50, "p95": 95, "p99": 99}
CONFIDENCE = 0.95

LONGEST_MICROSECONDS = 3_600_000_000
DIGITS = 3
LARGEST_HISTOGRAM = 1_000_000
"""Bytes, unpacked: ours has some 40 000 counts at most."""


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the value of the nearest rank: the smallest one that at least so many percent do not exceed.

    Definition 1 of R. J. Hyndman and Y. Fan, The American Statistician 50 (1996); HdrHistogram's, too.
    """
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def carried_percentiles(requests: int) -> tuple[str, ...]:
    """Return the percentiles of which so many requests give a distribution-free upper confidence bound.

    The largest of n values is above the p-th percentile with probability 1 - p^n (G. J. Hahn and W. Q. Meeker,
    Statistical Intervals, 1991): 95 % from 5 requests for p50, from 59 for p95, from 299 for p99.
    """
    return tuple(name for name, percent in PERCENTILES.items() if 1 - (percent / 100) ** requests >= CONFIDENCE)


def median_interval(ordered: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % confidence interval of the median; None for fewer than 6 values, which give none.

    Between two order statistics as far from the ends as the binomial distribution allows, whatever the distribution.
    """
    n = len(ordered)
    tail, below = 0.0, 0
    while below < n // 2:
        tail += math.exp(math.lgamma(n + 1) - math.lgamma(below + 1) - math.lgamma(n - below + 1) - n * math.log(2))
        if 2 * tail > 1 - CONFIDENCE:
            break
        below += 1
    return (ordered[below - 1], ordered[n - below]) if below else None


def summarise(samples: Sequence[ProbeSample], rate: float | None = None, *, hint: str = "") -> LatencySummary:
    """Return the summary of the answered ones and of those that timed out, with the whole distribution of the former.

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
    sure = mean_interval(times)
    histogram = HdrHistogram(1, LONGEST_MICROSECONDS, DIGITS)
    for one in times:
        histogram.record_value(max(1, round(1000 * one)))
    gave_up = [one.gave_up_ms for one in samples if one.total_ms is None and one.gave_up_ms is not None]
    ordered = sorted([*times, *gave_up])
    low, high = median_interval(ordered) or (None, None)
    timeout = min(gave_up, default=None)
    return LatencySummary(
        min=ordered[0],
        mean=fmean(ordered),
        p50=percentile(ordered, 50),
        p95=percentile(ordered, 95),
        p99=percentile(ordered, 99),
        max=ordered[-1],
        count=len(times),
        errors=len(samples) - len(times),
        histogram=histogram.encode().decode(),
        connect=mean_of_known([one.connect_ms for one in samples]),
        first_byte=mean_of_known([one.first_byte_ms for one in samples]),
        rate=rate,
        timeouts=len(gave_up),
        timeout_ms=timeout,
        unsent=sum(not one.sent for one in samples),
        carried=carried_percentiles(len(ordered)),
        p50_ci95_low=low,
        p50_ci95_high=high if high is None or timeout is None or high < timeout else None,
        mean_ci95=(sure.low, sure.high) if sure and not gave_up else None,
    )


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One figure of a summary as a reader may take it, in milliseconds."""

    ms: float
    bound: Literal["", "≥", ">"] = ""
    """Whether the true value is larger: the mean is at least that, a percentile among the timeouts beyond it."""


def shown_figures(one: LatencySummary) -> dict[str, Shown | None]:
    """Return min, mean, p50, p95, p99 and max; None for what the requests do not carry, all of them where there are none."""
    names = ("min", "mean", *PERCENTILES, "max")
    if not one.count:
        return dict.fromkeys(names)
    carried = one.carried if one.carried is not None else carried_percentiles(one.count)
    found: dict[str, Shown | None] = {}
    for name in names:
        ms: float = getattr(one, name)
        if name in PERCENTILES and name not in carried:
            found[name] = None
        elif name == "mean":
            found[name] = Shown(ms=ms, bound="≥" if one.timeouts else "")
        else:
            found[name] = Shown(ms=ms, bound=">" if one.timeout_ms is not None and ms >= one.timeout_ms else "")
    return found


def read_histogram(text: str) -> HdrHistogram:
    """Return a summary's histogram, of microseconds.

    Raises:
        ValueError: it is not in HdrHistogram's base64 form (V2, compressed), or not of dclab's range and digits.
    """
    from hdrh.histogram import HdrHistogram

    try:
        packed = base64.b64decode(text, validate=True)
        # The range says how much memory a histogram takes, so a foreign one is not built.
        head = zlib.decompressobj().decompress(packed[8:], LARGEST_HISTOGRAM + 1)
        *_, digits, lowest, highest, _ = struct.unpack_from(">iiiiqqd", head)
        if len(head) > LARGEST_HISTOGRAM or (lowest, highest, digits) != (1, LONGEST_MICROSECONDS, DIGITS):
            raise ValueError("its range is not that of dclab's histograms")
        return HdrHistogram.decode(text.encode())
    except Exception as error:  # what the decoder makes of damaged bytes is not documented
        raise ValueError(f"it cannot be read ({error})") from error
