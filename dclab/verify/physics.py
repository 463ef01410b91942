"""What no DockerCoins can do: in the raw data, and between the parts of a run."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from dclab.measure.queueing import CYCLE_SECONDS, SERVICE_SECONDS
from dclab.results import Results
from dclab.verify.finding import Finding
from dclab.verify.raw import CounterRow, ProbeRow, Raw, ReportRow, WindowRow

__all__ = ["verify_physics"]

ABOVE = 1.03
"""Rates are averages over seconds: they may exceed what is possible in the long run by so much."""
BATCH = 4
"""Hashes that a worker adds at once, and more only by waiting longer: by so many a window may be off at its ends."""
QUICKEST_CALL_MS = 1000 * SERVICE_SECONDS
"""A worker's call is served in no less."""
LATEST_HOURS = 48.0
"""Between the clocks of a lab and of the machine that writes a run down."""


def verify_physics(results: Results, raw: Raw) -> Iterator[Finding]:
    """Yield what cannot be."""
    for window in raw.windows:
        counter, reports = raw.of(window, raw.counter), raw.of(window, raw.reports)
        where = f"window {window.what!r}"
        yield from _counter(f"raw/counter.jsonl, {where}", counter)
        yield from _reports(f"raw/reports.jsonl, {where}", reports)
        yield from _possible(f"raw/counter.jsonl, {where}", window, counter)
    yield from _calls(raw.latency)
    yield from _times(results, raw)


def _counter(where: str, rows: Sequence[CounterRow]) -> Iterator[Finding]:
    for a, b in pairwise(rows):
        if b.t <= a.t:
            yield Finding(where=where, why=f"a reading at {b.t:.3f} stands after one at {a.t:.3f}")
        if b.hashes < a.hashes:
            yield Finding(where=where, why=f"the counter falls from {a.hashes} to {b.hashes}")


def _reports(where: str, rows: Sequence[ReportRow]) -> Iterator[Finding]:
    by_worker: dict[str, list[ReportRow]] = defaultdict(list)
    for one in rows:
        by_worker[one.worker].append(one)
        if one.units < 0:
            yield Finding(where=where, why=f"{one.worker} reports {one.units} hashes")
    for worker, own in by_worker.items():
        for a, b in pairwise(own):
            most = (b.t - a.t) / (CYCLE_SECONDS / ABOVE) + 1
            if b.units > most:
                yield Finding(
                    where=where,
                    why=f"{worker} reports {b.units} hashes in {b.t - a.t:.2f} s, and a hash takes a worker {CYCLE_SECONDS:g} s",
                )


def _possible(where: str, window: WindowRow, rows: Sequence[CounterRow]) -> Iterator[Finding]:
    """One rng serves 10 a second; one with threads more, but never more than the workers can ask."""
    if len(rows) < 2:
        return
    seconds, risen = rows[-1].t - rows[0].t, rows[-1].hashes - rows[0].hashes
    threaded = "thread" in window.what
    most = window.workers / CYCLE_SECONDS
    if not threaded:
        most = min(most, window.rngs / SERVICE_SECONDS)
    if risen > ABOVE * most * seconds + BATCH * window.workers:
        yield Finding(
            where=where,
            why=f"{risen} hashes in {seconds:.1f} s, and {window.workers} workers with {window.rngs} rng make {most:.1f} a second",
        )


def _calls(rows: Sequence[ProbeRow]) -> Iterator[Finding]:
    for number, one in enumerate(rows, 1):
        where = f"raw/latency.jsonl, line {number}"
        if one.total_ms is None:
            continue
        parts = [each for each in (one.connect_ms, one.first_byte_ms, one.total_ms) if each is not None]
        if any(not math.isfinite(each) or each < 0 for each in parts) or parts != sorted(parts):
            yield Finding(where=where, why="connection, first byte and end are not in order of time")
        if one.what == "call" and one.total_ms < QUICKEST_CALL_MS:
            yield Finding(
                where=where,
                why=f"a call of {one.target} took {one.total_ms:.1f} ms, and it takes {QUICKEST_CALL_MS:g} ms",
            )


def _times(results: Results, raw: Raw) -> Iterator[Finding]:
    """Everything happened between the run's beginning and its end."""
    try:
        began = datetime.fromisoformat(results.started).timestamp()
        ended = datetime.fromisoformat(results.finished).timestamp() if results.finished else None
    except (ValueError, OverflowError) as error:
        yield Finding(where="started", why=str(error))
        return
    if ended is not None and ended < began:
        yield Finding(where="finished", why="it is before `started`")
    times = [one.t for one in raw.counter] + [one.at for one in raw.latency]
    if not times or ended is None:
        return
    length, span = ended - began, max(times) - min(times)
    if span > length + 1:
        yield Finding(where="finished", why=f"the raw data span {span:.0f} s, and the run lasted {length:.0f} s")
    if abs(min(times) - began) > 3600 * LATEST_HOURS:
        yield Finding(where="started", why="the raw data are of another day")
