"""Warnings about our own measurement: what was seen, and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from statistics import fmean, median
from typing import NamedTuple

from dclab.lab import ProbeSample, ProbeSpec
from dclab.results import Caveat, LoadTest, SweepPoint

__all__ = ["CpuTimes", "generator_caveats", "machine_caveats", "outliers", "point_caveats", "probe_caveats"]

FEWEST = 5
"""Of fewer requests nothing but their own times is known."""

OUTLYING = 14.826
"""Median absolute deviations: ten standard deviations of a normal distribution (hyperfine's outlier_detection.rs)."""

LATE_SHARE = 0.1
"""Of the time between two requests: an open loop that is later than this on average does not keep its rate."""

BUSY_SHARE = 0.85
STEAL_SHARE = 0.05

STEADY_SECONDS, STEADY_PERCENT = 20.0, 3.0
"""Of a steady app a window this long tells the rate this well, at any number of workers (tests/measure)."""
UNSURE_PERCENT = 5.0
"""A wider interval on either side is worth a warning in any case."""

UNACCOUNTED = 0.15
"""Workers that Little's law may miss or invent: this share of them, and half a worker, as few probes scatter."""


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


def point_caveats(point: SweepPoint) -> Iterator[Caveat]:
    """What the reader must know of one point of a sweep."""
    who = f"{point.workers} worker{'s' * (point.workers > 1)}"
    percent = 100 * point.hashes_per_second.relative_half_width
    if point.seconds >= STEADY_SECONDS and percent > STEADY_PERCENT:
        yield Caveat(
            code="unstable",
            message=f"The rate of {who} wandered: after {point.seconds:.0f} s it is only known to ±{percent:.0f} %.",
            hint="A steady app is known to ±3 % by then; see what else runs here, and measure again.",
        )
    elif percent > UNSURE_PERCENT:
        yield Caveat(
            code="wide-interval",
            message=f"The rate of {who} is only known to ±{percent:.0f} %.",
            hint="Sample for longer: --seconds 30 or more.",
        )
    found = point.littles_law
    if found is not None and abs(found - point.workers) > 0.5 + UNACCOUNTED * point.workers:
        yield Caveat(
            code="littles-law",
            message=f"By Little's law the rate and the waits of {who} account for {found:.1f} of them.",
            hint="Some worked slower than the app's 0.3 s a hash, or not at all, or the queue had not settled.",
        )


def generator_caveats(load: LoadTest) -> Iterator[Caveat]:
    """Whether it was the generator that set the rate of a load test, not what it loads."""
    cores = 1 if load.generator == "built-in" else os.cpu_count() or 1
    if load.generator_cores is not None and load.generator_cores > BUSY_SHARE * cores:
        yield Caveat(
            code="generator-saturated",
            message=(
                f"The load generator ({load.generator}) took {load.generator_cores:.2f} of the {cores} CPU cores it can "
                f"use: {load.transaction_rate:.0f} requests a second are its own limit."
            ),
            hint="The service could answer more; load it from another machine.",
        )
