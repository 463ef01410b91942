"""Warnings about our own measurement: what was seen, and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from statistics import fmean, median

from dclab.lab import ProbeSample, ProbeSpec
from dclab.measure.cpu_times import BUSY_SHARE, CpuTimes, busy_share
from dclab.results import Caveat, LoadTest, Rate

__all__ = [
    "generator_caveats",
    "load_caveats",
    "machine_caveats",
    "outliers",
    "probe_caveats",
    "rate_caveats",
]

FEWEST = 5
"""Of fewer requests nothing but their own times is known."""

OUTLYING = 14.826
"""Median absolute deviations: ten standard deviations of a normal distribution (hyperfine's outlier_detection.rs)."""

FAR = 0.25
"""Share of the median; what lies nearer moves no figure that anyone would act on, however steady the others are."""

MOST_ERRORS = 3
"""Of different errors that are named."""

LATE_SHARE = 0.1
"""Of the time between two requests: an open loop that is later than this on average does not keep its rate."""

MOST_LATE = 0.01
"""Of an open loop's requests: more whose time is mostly dclab's own delay would make the high percentiles dclab's."""

STEAL_SHARE = 0.05

THROTTLED_SHARE = 0.05
"""Of the periods of a CPU limit. In each of these, processes wait for up to a period: 100 ms, which is what rng works for."""

WELL_KNOWN = 0.02
UNSURE = 0.05
"""Half widths of a rate's interval: what a window aims at, and from where on the reader is told that it was missed."""

FEWEST_PERCENT_ANSWERED = 99.0
"""Of a load test's requests: with fewer its rate is that of failing as much as of serving."""


def outliers(times: Sequence[float]) -> int:
    """How many lie further from the median than OUTLYING times the median absolute deviation, and than FAR of it."""
    middle = median(times)
    deviations = [abs(one - middle) for one in times]
    spread = median(deviations)
    return sum(one > max(OUTLYING * spread, FAR * middle) for one in deviations) if spread else 0


def probe_caveats(
    samples: Sequence[ProbeSample], spec: ProbeSpec, what: str, more: str = "Use a larger --count."
) -> Iterator[Caveat]:
    """Yield what the reader must know of a series of probes.

    Args:
        samples: the probes.
        spec: what was asked for.
        what: was probed, such as `the probe of rng`.
        more: how the user gets more of them; empty where that is not the user's to choose, and few are as intended.
    """
    times = [one.total_ms for one in samples if one.total_ms is not None]
    yield from _failures(samples, times, spec, what)
    if more and 0 < len(times) < FEWEST:
        yield Caveat(
            code="few-samples",
            message=f"Only {len(times)} requests of {what} were timed; so few carry no percentile, not even the median.",
            hint=more,
        )
    far = outliers(times) if len(times) >= FEWEST else 0
    if far and spec.rate is None:
        yield Caveat(
            code="outliers",
            message=f"{far} of {len(times)} requests of {what} took far longer or shorter than the others.",
            hint="Use the median rather than the mean, or measure again on a quieter machine.",
        )
    elif far:
        yield Caveat(
            code="stall",
            message=f"{far} of {len(times)} requests of {what} took far longer or shorter than the others, {max(times):.0f} ms at most.",
            hint="In an open loop that is what users would have met: go by the high percentiles, not by the median.",
        )
    yield from _late(samples, spec, what)


def _failures(samples: Sequence[ProbeSample], times: Sequence[float], spec: ProbeSpec, what: str) -> Iterator[Caveat]:
    """Yield what became of those that have no time."""
    unsent = sum(not one.sent for one in samples)
    late = sum(one.gave_up_ms is not None for one in samples) - unsent
    refused = [one.error or "no answer" for one in samples if one.total_ms is None and one.gave_up_ms is None]
    if refused:
        errors = sorted(set(refused))
        shown = ", ".join(errors if len(errors) <= MOST_ERRORS else [*errors[:MOST_ERRORS], "…"])
        yield Caveat(
            code="probe-errors",
            message=f"{len(refused)} of {len(samples)} requests of {what} failed ({shown}); they were not timed.",
            hint="The figures are those of the others." if times else "",
        )
    if late:
        yield Caveat(
            code="probe-timeouts",
            message=f"{late} of {len(samples)} requests of {what} had no whole answer within {spec.timeout:g} s.",
            hint="They count as longer than that, so the mean is a lower bound." if times else "",
        )
    if unsent:
        yield Caveat(
            code="probes-unsent",
            message=(
                f"{unsent} of {len(samples)} requests of {what} were not sent within {spec.timeout:g} s of being due, because "
                "too many others were waiting for an answer."
            ),
            hint="They count as longer than that. Use a lower --rate.",
        )


def _late(samples: Sequence[ProbeSample], spec: ProbeSpec, what: str) -> Iterator[Caveat]:
    """Yield whether an open loop kept its rate: some requests may be late, or all of them a little."""
    if not spec.rate:
        return
    late = [one.late_ms for one in samples if one.sent and one.total_ms is not None]
    share = [one for one in samples if one.sent and one.total_ms is not None and one.late_ms > one.total_ms / 2]
    if late and (fmean(late) > LATE_SHARE * 1000 / spec.rate or len(share) > MOST_LATE * len(late)):
        yield Caveat(
            code="prober-saturated",
            message=(
                f"dclab sent the requests of {what} {fmean(late):.1f} ms late on average and {max(late):.0f} ms at most, so their "
                "times include its delay."
            ),
            hint="Use a lower --rate, or a quieter machine.",
        )


def machine_caveats(before: CpuTimes, after: CpuTimes, what: str) -> Iterator[Caveat]:
    """Yield what else this machine did while `what` was measured, between two readings of its CPU times."""
    yield from _throttled(after.periods - before.periods, after.throttled - before.throttled, what)
    total = after.total - before.total
    if total <= 0:
        return
    busy = busy_share(before, after)
    steal = (after.steal - before.steal) / total
    if busy > BUSY_SHARE:
        yield Caveat(
            code="machine-busy",
            message=f"CPU was {100 * busy:.0f} % busy while measuring {what}.",
            hint=("DockerCoins itself needs little CPU, so another program was running. Stop it and measure again."),
        )
    if steal > STEAL_SHARE:
        yield Caveat(
            code="steal-time",
            message=f"Other virtual machines on this host took {100 * steal:.0f} % of the CPU time while measuring {what}.",
            hint="Measure again at another time, or compare within this run only.",
        )


def _throttled(periods: int, throttled: int, what: str) -> Iterator[Caveat]:
    """Yield whether a CPU limit, as containers have, held the lab back; the machine itself may be idle meanwhile."""
    if periods > 0 and throttled > THROTTLED_SHARE * periods:
        yield Caveat(
            code="cpu-limit",
            message=f"The CPU limit was reached {100 * throttled / periods:.0f} % of the time while measuring {what}.",
            hint="Processes of the lab had to wait for that. Allow this container 2 CPUs (docker run --cpus 2) and measure again.",
        )


def rate_caveats(rate: Rate, what: str) -> Iterator[Caveat]:
    """Yield what the reader must know of a rate that is not known well.

    Args:
        rate: with how it was got.
        what: begins the sentence, such as `The rate of 3 workers`.
    """
    half = rate.relative_half_width
    percent = 100 * half
    if rate.unstable:
        yield Caveat(
            code="unstable",
            message=f"{what} varied more than the app's own work does: it is only known to ±{percent:.0f} %.",
            hint="The machine was busy or slow for a while. Check what else is running, and measure again.",
        )
    elif rate.on_cap and rate.seconds and half > UNSURE:
        needed = rate.seconds * (half / WELL_KNOWN) ** 2
        yield Caveat(
            code="wide-interval",
            message=f"{what} is only known to ±{percent:.0f} % after {rate.seconds:.0f} s.",
            hint=f"It varies that much: ±{100 * WELL_KNOWN:.0f} % would take about {_time(needed)}.",
        )


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def generator_caveats(load: LoadTest) -> Iterator[Caveat]:
    """Yield whether the load generator, rather than the service, limited the rate of a load test."""
    cores = 1 if load.generator == "built-in" else os.cpu_count() or 1
    if load.generator_cores is not None and load.generator_cores > BUSY_SHARE * cores:
        yield Caveat(
            code="generator-saturated",
            message=(
                f"The load generator ({load.generator}) used {load.generator_cores:.2f} of the {cores} CPU cores that it "
                f"can use, so {load.transaction_rate:.0f} requests/s are its own limit."
            ),
            hint="The service could answer more. Run the load test from another machine.",
        )


def load_caveats(load: LoadTest, *, stopped: bool) -> Iterator[Caveat]:
    """Yield how a load test fell short: it ended early, or many of its requests failed.

    Args:
        load: the load test.
        stopped: whether it was stopped, rather than ended by itself.
    """
    failed, sent = load.failed_transactions, load.transactions + load.failed_transactions
    if not load.complete:
        generator = "the built-in generator" if load.generator == "built-in" else load.generator
        by = "was stopped" if stopped else f"was aborted by {generator}"
        cause = f" because of socket failures ({failed} requests failed)" if failed and not stopped else ""
        yield Caveat(
            code="load-incomplete",
            message=f"The load test {by} after {load.elapsed_seconds:.0f} of {load.requested_seconds:g} s{cause}.",
            hint="Its figures cover only that time.",
        )
    if load.availability_percent < FEWEST_PERCENT_ANSWERED:
        yield Caveat(
            code="load-failures",
            message=(
                f"{failed} of {sent} requests of the load test failed: only {load.availability_percent:.1f} % were answered."
            ),
            hint=f"Check that {load.target} is ready under load: `dclab status`.",
        )
