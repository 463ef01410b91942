"""Explain a table of readings of the web UI: what the page shows, how often, and what the rate was.

All by simulation of DockerCoins with one rng that serves one request at a time (`dclab.measure.simulate`).
"""

from __future__ import annotations

import math
import random
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from dclab.lab import WorkerReport
from dclab.measure.simulate import counter_readings, simulate, true_rate
from dclab.measure.system import System
from dclab.measure.webui_reading import most_frequent, webui_readings

__all__ = ["LOOK", "Row", "Table", "explain_table"]

LOOK = 30
"""Seconds for which a person looks at the page before writing a figure down."""
LOOKS = 200
"""That are simulated at each number of workers, each of a run of its own: what a page shows depends on how the workers
happen to follow one another, and that stays so for minutes."""
SETTLE = 20.0
"""Seconds of each run before the look."""
POLL_JITTER = 0.01
"""Seconds by which the page's readings come later than once a second, at most."""
RARE = 0.005
"""Share of seconds below which a figure is not listed."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: what was read at a number of workers."""

    workers: int
    reading: float
    """Hashes/s as written down."""
    true_rate: float
    """Hashes/s in the long run."""
    batch: float
    """Hashes that a worker adds to the counter at once, on average."""
    report_seconds: float
    """Between two reports of one worker, on average."""
    shown: tuple[tuple[int, float], ...]
    """Figures that the page shows, rounded, each with its share of the seconds; the most frequent first."""
    share: float
    """Of the seconds that show `reading`, rounded."""
    chance: float
    """Probability that `reading` is the figure that shows most often within LOOK seconds."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """The whole table."""

    rows: tuple[Row, ...]
    speedup_read: float | None
    """At the most workers over the fewest, as read; None for one number of workers or a reading of 0."""
    speedup: float | None
    """The same of the true rates."""
    chance: float
    """Probability that someone who writes down what shows most often in LOOK seconds at each number gets this table."""


def explain_table(workers: Sequence[int], readings: Sequence[float]) -> Table:
    """Explain what was read at each of these numbers of workers, in the same order."""
    rows = tuple(_row(count, reading) for count, reading in zip(workers, readings, strict=True))
    few, many = min(rows, key=lambda one: one.workers), max(rows, key=lambda one: one.workers)
    several = few.workers != many.workers
    return Table(
        rows=rows,
        speedup_read=many.reading / few.reading if several and few.reading else None,
        speedup=many.true_rate / few.true_rate if several else None,
        chance=math.prod(one.chance for one in rows),
    )


def _row(workers: int, reading: float) -> Row:
    system = System(workers=workers)
    runs = [simulate(system, LOOK + 2, seed=seed, settle=SETTLE) for seed in range(LOOKS)]
    looks = [_seconds(one.reports, random.Random(seed)) for seed, one in enumerate(runs)]
    tally = Tally(round(one) for look in looks for one in look)
    seconds = tally.total()
    own = [[one for one in run.reports if one.worker == run.reports[0].worker] for run in runs]
    return Row(
        workers=workers,
        reading=reading,
        true_rate=true_rate(system, 20_000),
        batch=fmean(one.units for each in own for one in each[1:]),
        report_seconds=fmean(b.t - a.t for each in own for a, b in pairwise(each)),
        shown=tuple((figure, count / seconds) for figure, count in tally.most_common() if count > RARE * seconds),
        share=tally[round(reading)] / seconds,
        chance=sum(most_frequent(look) == round(reading) for look in looks) / LOOKS,
    )


def _seconds(reports: Sequence[WorkerReport], dice: random.Random) -> tuple[float, ...]:
    """What the page shows at each second of a look."""
    begin = dice.random()
    times = [begin + second + dice.uniform(0, POLL_JITTER) for second in range(LOOK + 1)]
    return webui_readings(counter_readings(reports, times))
