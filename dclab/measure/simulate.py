"""DockerCoins as an event-driven simulation: workers with their cycles and reports, queues, load balancing, jitter.

One model for everything that has to know how the process behaves: the truth of the tests, how far a window's rate lies
from the long-run rate (`dclab.measure.wander`), predictions, and what a probe waits. All times are in seconds.
"""

from __future__ import annotations

import heapq
import math
import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from dclab.lab import Counter, WorkerReport
from dclab.measure.stations import Stations
from dclab.measure.system import LoadBalancing, System, lab_system

__all__ = [
    "REPORT_EVERY",
    "LoadBalancing",
    "Simulated",
    "System",
    "counter_readings",
    "lab_system",
    "simulate",
    "simulated_rate",
    "true_rate",
]

REPORT_EVERY = 1.0
"""A worker reports at the first beginning of a unit that is later than this after its last report."""
PROBES_PER_SECOND = 4.0


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One window of a simulated run; times are seconds since the window's beginning."""

    reports: tuple[WorkerReport, ...]
    """In order of time, also those from before the window (negative times), as far as the simulation went back."""
    units: int
    """Units of work finished within the window: the truth that the counter shows with delay."""
    rng_waits: tuple[float, ...]
    """What probes at random moments wait for rng, which serves them in no time once it is their turn."""
    hasher_waits: tuple[float, ...]


def _begin(system: System, rng: Stations, dice: random.Random) -> list[tuple[float, int]]:
    """Put the workers where a long run would be found, and return (time, worker) of when each has been served.

    Those that are not thinking are queued. Where chance balances the load, every division of the queue among the replicas
    is about as probable as any other (exactly so with exponential service: Gordon and Newell, Operations Research 15,
    1967); the other policies keep it even.
    """
    service = system.service + system.service_jitter
    think = system.delay + system.hashing + 2 * system.jitter
    most = min(system.workers / (think + service), system.rngs * system.threads / service)
    if (
        system.hasher_threads is not None and system.most < most
    ):  # they queue at hasher, and come from there one after the other
        return [(dice.uniform(0, system.workers / system.most), worker) for worker in range(system.workers)]
    queued = max(0, round(system.workers - most * think))
    if system.load_balancing == "random" and system.rngs > 1:
        bars = sorted(dice.sample(range(queued + system.rngs - 1), system.rngs - 1))
        edges = [-1, *bars, queued + system.rngs - 1]
        places = [each for each in range(system.rngs) for _ in range(edges[each + 1] - edges[each] - 1)]
    else:
        places = [each % system.rngs for each in range(queued)]
    begun = [
        (rng.serve(place, 0.0, service * dice.random() if not rng.free[place][0] else service), worker)
        for worker, place in enumerate(places)
    ]
    return begun + [(dice.uniform(0, think), worker) for worker in range(queued, system.workers)]


def simulate(  # noqa: C901, PLR0912, PLR0915 - one loop, for speed
    system: System, seconds: float, *, seed: int, settle: float | None = None, most_units: int | None = None
) -> Simulated:
    """Return one window of a run of this system.

    Args:
        system: what is simulated.
        seconds: length of the window.
        seed: of all chance; the same seed gives the same run.
        settle: seconds simulated before the window; by default until every worker has reported twice.
        most_units: end after so many units, window or not.
    """
    dice = random.Random(seed)
    draw, log, replaced = dice.random, math.log, heapq.heapreplace
    rng = Stations(system.rngs, system.threads, system.load_balancing, draw)
    hasher: Stations | None = None
    if system.hasher_threads is not None:
        hasher = Stations(system.hashers, system.hasher_threads, system.load_balancing, draw)
    workers, redis = system.workers, system.redis
    service, service_jitter = system.service, system.service_jitter
    delay, hashing, jitter = system.delay, system.hashing, system.jitter
    cycle = max(3 * service + delay, workers * (service + service_jitter) / (system.rngs * system.threads))
    if system.hasher_threads is not None:
        cycle = max(cycle, workers / system.most)
    if settle is None:
        settle = 3 * (REPORT_EVERY + cycle)
    end = settle + seconds
    names = [f"worker-{one}" for one in range(workers)]
    done = [0] * workers
    deadline = [dice.uniform(0, REPORT_EVERY + min(cycle, 1.0)) for _ in range(workers)]
    reports: list[tuple[float, int, int]] = []
    rng_waits: list[float] = []
    hasher_waits: list[float] = []
    finished = 0
    probe_at = settle + dice.expovariate(PROBES_PER_SECOND)
    single = system.rngs == 1 and system.threads == 1
    free = rng.free[0]
    # (time, worker): the worker's request reaches rng; (time, worker + workers): it reaches hasher;
    # (time, worker + 2 workers): its unit is done.
    events = [(at + hashing, worker + 2 * workers) for at, worker in _begin(system, rng, dice)]
    heapq.heapify(events)
    units = 0
    while events:
        now, worker = events[0]
        while probe_at < now and probe_at < end:
            rng_waits.append(rng.wait(probe_at))
            hasher_waits.append(hasher.wait(probe_at) if hasher else 0.0)
            probe_at += dice.expovariate(PROBES_PER_SECOND)
        if now > end:
            break
        if worker < workers:
            held = service - service_jitter * log(1.0 - draw())
            if single:
                begin = free[0]
                now = free[0] = max(now, begin) + held
            else:
                now = rng.serve(rng.choose(now), now, held)
            if hasher is not None:
                replaced(events, (now, worker + workers))
                continue
            now += hashing - jitter * log(1.0 - draw())
            if now > end:
                replaced(events, (now, worker + 2 * workers))
                continue
        elif worker < 2 * workers:
            assert hasher is not None
            worker -= workers
            done_at = hasher.serve(hasher.choose(now), now, hashing - jitter * log(1.0 - draw()))
            replaced(events, (done_at, worker + 2 * workers))
            continue
        else:
            worker -= 2 * workers
        # The unit is done, at `now`; nobody else is touched until the worker's next request.
        done[worker] += 1
        finished += now > settle
        units += 1
        if now > deadline[worker]:
            reports.append((now, worker, done[worker]))
            done[worker] = 0
            now += redis
            deadline[worker] = now + REPORT_EVERY
        replaced(events, (now + delay - jitter * log(1.0 - draw()), worker))
        if units == most_units:
            break
    reports.sort()
    return Simulated(
        reports=tuple(WorkerReport(names[worker], at - settle, count) for at, worker, count in reports),
        units=finished,
        rng_waits=tuple(rng_waits),
        hasher_waits=tuple(hasher_waits),
    )


def counter_readings(reports: Sequence[WorkerReport], times: Sequence[float]) -> list[Counter]:
    """Return what the hash counter shows at these times: the sum of what was reported until then."""
    at = [one.t for one in reports]
    total, sums = 0, [0]
    for one in reports:
        total += one.units
        sums.append(total)
    return [Counter(t=t, hashes=sums[bisect_right(at, t)], coins=0) for t in times]


@lru_cache(maxsize=1024)
def true_rate(system: System, units: int = 400_000, seed: int = 1) -> float:
    """Return the long-run rate of the system in hashes per second, over so many units of one run."""
    seconds = units / system.most
    return simulate(system, seconds, seed=seed).units / seconds


def simulated_rate(
    workers: int,
    servers: int,
    think: float,
    service: float,
    *,
    hashers: int = 1,
    load_balancing: LoadBalancing = "random",
    units: int = 6000,
    seed: int = 1,
) -> float:
    """Return `true_rate` of a system that needs `think` seconds a unit beside rng's `service`."""
    system = replace(
        lab_system(workers, servers, hashers, load_balancing),
        delay=think / 2,
        service=service,
        hashing=think / 2,
        redis=0.0,
        jitter=think / 4000,
        service_jitter=0.0,
    )
    return true_rate(system, units, seed)
