"""Reading an httplat exporter: the mean latency between two scrapes."""

from __future__ import annotations

from dclab.lab import Scrape

__all__ = ["mean_latency_ms", "parse_scrape"]

METRIC = "httplat_latency_seconds"


def parse_scrape(text: str) -> Scrape:
    """Sum and count in the exporter's page; ValueError when they are not there."""
    from prometheus_client.parser import text_string_to_metric_families

    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        if family.name == METRIC
        for sample in family.samples
    }
    try:
        return Scrape(found[f"{METRIC}_sum"], found[f"{METRIC}_count"])
    except KeyError as error:
        raise ValueError(f"the page has no {error.args[0]}") from None


def mean_latency_ms(before: Scrape, after: Scrape) -> float | None:
    """Mean of the probes between two scrapes; None when there was none, or the exporter started anew."""
    count = after.probes - before.probes
    if count <= 0 or after.sum_seconds < before.sum_seconds:
        return None
    return 1000 * (after.sum_seconds - before.sum_seconds) / count
