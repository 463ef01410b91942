"""How far a window's rate lies from the long-run rate, by the process alone: simulated, not guessed.

Where several rngs are chosen at random, the queues before them grow and shrink, and the rate with them: ten workers and
two rngs give ±13 % in four seconds. A window's own parts cannot tell (an interval from them covers 47 to 82 %), so the
same workers, rngs and load balancing are simulated, once a process, in about 0.2 s: in several runs, since some states
come once an hour (ten workers that two rngs in turn keep in step), and since how long rng takes is not known beforehand.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from statistics import fmean
from typing import NamedTuple

from dclab.lab import WorkerReport
from dclab.measure.by_worker import Progress, ramps
from dclab.measure.moments import variance
from dclab.measure.simulate import simulate
from dclab.measure.student import t_quantile
from dclab.measure.system import System

__all__ = ["PartsVariance", "Wander", "wander"]

UNITS, MOST_UNITS = 80_000, 240_000
"""Simulated units, and as many as that where long queues change slowly."""
LEAST_SECONDS = 2500.0
"""Of several rngs: eighty windows of half a minute."""
DIFFERENT, RUNS_OF_EACH = 4, 4
SERVICES = (0.1000, 0.1010, 0.1020, 0.1030) * RUNS_OF_EACH
"""Seconds that an rng takes in each of the runs; each begins from rest, as a lab does that was just scaled."""
STEP_SECONDS = 0.1
BATCHES = 20
"""The runs are divided into so many, to see how well they know their own variance."""
ENDS = 160
"""Windows whose ends are estimated as in a lab, where neither the reports to come nor those before are known."""
ENDS_SECONDS = 4.0
RARE = 0.995
COVERED = 0.968
"""A little more than is stated: the quantile itself comes from a simulation."""


def _curve(reports: Sequence[WorkerReport], end: float) -> list[float]:
    """Units done at 0, STEP_SECONDS, … `end`, spread as `Progress` does it.

    A unit adds a ramp; where ramps begin and end the slope changes, and sums of sums of these changes are the curve.
    """
    size = int(end / STEP_SECONDS) + 2
    bends = [0.0] * (size + 2)
    last: dict[str, float] = {}
    for one in reports:
        begin = last.get(one.worker)
        last[one.worker] = one.t
        if begin is None or not one.units:
            continue
        for after, until, units in ramps(one.t - begin, one.units):
            start, stop = begin + after, begin + until
            slope = units / (stop - start)
            for at, bend in ((start, slope), (stop, -slope)):
                place = max(0.0, at) / STEP_SECONDS
                index = int(place)
                if index < size:
                    bends[index] += bend * (1 - place + index)
                    bends[index + 1] += bend * (place - index)
    slopes = accumulate(bends)
    return [0.0, *accumulate(STEP_SECONDS * slope for slope in slopes)][:size]


class PartsVariance(NamedTuple):
    """Of the relative variance among the parts of many windows."""

    mean: float
    variance: float
    rare: float
    """So much is exceeded in one window of two hundred."""


class _Run(NamedTuple):
    """One simulated run."""

    rate: float
    """Hashes per second in the long run."""
    curve: Sequence[float]
    """Units done every STEP_SECONDS."""

    def units(self, steps: int, every: int) -> list[float]:
        """Return the units of windows so long, one beginning after every so many steps."""
        return [self.curve[at + steps] - self.curve[at] for at in range(0, len(self.curve) - steps, max(1, every))]


@dataclass(frozen=True, eq=False)
class Wander:
    """Long simulated runs, and what windows of them come to."""

    rate: float
    """Hashes per second in the long run, with the simulation's usual service times."""
    runs: Sequence[_Run]
    ends: Sequence[float]
    """Units by which the ends of some windows are misjudged, as their next reports are not known."""

    @property
    def longest(self) -> float:
        """Seconds of the longest window that the runs can tell of."""
        return STEP_SECONDS * len(self.runs[0].curve) * len(self.runs) / (BATCHES / 2)

    def relative_errors(self, seconds: float) -> list[float]:
        """Return how far windows of that length lie from the long-run rate, as a share of their own rate."""
        steps = max(2, round(seconds / STEP_SECONDS))
        found: list[float] = []
        for run in self.runs:
            expected = run.rate * steps * STEP_SECONDS
            for index, exact in enumerate(run.units(steps, steps // 4)):
                units = exact + self.ends[index % len(self.ends)]
                found.append((units - expected) / units if units > 0 else math.inf)
        return found

    def half_width(self, seconds: float) -> float:
        """Return the relative half width that covers the long-run rate in 95 % of such windows.

        Of windows longer than a tenth of the run there are too few: chance averages out as the root of time.
        """
        simulated = min(seconds, self.longest)
        return _half_width(self, round(simulated / STEP_SECONDS)) * math.sqrt(simulated / seconds)

    def variance_of_parts(self, seconds: float, parts: int) -> PartsVariance:
        """Return what the relative variance among the rates of a window's parts is in windows of that length."""
        simulated = min(seconds, self.longest)
        found = _variance_of_parts(self, max(1, round(simulated / parts / STEP_SECONDS)), parts)
        shorter = simulated / seconds
        return PartsVariance(found.mean * shorter, found.variance * shorter**2, found.rare * shorter)


@lru_cache(maxsize=4096)
def _variance_of_parts(of: Wander, steps: int, parts: int) -> PartsVariance:
    found: list[float] = []
    for run in of.runs:
        rates = [one / (steps * STEP_SECONDS * run.rate) for one in run.units(steps, steps)]
        found += [variance(rates[at : at + parts]) for at in range(0, len(rates) - parts + 1, parts)]
    if len(found) < 2:
        return PartsVariance(math.inf, 0.0, math.inf)
    found.sort()
    # The last part also has the error of the window's end.
    ends = sorted((one / (of.rate * steps * STEP_SECONDS)) ** 2 / parts for one in of.ends)
    return PartsVariance(
        fmean(found) + fmean(ends),
        variance(found) + variance(ends),
        found[min(len(found) - 1, math.ceil(RARE * len(found)))] + ends[-1],
    )


@lru_cache(maxsize=4096)
def _half_width(of: Wander, steps: int) -> float:
    errors = of.relative_errors(steps * STEP_SECONDS)
    if len(errors) < BATCHES:
        return math.inf
    sizes = sorted(abs(one) for one in errors)
    quantile = sizes[min(len(sizes) - 1, math.ceil(COVERED * len(sizes)))]
    # How sure is the quantile? As sure as the mean square of the errors is, by batches.
    length = len(errors) // BATCHES
    squares = [fmean(one * one for one in errors[at * length : (at + 1) * length]) for at in range(BATCHES)]
    mean = fmean(squares)
    spread = math.sqrt(variance(squares) / BATCHES) / mean if mean else 0.0
    freedom = 2 / spread**2 if spread else math.inf
    factor = t_quantile(max(2.0, freedom)) / t_quantile(1e6) if freedom < 1e5 else 1.0
    return quantile * factor


def wander(system: System) -> Wander:
    """Return how the rate of these replicas, threads and this load balancing wanders; the system's times do not matter."""
    return _wander(
        System(
            workers=system.workers,
            rngs=system.rngs,
            threads=system.threads,
            hashers=system.hashers,
            hasher_threads=system.hasher_threads,
            load_balancing=system.load_balancing,
        )
    )


@lru_cache(maxsize=256)
def _wander(system: System) -> Wander:
    seconds = _seconds(system) / len(SERVICES)
    # A run's beginning is not what it settles into, and neither smoothed end is complete.
    margin = 3 + 2 * system.workers * system.service / (system.rngs * system.threads)
    if system.hasher_threads is not None:
        margin = max(margin, 3 + 2 * system.workers / system.most)
    curves, ends = [], list[float]()
    for seed, service in enumerate(SERVICES, 1):
        run = simulate(replace(system, service=service), seconds + 2 * margin, seed=seed)
        curves.append(_curve(run.reports, seconds + margin)[round(margin / STEP_SECONDS) :])
        ends += _misjudged_ends(run.reports, seconds, margin)
    rates = [(curve[-1] - curve[0]) / (STEP_SECONDS * (len(curve) - 1)) for curve in curves]
    # One short run alone knows its long-run rate too little; the service time matters too much to mix others with it.
    of_service = {one: fmean(rates[SERVICES.index(one) :: DIFFERENT]) for one in SERVICES[:DIFFERENT]}
    done = fmean(rate / replace(system, service=service).most for service, rate in of_service.items())
    runs = tuple(_Run(of_service[service], curve) for service, curve in zip(SERVICES, curves, strict=True))
    return Wander(rate=done * system.most, runs=runs, ends=tuple(ends))


def _seconds(system: System) -> float:
    most = system.most
    slow = system.workers / (10 * system.rngs * system.threads) if system.rngs > 1 else 1.0
    seconds = UNITS / most * max(1.0, slow)
    if system.rngs > 1:
        seconds = max(seconds, LEAST_SECONDS)
    return min(seconds, MOST_UNITS / most)


def _misjudged_ends(reports: Sequence[WorkerReport], seconds: float, margin: float) -> list[float]:
    times = [one.t for one in reports]
    found = []
    for index in range(ENDS // len(SERVICES)):
        now = margin + (seconds - margin) * (index + 0.5) / (ENDS // len(SERVICES))
        begin = now - ENDS_SECONDS
        known = reports[bisect_left(times, begin) : bisect_right(times, now)]
        all_told = reports[bisect_left(times, begin - margin) : bisect_right(times, now + margin)]
        partial, whole = Progress(known, now), Progress(all_told, now + margin)
        t = partial.latest
        found.append((partial.at(t) - partial.at(begin)) - (whole.at(t) - whole.at(begin)))
    return found
