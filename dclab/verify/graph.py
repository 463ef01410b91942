"""Recompute the latency graph from Prometheus' own answers or from the scrapes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from msgspec import to_builtins

from dclab.lab import Scrape
from dclab.measure.httplat import means_over, milliseconds
from dclab.results import Results
from dclab.verify.finding import Finding, differences
from dclab.verify.raw import MonitoringRow, Raw

__all__ = ["verify_graph"]


def verify_graph(results: Results, raw: Raw) -> Iterator[Finding]:
    """Yield what differs; nothing where the raw data have no graph, as in files of older versions and in a run cut off."""
    found = results.monitoring
    if found is None or not raw.monitoring:
        return
    by_target: dict[str, list[MonitoringRow]] = defaultdict(list)
    for row in raw.monitoring:
        by_target[row.target].append(row)
    if found.source == "exporter":
        window = re.search(r"\[(\d+(?:\.\d+)?)s\]", found.query)
        seconds = float(window[1]) if window else 0.0
        computed = {name: means_over(_scrapes(rows), seconds) for name, rows in by_target.items()}
    else:
        computed = {name: list(milliseconds(_samples(rows))) for name, rows in by_target.items()}
    said = {name: one for name, one in to_builtins(found.series).items() if one or computed.get(name)}
    yield from differences("monitoring.series", said, {name: one for name, one in computed.items() if one})


def _scrapes(rows: list[MonitoringRow]) -> list[tuple[float, Scrape]]:
    return [(one.t, Scrape(one.sum_seconds or 0.0, one.probes or 0.0)) for one in rows]


def _samples(rows: list[MonitoringRow]) -> Iterator[tuple[float, str]]:
    return ((one.t, one.seconds) for one in rows if one.seconds is not None)
