"""A window of a lab in which nothing changed: the rate by its workers' own reports, or by its counter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dclab.errors import DclabError, LabLost
from dclab.experiments.machine import cpu_times
from dclab.experiments.observer import Observer
from dclab.experiments.readings import Readings
from dclab.experiments.sampling import (
    OFTEN_SECONDS,
    STILL_SECONDS,
    Enough,
    Window,
    known_well,
    looks,
    sample_on,
    sample_window,
)
from dclab.lab import SERVICES, Counter, Lab, Replicas, WorkerReport
from dclab.measure.by_worker import LOOK_BACK_SECONDS, Progress, agree
from dclab.measure.changes import RateChanged, silent_workers
from dclab.measure.counter_clock import ClockStepped, CounterReset, CounterStill
from dclab.measure.cpu_times import CpuTimes, busy_share
from dclab.measure.rate import TooShort, rate_by_worker
from dclab.measure.system import System, lab_system
from dclab.measure.wander import wander
from dclab.results import Caveat

__all__ = ["Disturbed", "Rescaled", "check_counts", "compare", "measure_rate", "replicas_of"]

EVERY_SECONDS = 0.1
"""Between two readings of the counter where the workers' reports are known."""


class Rescaled(DclabError):
    """Somebody else scaled a service, so the rate would be that of another lab."""

    code = "rescaled"


class Disturbed(DclabError):
    """Something changed within the window, so the window does not count."""

    code = "disturbed"


def replicas_of(lab: Lab) -> Mapping[str, Replicas]:
    """Return the counts of every service, asked for at once; LabCrashed: one of them is gone."""
    states = lab.states()
    return {name: states[name].counts for name in SERVICES}


def compare(before: Mapping[str, Replicas], after: Mapping[str, Replicas]) -> None:
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
            f"Replicas changed meanwhile ({'; '.join(said)}).",
            "A rate over both is the rate of neither.",
            "Measure that window again.",
        )


def check_counts(wanted: Mapping[str, int], now: Mapping[str, int]) -> None:
    """Raise Rescaled where a service is to have another number of replicas than the rate is wanted of."""
    said = [f"{name} from {wanted[name]} to {count}" for name, count in now.items() if count != wanted[name]]
    if said:
        raise Rescaled(
            f"Something else scaled {', '.join(said)} while the rate was measured.",
            "The rate of other replicas was not what was asked for.",
            "Measure again while nothing else scales this lab.",
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
    hashers: int
    samples: list[Counter] = field(default_factory=list)
    reports: Sequence[WorkerReport] | None = ()
    before: CpuTimes = field(default_factory=cpu_times)
    busy: float = 0.0
    """Share of the processors' time that was used when the rate was last computed."""

    def measure(self) -> Window:
        """Measure it, by reports where the lab can tell who reported."""
        wander(self.system)  # simulated before the window begins: it takes the CPU for a moment
        self.before = cpu_times()
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
            busy=self._busy,
        )

    def _busy(self) -> float:
        self.busy = round(busy_share(self.before, cpu_times()), 3)  # as it is recorded
        return self.busy

    def _refuse(self, caveat: Caveat) -> None:
        """A rate that changes in a lab is measured again as a whole."""
        raise Disturbed(caveat.message, "A rate over both is the rate of neither.", "Measure that window again.")

    def _by_worker(self) -> Window:
        readings = Readings(self.lab.counter, EVERY_SECONDS, samples=self.samples)
        rate = None
        for look in looks(self.longest):
            readings.until(look)
            begin, end = self.samples[0].t, self.samples[-1].t
            since = begin - LOOK_BACK_SECONDS
            reports = self.lab.worker_reports(since)
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
            rate = rate_by_worker(reports, begin, end, self.system, busy=self._busy())
            progress = Progress(reports, end)
            # Of a worker that is not ready nothing is expected; which one that is, the counts do not tell.
            expected = self.workers if len(self.workers) == self.system.workers else progress.workers
            silent = silent_workers(progress, self.system, expected, since)
            if silent and look < self.longest:
                continue
            if silent:
                raise Disturbed(
                    f"{', '.join(silent)} did not report while the counter was sampled, or stopped reporting.",
                    "It ended, or cannot reach rng, hasher or Redis.",
                    "Measure that window again.",
                )
            if self.enough(rate):
                return Window(rate, self.samples)
        assert rate is not None
        return Window(replace(rate, on_cap=True), self.samples)

    def _without_reports(self, readings: Readings, lost: bool) -> Window:
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
        found = sample_on(readings, self.longest, self.system, self.enough, self._refuse, self._busy)
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
                "hashers": self.hashers,
                "load_balancing": self.system.load_balancing,
                "by": "counter" if self.reports is None else "reports",
                "busy": self.busy,
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
    return lab_system(workers, max(1, replicas["rng"].ready), _hashers(replicas), policy)


def _hashers(replicas: Mapping[str, Replicas]) -> int:
    return max(1, replicas["hasher"].ready)


def measure_rate(
    lab: Lab,
    longest: float,
    observer: Observer,
    what: str,
    *,
    workers: int | None = None,
    counts: Mapping[str, int] | None = None,
    enough: Enough = known_well,
) -> Window:
    """Return the rate over a window of at most `longest` seconds; a disturbed window is measured again.

    A lab that is gone would be deployed with the manifests' replica counts, which only the caller can restore, so
    LabLost goes through.

    Args:
        lab: the lab.
        longest: seconds.
        observer: takes the readings and reports as raw data, and caveats.
        what: is measured, such as `3 workers`.
        workers: how many there are to be; None for as many as there are.
        counts: how many replicas other services are to have; None for as many as there are.
        enough: whether the rate so far will do; by default at ±2 %.

    Raises:
        LabLost: the lab does not answer.
        Rescaled: services were scaled meanwhile, so that measuring again would give the rate of something else.
        DclabError: the third window in a row was disturbed, too.
    """
    wanted: Mapping[str, int] = {}
    for attempt in range(3):
        window = None
        try:
            before = replicas_of(lab)
            now = {name: one.desired for name, one in before.items()}
            wanted = wanted or {**now, **(counts or {}), "worker": now["worker"] if workers is None else workers}
            check_counts(wanted, now)
            system, names = _system_of(lab, before), before["worker"].names
            window = _LabWindow(lab, longest, enough, observer.caveat, system, names, _hashers(before))
            found = window.measure()
            compare(before, replicas_of(lab))
            return found
        except (ClockStepped, CounterReset, CounterStill, Disturbed, RateChanged, TooShort) as error:
            if attempt == 2:
                raise
            observer.caveat(Caveat(code=error.code, message=f"{what}: {error.what}", hint="It was measured again."))
            lab.ready()
        finally:
            for name, rows in window.rows(what, attempt).items() if window else ():
                observer.raw(name, rows)
    raise LabLost("The counter could not be sampled.")
