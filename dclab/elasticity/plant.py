"""DockerCoins as an autoscaler's plant: workers, siege users and rngs that come and go, simulated event by event.

`dclab.measure.simulate` is the same process with a fixed number of each; here the requests of a siege and of httplat's
probes queue beside the workers' calls, and each rng has the counters that autoscalers are shown. Times are real seconds.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from typing import Literal, NamedTuple

from dclab.measure.simulate import System

__all__ = ["Plant", "Pod", "Totals"]

GREETING_SECONDS = 0.0004
"""What a siege's request, or a probe's, holds rng for: a connection and a few bytes."""
USER_SECONDS = 0.0004
"""From a user's answer to its next request."""
SIEGE_SECONDS = 0.00025
"""Between two requests of all users together, at least: rngs that are idle could serve more than a generator can ask."""
CALL_CPU, GREETING_CPU = 0.00133, 0.00011
"""Seconds of CPU that rng uses for a worker's call and for a greeting."""
PROBE_EVERY = 1.0
"""Seconds between two of httplat's probes, ± 50 %."""

Kind = Literal[0, 1, 2]
WORKER: Kind = 0
USER: Kind = 1
PROBE: Kind = 2


class Pod:
    """One rng, with its queue and its counters."""

    __slots__ = (
        "area", "cpu", "created", "draining", "free", "n", "name", "ready_at", "requests", "samples", "since", "usage"
    )  # fmt: skip

    def __init__(self, name: str, created: float, ready_at: float, threads: int) -> None:
        self.name = name
        self.created = created
        self.ready_at = ready_at
        self.draining = False
        self.free = [created] * threads
        """A heap of when each of its threads will have served all who have come."""
        self.n = 0
        """Requests that it holds."""
        self.area = 0.0
        """Those, integrated up to `since`."""
        self.since = created
        self.requests = 0
        self.cpu = 0.0
        self.samples: deque[tuple[float, float, int]] = deque(maxlen=8)
        """(time, in-flight seconds, requests) at the latest scrapes."""
        self.usage: tuple[float, float, float, float] | None = None
        """(end, CPU seconds until then, window, millicores) of the latest window of the metrics API."""

    def in_flight_seconds(self, now: float) -> float:
        """Return the requests that it held, integrated over time."""
        return self.area + self.n * (now - self.since)


class Totals(NamedTuple):
    """Counters of the whole plant."""

    units: int
    """Calls of workers that were answered."""
    waited: float
    """Seconds that these queued, added up."""
    in_flight_seconds: float
    requests: int
    probes: int
    probe_seconds: float


class Plant:
    """The running system. `advance` simulates it; everything else is immediate."""

    def __init__(self, system: System, seed: int, *, rngs: int, pod_start: float, begin: float = 0.0) -> None:
        """Make one without workers or users.

        Args:
            system: its times and rng's threads; its numbers of replicas are not used.
            seed: of all chance.
            rngs: that are ready at the beginning.
            pod_start: mean seconds from an rng's creation until it is ready.
            begin: its first moment.
        """
        self.system = system
        self.dice = random.Random(seed)
        self.pod_start = pod_start
        self.now = begin
        self.pods: list[Pod] = []
        """Those that exist, in order of creation; draining ones until they have answered all."""
        self.gone: list[Pod] = []
        self.workers: list[int] = []
        self.users: list[int] = []
        self._ready: list[Pod] = []
        self._made = 0
        self._kinds: list[Kind] = []
        """By actor: what it is."""
        self._at: list[Pod | None] = []
        """By actor: where its request is."""
        self._since: list[float] = []
        """By actor: when its request came there."""
        self._leaving: set[int] = set()
        self._events: list[tuple[float, int]] = []
        """A heap: when each actor's request comes, or has been served."""
        self._units = self._requests = self._probes = 0
        self._waited = self._probe_seconds = 0.0
        self._asked = begin
        """When the siege's latest request is sent."""
        for _ in range(rngs):
            self._new_pod(begin)
        self._add(PROBE, 1, 0.0)

    # What changes it.

    def set_workers(self, count: int) -> None:
        """Have so many workers: new ones start, those that are too many leave after their call."""
        self._set(self.workers, WORKER, count)

    def set_users(self, count: int) -> None:
        """Have so many users of a siege."""
        self._set(self.users, USER, count)

    def _set(self, present: list[int], kind: Kind, count: int) -> None:
        while len(present) > count:
            self._leaving.add(present.pop())
        present += self._add(kind, count - len(present), self.pod_start)

    def _add(self, kind: Kind, count: int, within: float) -> list[int]:
        new = list(range(len(self._kinds), len(self._kinds) + max(0, count)))
        for actor in new:
            self._kinds.append(kind)
            self._at.append(None)
            self._since.append(0.0)
            heapq.heappush(self._events, (self.now + self.dice.uniform(0.0, max(0.3, within)), actor))
        return new

    def scale(self, desired: int) -> None:
        """Want so many rngs. Of those that are too many the ones that are not ready go first, then the youngest."""
        alive = [one for one in self.pods if not one.draining]
        for _ in range(desired - len(alive)):
            self._new_pod(self.now + self.pod_start * self.dice.uniform(0.7, 1.3))
        alive.sort(key=lambda one: (one.ready_at <= self.now, -one.created))
        for pod in alive[: max(0, len(alive) - desired)]:
            pod.draining = True
            if pod in self._ready:
                self._ready.remove(pod)

    def _new_pod(self, ready_at: float) -> None:
        self._made += 1
        pod = Pod(f"rng-{self._made}", self.now, ready_at, self.system.threads)
        self.pods.append(pod)
        if ready_at <= self.now:
            self._ready.append(pod)

    # What can be seen of it.

    @property
    def ready(self) -> int:
        """How many rngs are ready."""
        return len(self._ready)

    def totals(self) -> Totals:
        """Return the counters."""
        held = sum(one.in_flight_seconds(self.now) for one in (*self.pods, *self.gone))
        return Totals(self._units, self._waited, held, self._requests, self._probes, self._probe_seconds)

    # Time.

    def advance(self, until: float) -> None:
        """Simulate up to this moment."""
        while True:
            starting = [one for one in self.pods if not one.draining and one.ready_at > self.now]
            stop = min([until, *(one.ready_at for one in starting)])
            self._serve(stop)
            self.now = stop
            self._ready += [one for one in starting if one.ready_at <= stop]
            if stop >= until:
                break
        over = [one for one in self.pods if one.draining and one.n == 0]
        self.gone += over
        self.pods = [one for one in self.pods if one not in over]

    def _serve(self, until: float) -> None:  # one loop, for speed
        events, ready, kinds, places, since = self._events, self._ready, self._kinds, self._at, self._since
        draw, log, replace = self.dice.random, math.log, heapq.heapreplace
        system = self.system
        service, jitter = system.service, system.service_jitter
        think, pause = system.delay + system.hashing, system.jitter
        count, alone = len(ready), system.threads == 1
        while events and events[0][0] <= until:
            now, actor = events[0]
            kind, pod = kinds[actor], places[actor]
            if pod is None:  # the request comes
                if actor in self._leaving:
                    heapq.heappop(events)
                    continue
                pod = ready[int(draw() * count)]
                held = GREETING_SECONDS if kind else service - jitter * log(1.0 - draw())
                free = pod.free
                begin = max(free[0], now)
                if alone:
                    free[0] = begin + held
                else:
                    replace(free, begin + held)
                pod.area += pod.n * (now - pod.since)
                pod.since = now
                pod.n += 1
                pod.requests += 1
                self._requests += 1
                if kind == WORKER:
                    self._waited += begin - now
                places[actor], since[actor] = pod, now
                replace(events, (begin + held, actor))
                continue
            pod.area += pod.n * (now - pod.since)  # it has been served
            pod.since = now
            pod.n -= 1
            places[actor] = None
            if kind == WORKER:
                pod.cpu += CALL_CPU
                self._units += 1
                next_at = now + think - pause * (log(1.0 - draw()) + log(1.0 - draw()))
            elif kind == USER:
                pod.cpu += GREETING_CPU
                next_at = self._asked = max(now + USER_SECONDS * (0.5 + draw()), self._asked + SIEGE_SECONDS)
            else:
                pod.cpu += GREETING_CPU
                self._probes += 1
                self._probe_seconds += now - since[actor]
                next_at = now + PROBE_EVERY * (0.5 + draw())
            replace(events, (next_at, actor))
