"""Latencies in words: what of a summary may be shown, how far the requests carry it, and what theory expects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dclab.measure.latency import Shown, carried_percentiles, shown_figures
from dclab.measure.queueing import expected_call_ms, expected_probe_ms, expected_wait_ms
from dclab.report.language import Words
from dclab.results import LatencySummary, TargetLatency

__all__ = ["FIGURES", "figures", "median_range", "milliseconds", "notes", "theory"]

FIGURES = ("min", "mean", "p50", "p95", "p99", "max")
DIGITS_FROM_MS = 100
"""From here on tenths of a millisecond say nothing."""


def milliseconds(shown: Shown | None) -> str:
    """Milliseconds with their bound; a dash for what the requests do not carry."""
    if shown is None:
        return "–"
    return f"{shown.bound} {_ms(shown.ms)}".lstrip()


def figures(one: LatencySummary) -> list[str]:
    """FIGURES of a summary."""
    return [milliseconds(shown) for shown in shown_figures(one).values()]


def median_range(one: LatencySummary) -> str:
    """The 95 % interval of the median; a dash where there is none, only its lower end where timeouts leave it open."""
    if not one.count or one.p50_ci95_low is None:
        return "–"
    low = _ms(one.p50_ci95_low)
    return f"≥ {low}" if one.p50_ci95_high is None else f"{low}–{_ms(one.p50_ci95_high)}"


def _ms(value: float) -> str:
    return f"{value:.1f}" if value < DIGITS_FROM_MS else f"{value:.0f}"


def notes(summaries: Sequence[LatencySummary], words: Words) -> Iterator[str]:
    """Yield what the signs among these figures mean; nothing where there are none."""
    if any(None in shown_figures(one).values() for one in summaries if one.count):
        yield words(
            "–: too few requests for an upper 95 % confidence bound of that percentile. p50 needs {p50}, p95 {p95}, p99 {p99}.",
            **{name: _fewest(name) for name in ("p50", "p95", "p99")},
        )
    if any(one.timeouts for one in summaries):
        yield words(
            "≥, >: requests that timed out count as longer than they were waited for, so the mean is a lower bound, and a "
            "percentile among them is only known to be larger."
        )


def _fewest(name: str) -> int:
    return next(n for n in range(1, 1000) if name in carried_percentiles(n))


def theory(found: TargetLatency, words: Words) -> Iterator[str]:
    """Yield what theory expects of a probe of one rng, and of the two kinds of calls."""
    workers, call = found.workers, expected_call_ms(found.workers)
    yield words(
        "Theory expects a probe of one rng at {workers} workers to wait {probe:.0f} ms on average, and a worker's own call "
        "{own:.0f} ms before it is served, since it never queues behind itself (Little's law).",
        workers=workers,
        probe=expected_probe_ms(workers),
        own=expected_wait_ms(workers),
    )
    if call is not None and found.call.rate is None:
        yield words(
            "The real calls of this table are dclab's: they queue beside the workers' own and lengthen the queue, so that "
            "theory expects them to take {call:.0f} ms.",
            call=call,
        )
