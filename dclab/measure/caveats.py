"""Warnings about our own measurement: what was seen, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean, median
from typing import NamedTuple

from dclab.lab import ProbeSample, ProbeSpec
from dclab.results import Caveat

__all__ = ["CpuTimes", "machine_caveats", "outliers", "probe_caveats"]

FEWEST = 5
"""Of fewer requests nothing but their own times is known."""

OUTLYING = 14.826
"""Median absolute deviations: ten standard deviations of a normal distribution (hyperfine's outlier_detection.rs)."""

LATE_SHARE = 0.1
"""Of the time between two requests: an open loop that is later than this on average does not keep its rate."""

BUSY_SHARE = 0.85
STEAL_SHARE = 0.05


class CpuTimes(NamedTuple):
    """Seconds of all CPUs together since some moment."""

    total: float
    idle: float
    steal: float
    """Taken by other machines on the same hardware; 0 where the system does not tell."""


def outliers(times: Sequence[float]) -> int:
    """How many lie further from the median than OUTLYING times the median absolute deviation."""
    middle = median(times)
    deviations = [abs(one - middle) for one in times]
    spread = median(deviations)
    return sum(one > OUTLYING * spread for one in deviations) if spread else 0


def probe_caveats(samples: Sequence[ProbeSample], spec: ProbeSpec, what: str) -> Iterator[Caveat]:
    """What the reader must know of a series of probes of `what`."""
    times = [one.total_ms for one in samples if one.total_ms is not None]
    if len(times) < len(samples):
        yield Caveat(
            code="probe-errors",
            message=f"{len(samples) - len(times)} of {len(samples)} requests of {what} failed; they are not timed.",
            hint="See their errors in raw/latency.jsonl, or ask once more.",
        )
    if 0 < len(times) < FEWEST:
        yield Caveat(
            code="few-samples",
            message=f"Only {len(times)} requests of {what} were timed: their percentiles are single requests.",
            hint="Ask for more with --count.",
        )
    if times and (far := outliers(times)):
        yield Caveat(
            code="outliers",
            message=f"{far} of {len(times)} requests of {what} took far longer or shorter than the others.",
            hint="The median says more than the mean here; on a quieter machine measure again.",
        )
    late = [one.late_ms for one in samples if one.total_ms is not None]
    if spec.rate and late and fmean(late) > LATE_SHARE * 1000 / spec.rate:
        yield Caveat(
            code="prober-saturated",
            message=f"The requests of {what} began {fmean(late):.1f} ms late on average: it is dclab that was slow.",
            hint="Ask for fewer a second (--rate), or on a quieter machine.",
        )


def machine_caveats(before: CpuTimes, after: CpuTimes, what: str) -> Iterator[Caveat]:
    """What else this machine did while `what` was measured, between two readings of its CPU times."""
    total = after.total - before.total
    if total <= 0:
        return
    busy = 1 - (after.idle - before.idle) / total
    steal = (after.steal - before.steal) / total
    if busy > BUSY_SHARE:
        yield Caveat(
            code="machine-busy",
            message=f"This machine's CPUs were {100 * busy:.0f} % busy during {what}.",
            hint="The app waits rather than works, so something else ran; end it and measure again.",
        )
    if steal > STEAL_SHARE:
        yield Caveat(
            code="steal-time",
            message=f"Other machines on the same hardware took {100 * steal:.0f} % of the CPU time during {what}.",
            hint="Measure again at another time, or compare within this run only.",
        )
