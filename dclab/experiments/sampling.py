"""A window in which nothing changed, as long as what is wanted of its rate needs."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from dclab.errors import DclabError, LabLost
from dclab.experiments.observer import Observer
from dclab.lab import SERVICES, Counter, Lab, Replicas, WorkerReport
from dclab.measure.by_worker import LOOK_BACK_SECONDS, Progress, agree
from dclab.measure.changes import RateChanged, find_change, silent_workers
from dclab.measure.counter_clock import (
    ClockStepped,
    CounterReset,
    CounterStill,
    check_clock,
    check_counter,
    check_rising,
    on_one_clock,
    whole_seconds,
)
from dclab.measure.rate import TooShort, anonymous_rate, rate_by_worker
from dclab.measure.simulate import System
from dclab.measure.wander import wander
from dclab.results import Caveat, Rate

__all__ = ["Disturbed", "Window", "known_well", "looks", "measure_rate", "sample_window"]

EVERY_SECONDS = 0.1
"""Between two readings of the counter where the workers' reports are known."""
OFTEN_SECONDS = 0.02
"""Between two readings where they are not: each moment of a jump is in doubt by this."""
JITTER = 0.5
"""Share by which these times vary, or the readings could march in step with the workers."""

WANTED = 0.02
"""A rate is known well at ±2 %."""
FIRST_LOOK_SECONDS = 3.5
GROWTH = 1.3
"""A window that does not tell enough goes on until it is so many times as long."""
STILL_SECONDS = 10.0
"""After this long without a hash there is none to wait for: a worker reports about once a second."""
MOST_CHANGES = 3
"""A rate that changes more often within a window is none."""

Enough = Callable[[Rate], bool]


class Disturbed(DclabError):
    """Something changed within the window, so the window does not count."""

    code = "disturbed"


class Window(NamedTuple):
    """The result of a window."""

    rate: Rate
    samples: list[Counter]
    on_cap: bool
    """Whether it ended at its longest, with the rate not known as well as wanted."""


def known_well(rate: Rate) -> bool:
    """Whether a rate is known to WANTED: what a window is for where nothing else is wanted of it."""
    return rate.relative_half_width <= WANTED


def looks(longest: float) -> Iterator[float]:
    """Yield the lengths in seconds at which a window may end, up to the longest.

    They are fixed beforehand, and few: the tests hold the interval to this rule.
    """
    at = FIRST_LOOK_SECONDS
    while at < longest / 1.1:
        yield at
        at *= GROWTH
    yield longest


@dataclass
class _Readings:
    """Counter readings as they come, with when they arrived here on a clock that nobody sets."""

    read: Callable[[], Counter]
    every: float
    dice: random.Random = field(default_factory=random.Random)
    samples: list[Counter] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    _due: float | None = None
    _coarse: bool = True

    @property
    def seconds(self) -> float:
        return self.arrived[-1] - self.arrived[0] if self.arrived else 0.0

    def until(self, seconds: float) -> None:
        """Read until the window is so long. ClockStepped, CounterReset: it is lost."""
        while self.seconds < seconds:
            self._wait()
            self.samples.append(self.read())
            self.arrived.append(time.monotonic())
            self._coarse = self._coarse and whole_seconds(self.samples[-1:])
            if not self._coarse:
                check_clock(self.samples[-2:], self.arrived[-2:])
            check_counter(self.samples[-2:])

    def _wait(self) -> None:
        now = time.monotonic()
        if self._due is None or self._due < now - self.every:  # held up: do not make up for it in a burst
            self._due = now
        time.sleep(max(0.0, self._due - now))
        self._due += self.every * self.dice.uniform(1 - JITTER, 1 + JITTER)

    def timed(self) -> list[Counter]:
        """The readings with times to measure by."""
        return on_one_clock(self.samples, self.arrived)

    def drop_before(self, t: float) -> None:
        """Begin the window anew at this time of the readings' clock."""
        first = next(index for index, one in enumerate(self.timed()) if one.t >= t)
        del self.samples[:first], self.arrived[:first]


def sample_window(
    read: Callable[[], Counter],
    longest: float,
    *,
    system: System | None = None,
    enough: Enough = known_well,
    caveat: Callable[[Caveat], None] = lambda _: None,
    samples: list[Counter] | None = None,
) -> Window:
    """Read the counter until the rate is known well enough, at most `longest` seconds, and tell nobody apart.

    Where the rate changes within the window, a new one begins there, and a caveat says so. Where the counter's clock has
    only whole seconds, the readings are given the times at which they arrived.

    Args:
        read: reads the counter.
        longest: seconds.
        system: workers, rngs and load balancing, where they are known.
        enough: whether the rate so far will do.
        caveat: takes what is to be said of the window.
        samples: takes the readings, also where an error ends the window.

    Raises:
        CounterReset, ClockStepped: the window is lost.
        CounterStill: the counter does not rise, or has stopped.
        RateChanged: the rate changed again and again.
    """
    samples = [] if samples is None else samples
    readings = _Readings(read, OFTEN_SECONDS, samples=samples)
    try:
        return _sampled(readings, longest, system, enough, caveat)
    finally:
        samples[:] = readings.timed()


def _sampled(
    readings: _Readings, longest: float, system: System | None, enough: Enough, caveat: Callable[[Caveat], None]
) -> Window:
    """Measure by the counter alone, from the last change of the rate on."""
    end = time.monotonic() + longest - readings.seconds
    for changes in range(MOST_CHANGES + 1):
        left = end - (readings.arrived[0] if readings.arrived else time.monotonic())
        try:
            return _steady(readings, max(FIRST_LOOK_SECONDS, left), system, enough)
        except RateChanged as change:
            if changes == MOST_CHANGES:
                raise
            caveat(Caveat(code=change.code, message=change.what, hint="The figures are those since then."))
            readings.drop_before(change.t)
    raise AssertionError


def _steady(readings: _Readings, longest: float, system: System | None, enough: Enough) -> Window:
    found = None
    for look in looks(longest):
        readings.until(look)
        timed = readings.timed()
        try:
            check_rising(timed)
        except CounterStill:
            if look >= min(longest, STILL_SECONDS):
                raise
            continue
        change = find_change(timed)
        if change is not None:
            raise change
        try:
            found = anonymous_rate(timed, system)
        except TooShort:
            if look >= longest:
                raise
            continue
        if enough(found):
            return Window(found, timed, on_cap=False)
    assert found is not None
    return Window(replace(found, on_cap=True), timed, on_cap=True)


def _replicas(lab: Lab) -> Mapping[str, Replicas]:
    return {name: lab.replicas(name) for name in SERVICES}


def _compare(before: Mapping[str, Replicas], after: Mapping[str, Replicas]) -> None:
    """Raise Disturbed where a replica came, went or was restarted."""
    said = []
    for name, old in before.items():
        new = after[name]
        came, gone = len(set(new.names) - set(old.names)), len(set(old.names) - set(new.names))
        if came or gone:
            said.append(f"{name}: {came} came and {gone} went")
        elif new.restarts != old.restarts:
            said.append(f"{name} was restarted")
        elif (new.ready, new.desired) != (old.ready, old.desired):
            said.append(f"{name} went from {old.ready} ready of {old.desired} to {new.ready} of {new.desired}")
    if said:
        raise Disturbed(
            f"Replicas changed while the counter was sampled ({'; '.join(said)}).",
            "A rate over both is the rate of neither.",
            "Measure that window again.",
        )


@dataclass
class _LabWindow:
    """One window of a lab, and what it leaves in the run's folder."""

    lab: Lab
    longest: float
    enough: Enough
    caveat: Callable[[Caveat], None]
    system: System
    workers: Sequence[str]
    """Names of the replicas that report."""
    samples: list[Counter] = field(default_factory=list)
    reports: Sequence[WorkerReport] | None = ()

    def measure(self) -> Window:
        """Measure it, by reports where the lab can tell who reported."""
        wander(self.system)  # simulated before the window begins: it takes the CPU for a moment
        self.reports = self.lab.worker_reports(self.lab.counter().t - LOOK_BACK_SECONDS)
        if self.reports is None:
            return self._anonymous()
        return self._by_worker()

    def _anonymous(self) -> Window:
        return sample_window(
            self.lab.counter,
            self.longest,
            system=self.system,
            enough=self.enough,
            caveat=self._refuse,
            samples=self.samples,
        )

    def _refuse(self, caveat: Caveat) -> None:
        """A rate that changes in a lab is measured again as a whole."""
        raise Disturbed(caveat.message, "A rate over both is the rate of neither.", "Measure that window again.")

    def _by_worker(self) -> Window:
        readings = _Readings(self.lab.counter, EVERY_SECONDS, samples=self.samples)
        rate = None
        for look in looks(self.longest):
            readings.until(look)
            begin, end = self.samples[0].t, self.samples[-1].t
            reports = self.lab.worker_reports(begin - LOOK_BACK_SECONDS)
            if reports is None or not agree(reports, self.samples):
                return self._without_reports(readings, reports is None)
            if strangers := {one.worker for one in reports if one.t > begin} - set(self.workers):
                raise Disturbed(
                    f"{', '.join(sorted(strangers))} reported work while the counter was sampled, and was not there before.",
                    "A worker came, or was replaced.",
                    "Measure that window again.",
                )
            # Those of workers that left shortly before the window are no part of it.
            self.reports = reports = [one for one in reports if one.t <= end and one.worker in self.workers]
            still = self.samples[-1].hashes == self.samples[0].hashes
            if still and look < min(self.longest, STILL_SECONDS):
                continue
            rate = rate_by_worker(reports, begin, end, self.system)
            silent = silent_workers(Progress(reports, end), self.system)
            if silent and look < self.longest:
                continue
            if silent:
                raise Disturbed(
                    f"{', '.join(silent)} stopped reporting while the counter was sampled.",
                    "It ended, or cannot reach rng, hasher or Redis.",
                    "Measure that window again.",
                )
            if self.enough(rate):
                return Window(rate, self.samples, on_cap=False)
        assert rate is not None
        return Window(replace(rate, on_cap=True), self.samples, on_cap=True)

    def _without_reports(self, readings: _Readings, lost: bool) -> Window:
        """Go on with the counter alone."""
        self.reports = None
        why = "are not known any more" if lost else "do not add up to what the hash counter rose by"
        self.caveat(
            Caveat(
                code="reports-differ",
                message=f"The workers' own reports {why}, so the rate was taken from the counter alone.",
                hint="Its interval is wider. Check the workers' logs: `dclab logs worker`.",
            )
        )
        readings.every = OFTEN_SECONDS
        found = _sampled(readings, self.longest, self.system, self.enough, self._refuse)
        self.samples = found.samples
        return found

    def rows(self, what: str, attempt: int) -> Mapping[str, list[Mapping[str, Any]]]:
        """What the rate can be computed from again."""
        head = {"what": what} if attempt == 0 else {"what": what, "attempt": attempt + 1}
        found: dict[str, list[Mapping[str, Any]]] = {
            "counter": [{**head, "t": one.t, "hashes": one.hashes} for one in self.samples]
        }
        if self.reports:
            found["reports"] = [{**head, **one._asdict()} for one in self.reports]
        found["windows"] = [
            {
                **head,
                "workers": self.system.workers,
                "rngs": self.system.rngs,
                "load_balancing": self.system.load_balancing,
                "by": "counter" if self.reports is None else "reports",
            }
        ]
        return found


def _system_of(lab: Lab, replicas: Mapping[str, Replicas]) -> System:
    """Return what is known of the lab's process; no workers are no rate."""
    workers = replicas["worker"].ready
    if not workers:
        raise CounterStill(
            "No worker is ready, so nothing is hashed.",
            f"The deployment worker has {replicas['worker'].desired} replicas wanted and none ready.",
            "Start one: `dclab scale worker 1`.",
        )
    policy: Any = lab.load_balancing
    return System(workers=workers, rngs=max(1, replicas["rng"].ready), load_balancing=policy)


def measure_rate(lab: Lab, longest: float, observer: Observer, what: str, *, enough: Enough = known_well) -> Window:
    """Return the rate over a window of at most `longest` seconds; a disturbed window is measured again.

    A lab that is gone would be deployed with the manifests' replica counts, which only the caller can restore, so
    LabLost goes through.

    Args:
        lab: the lab.
        longest: seconds.
        observer: takes the readings and reports as raw data, and caveats.
        what: is measured, such as `3 workers`.
        enough: whether the rate so far will do; by default at ±2 %.

    Raises:
        LabLost: the lab does not answer.
        DclabError: the third window in a row was disturbed, too.
    """
    for attempt in range(3):
        window = None
        try:
            before = _replicas(lab)
            window = _LabWindow(lab, longest, enough, observer.caveat, _system_of(lab, before), before["worker"].names)
            found = window.measure()
            _compare(before, _replicas(lab))
            return found
        except (ClockStepped, CounterReset, CounterStill, Disturbed, RateChanged, TooShort) as error:
            observer.caveat(Caveat(code=error.code, message=f"{what}: {error.what}", hint="It was measured again."))
            if attempt == 2:
                raise
            lab.ready()
        finally:
            for name, rows in window.rows(what, attempt).items() if window else ():
                observer.raw(name, rows)
    raise LabLost("The counter could not be sampled.")
