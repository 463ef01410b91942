"""Recompute a rate from the raw data of its window in the run's folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dclab.errors import InvalidInput
from dclab.lab import Counter, WorkerReport
from dclab.measure.rate import anonymous_rate, rate_by_worker
from dclab.measure.system import lab_system
from dclab.results import Rate

__all__ = ["recomputed_rate"]

Rows = Iterable[Mapping[str, Any]]


def recomputed_rate(what: str, *, counter: Rows, reports: Rows, windows: Rows) -> Rate:
    """Return the rate of a window from the rows of raw/counter.jsonl, raw/reports.jsonl and raw/windows.jsonl.

    Args:
        what: names the window, such as `3 workers`; of several attempts the last one counts.
        counter: all rows of that file, of other windows too; so for the others.
        reports: the same.
        windows: the same.

    Raises:
        InvalidInput: there is no such window.
    """
    found = [one for one in windows if one["what"] == what]
    if not found:
        raise InvalidInput(f"There is no window {what!r} in the raw data.", "", "Use a `what` of raw/windows.jsonl.")
    window = max(found, key=lambda one: int(one.get("attempt", 1)))
    attempt = window.get("attempt", 1)

    def mine(rows: Rows) -> list[Mapping[str, Any]]:
        return [one for one in rows if one["what"] == what and one.get("attempt", 1) == attempt]

    # Runs of older versions do not say how many hashers there were: the one of the manifests.
    hashers = int(window.get("hashers", 1))
    system = lab_system(int(window["workers"]), int(window["rngs"]), hashers, window["load_balancing"])
    samples = [Counter(t=float(one["t"]), hashes=int(one["hashes"]), coins=0) for one in mine(counter)]
    busy = float(window.get("busy", 0.0))
    if window["by"] == "counter":
        return anonymous_rate(samples, system, busy=busy)
    known = [WorkerReport(str(one["worker"]), float(one["t"]), int(one["units"])) for one in mine(reports)]
    # Of a demonstration's phase the counter is not read often: its window says its own ends.
    began, ended = window.get("began"), window.get("ended")
    if began is None or ended is None:
        began, ended = samples[0].t, samples[-1].t
    return rate_by_worker(known, float(began), float(ended), system, busy=busy)
