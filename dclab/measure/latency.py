"""Summaries of latencies, and the histogram in which each keeps its whole distribution."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from dclab.errors import LabLost
from dclab.lab import ProbeSample
from dclab.measure.mean import mean_interval, mean_of_known
from dclab.results import LatencySummary

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

__all__ = ["percentile", "read_histogram", "summarise"]

LONGEST_MICROSECONDS = 3_600_000_000
DIGITS = 3
LARGEST_HISTOGRAM = 1_000_000
"""Bytes, unpacked: ours has some 40 000 counts at most."""


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the value of the nearest rank: the smallest one that at least so many percent do not exceed.

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
    sure = mean_interval(times)
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
        mean_ci95=(sure.low, sure.high) if sure else None,
    )


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
