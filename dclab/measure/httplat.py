"""Reading an httplat exporter: the mean latency between two scrapes, and over a window as Prometheus has it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from dclab.lab import Scrape

__all__ = ["mean_latency_ms", "means_over", "milliseconds", "parse_scrape"]

METRIC = "httplat_latency_seconds"
LONGEST_MS = 1e9
"""A longer latency is not one."""


def parse_scrape(text: str) -> Scrape:
    """Return sum and count in the exporter's page; ValueError when they are not there."""
    from prometheus_client.parser import text_string_to_metric_families

    try:
        found = {
            sample.name: float(sample.value)
            for family in text_string_to_metric_families(text)
            if family.name == METRIC
            for sample in family.samples
        }
    except Exception as error:  # what the parser makes of arbitrary text is not documented
        raise ValueError(f"the page is not in Prometheus' text format ({error})") from error
    missing = [part for part in ("sum", "count") if f"{METRIC}_{part}" not in found]
    if missing:
        raise ValueError(f"the page has no {METRIC}_{missing[0]}")
    scrape = Scrape(found[f"{METRIC}_sum"], found[f"{METRIC}_count"])
    if not all(math.isfinite(one) and one >= 0 for one in scrape):
        raise ValueError(f"the page says {scrape.sum_seconds:g} s in {scrape.probes:g} probes")
    return scrape


def mean_latency_ms(before: Scrape, after: Scrape) -> float | None:
    """Return the mean of the probes between two scrapes; None when there was none, or the exporter restarted."""
    count = after.probes - before.probes
    if count <= 0 or after.sum_seconds < before.sum_seconds:
        return None
    return 1000 * (after.sum_seconds - before.sum_seconds) / count


def means_over(scrapes: Sequence[tuple[float, Scrape]], seconds: float) -> list[tuple[float, float]]:
    """Return (unix seconds, mean in ms) at each scrape over the window before it, as rate()/rate() gives it.

    Args:
        scrapes: with their times, in order.
        seconds: length of the window.
    """
    found = []
    for index, (t, scrape) in enumerate(scrapes[1:], 1):
        first = next(before for at, before in scrapes[: index + 1] if at >= t - seconds)
        mean = mean_latency_ms(first, scrape)
        if mean is not None:
            found.append((t, mean))
    return found


def milliseconds(values: Iterable[tuple[float, str]]) -> Iterator[tuple[float, float]]:
    """Yield (unix seconds, ms) of Prometheus' samples in seconds, without those that are none (NaN: nothing was probed)."""
    for t, seconds in values:
        ms = 1000 * float(seconds)
        if t >= 0 and 0 <= ms <= LONGEST_MS:
            yield t, ms
