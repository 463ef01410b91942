"""One autoscaler in a closed loop with the plant.

What it sees is late and averaged, as in a lab, and what it decides takes effect when pods have started.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter

from dclab.autoscaler import AutoscalerSpec, Decision, History, Observation, PodMetric, decide
from dclab.autoscaler import Pod as SeenPod
from dclab.autoscaler.served import IN_FLIGHT, LATENCY, REQUESTS
from dclab.autoscaler.spec import EMBEDDED
from dclab.elasticity.demand import USUAL, demand_steps, wait_ms
from dclab.elasticity.plant import Plant, Pod, Totals
from dclab.elasticity.profile import Step
from dclab.elasticity.score import score_run
from dclab.elasticity.settling import settled
from dclab.measure.prometheus_rate import prometheus_rate
from dclab.measure.simulate import System
from dclab.results import AutoscaleEvent, DemandStep, Elasticity, ElasticPoint

__all__ = ["POD_START", "Conditions", "SimulatedRun", "simulate_run"]

POD_START = {"embedded": 0.2, "kube": 2.5}
"""Mean real seconds from an rng's creation until it is ready, by engine."""
PERIODS_OF_A_RATE = 3
"""A rate is taken over so many scrape periods."""
SHOWN_EVERY = 2.0
"""Seconds of the autoscaler's clock between two points, but at least one real second."""
WAIT_SECONDS = 5.0
"""Real seconds over which a point's wait is averaged."""
OLD = 1000.0
"""Seconds for which the first pods have been ready when the run begins."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What autoscalers are compared under. Seconds on the autoscaler's clock, unless said otherwise."""

    profile: tuple[Step, ...]
    slo_ms: float = 100.0
    """Objective for the wait of a worker's call, in real milliseconds."""
    clock_speed: float = 1.0
    """How many times faster than real time the autoscaler's clock runs."""
    scrape_seconds: float = 10.0
    rate_seconds: float | None = None
    """Over which rates are taken; None for three scrape periods."""
    pod_start: float = POD_START["kube"]
    """Real seconds, on average."""
    system: System = USUAL
    request_millicores: float = 200.0
    """CPU request of an rng, as in manifests/rng.yaml."""
    sync_seconds: float = 15.0
    """Between two passes of the autoscaler."""
    resolution_seconds: float = 15.0
    """Over which the metrics API averages CPU."""

    @property
    def window(self) -> float:
        """Seconds over which rates are taken."""
        return PERIODS_OF_A_RATE * self.scrape_seconds if self.rate_seconds is None else self.rate_seconds

    @property
    def seconds(self) -> float:
        """Length of a run."""
        return sum(one.seconds for one in self.profile)


@dataclass(frozen=True, kw_only=True)
class SimulatedRun:
    """What an autoscaler did in the simulation."""

    demand: tuple[DemandStep, ...]
    timeline: tuple[ElasticPoint, ...]
    seconds: float
    events: tuple[AutoscaleEvent, ...]
    scores: Elasticity
    scores_high: Elasticity | None
    settled: bool | None
    resting: int | None


@dataclass
class _Loop:
    """The state of one run. Times are the plant's: real seconds, 0 where the run begins."""

    spec: AutoscalerSpec
    conditions: Conditions
    plant: Plant
    desired: int
    history: History = field(default_factory=History)
    decision: Decision | None = None
    probes: deque[tuple[float, float, int]] = field(default_factory=lambda: deque(maxlen=8))
    """(time, seconds, number) of httplat's probes at the latest scrapes."""
    points: list[ElasticPoint] = field(default_factory=list)
    events: list[AutoscaleEvent] = field(default_factory=list)
    before: tuple[float, Totals] | None = None
    recent: deque[tuple[float, int]] = field(default_factory=deque)
    """(time, units) since the demand changed, for no longer than a wait is averaged over."""

    def clock(self, t: float) -> float:
        """Return the autoscaler's clock at a moment."""
        return t * self.conditions.clock_speed

    def step(self, step: Step) -> None:
        """Change the demand."""
        self.plant.set_workers(step.workers)
        self.plant.set_users(step.users)
        self.recent.clear()

    def scrape(self) -> None:
        """Let Prometheus scrape each rng and httplat."""
        now, totals = self.plant.now, self.plant.totals()
        for pod in self.plant.pods:
            if pod.ready_at <= now:
                pod.samples.append((now, pod.in_flight_seconds(now), pod.requests))
        self.probes.append((now, totals.probe_seconds, totals.probes))

    def resolve(self) -> None:
        """End one window of the metrics API, and begin the next; a pod younger than a window has no sample."""
        now = self.plant.now
        for pod in self.plant.pods:
            if pod.ready_at > now:
                continue
            if pod.usage is None:
                pod.usage = (now, pod.cpu, 0.0, 0.0)
            else:
                before, cpu, _, _ = pod.usage
                pod.usage = (now, pod.cpu, now - before, 1000 * (pod.cpu - cpu) / (now - before))

    def look(self) -> None:
        """Run one pass of the autoscaler."""
        now = self.clock(self.plant.now)
        self.decision = decide(self.spec, self.history, self.observe(), now, EMBEDDED)
        self.history = self.decision.history
        self.events += self.decision.events
        if self.decision.desired != self.desired:
            self.desired = self.decision.desired
            self.plant.scale(self.desired)

    def observe(self) -> Observation:
        """Return what the controller can see."""
        plant, alive = self.plant, [one for one in self.plant.pods if not one.draining]
        shown = {
            one.name: PodMetric(
                value=math.ceil(one.usage[3]), at=self.clock(one.usage[0]), window=self.clock(one.usage[2])
            )
            for one in alive
            if one.usage and one.usage[2]
        }
        rates = {name: {one.name: self.rate(one, at) for one in alive} for name, at in ((IN_FLIGHT, 1), (REQUESTS, 2))}
        return Observation(
            replicas=self.desired,
            status_replicas=len(alive),
            pods=tuple(self.seen(one) for one in plant.pods),
            usage=shown,
            requests={one.name: self.conditions.request_millicores for one in plant.pods},
            pod_metrics={
                name: {
                    pod: PodMetric(value=_truncated(value), at=self.clock(plant.now), window=self.conditions.window)
                    for pod, value in each.items()
                    if value is not None
                }
                for name, each in rates.items()
            },
            values=self.values(),
        )

    def seen(self, pod: Pod) -> SeenPod:
        """Return a pod as the controller sees it."""
        ready = pod.ready_at <= self.plant.now
        return SeenPod(
            name=pod.name,
            ready=ready,
            started=self.clock(pod.created),
            ready_changed=self.clock(pod.ready_at if ready else pod.created),
            phase="Running" if ready else "Pending",
            deleted=pod.draining,
        )

    def rate(self, pod: Pod, at: int) -> float | None:
        """Return the rate of one of a pod's counters (1 in-flight seconds, 2 requests), a real second."""
        return self.rate_of([(one[0], one[at]) for one in pod.samples])

    def rate_of(self, samples: Sequence[tuple[float, float]]) -> float | None:
        """Return the rate of a counter, a real second; None where it is not known."""
        return prometheus_rate(samples, self.plant.now, self.conditions.window / self.conditions.clock_speed)

    def values(self) -> dict[str, float]:
        """Return the metrics of the whole target; what is not known is absent."""
        found = {}
        seconds, probes = (self.rate_of([(one[0], one[at]) for one in self.probes]) for at in (1, 2))
        if seconds is not None and probes:
            found[LATENCY] = _truncated(seconds / probes)
        for name, at in ((IN_FLIGHT, 1), (REQUESTS, 2)):
            rates = [self.rate(one, at) for one in (*self.plant.pods, *self.plant.gone)]
            known = [one for one in rates if one is not None]
            if known:
                found[name] = _truncated(sum(known))
        return found

    def show(self) -> None:
        """Add a point to the timeline."""
        now, totals = self.plant.now, self.plant.totals()
        self.recent.append((now, totals.units))
        while now - self.recent[0][0] > WAIT_SECONDS:
            self.recent.popleft()
        before, self.before = self.before, (now, totals)
        if before is None:
            return
        since, past = now - before[0], before[1]
        span = now - self.recent[0][0]
        rate = (totals.units - self.recent[0][1]) / span if span >= WAIT_SECONDS / 2 else None
        self.points.append(
            ElasticPoint(
                t=self.clock(now),
                desired=self.desired,
                ready=self.plant.ready,
                metrics=self.decision.metrics if self.decision else (),
                wait_ms=None if rate is None else wait_ms(len(self.plant.workers), rate, self.conditions.system),
                in_flight=max(0.0, totals.in_flight_seconds - past.in_flight_seconds) / since,
                requests_per_second=(totals.requests - past.requests) / since,
                hashes_per_second=rate,
            )
        )


def _truncated(value: float) -> float:
    """Return a metric as adapters of Prometheus hand it out: in whole milli-units."""
    return int(1000 * value) / 1000


def simulate_run(spec: AutoscalerSpec, conditions: Conditions, seed: int) -> SimulatedRun:
    """Return what an autoscaler does under a profile, from rest at its least replicas.

    Args:
        spec: the autoscaler; its metrics are among those of `dclab.autoscaler.served`.
        conditions: the demand, the clocks and the plant.
        seed: of all chance, the phases of scrapes and passes among it.
    """
    dice = random.Random(seed)
    speed = conditions.clock_speed
    warm = (conditions.window + 2 * conditions.scrape_seconds + 2 * conditions.resolution_seconds) / speed + 10.0
    plant = Plant(
        conditions.system,
        seed=dice.getrandbits(32),
        rngs=spec.min_replicas,
        pod_start=conditions.pod_start,
        begin=-warm,
    )
    for pod in plant.pods:
        pod.created = pod.ready_at = -warm - OLD
    loop = _Loop(spec, conditions, plant, spec.min_replicas)
    loop.step(conditions.profile[0])
    for t, act in _agenda(loop, warm, dice):
        plant.advance(t)
        act()
    demand = demand_steps(conditions.profile, conditions.slo_ms, spec.max_replicas, conditions.system)
    timeline = tuple(loop.points)
    low, high = score_run(demand, timeline, conditions.seconds, conditions.slo_ms)
    rests, resting = settled(timeline, spec, conditions.seconds, demand[-1].t)
    return SimulatedRun(
        demand=demand,
        timeline=timeline,
        seconds=conditions.seconds,
        events=tuple(loop.events),
        scores=low,
        scores_high=high,
        settled=rests,
        resting=resting,
    )


def _agenda(loop: _Loop, warm: float, dice: random.Random) -> list[tuple[float, Callable[[], None]]]:
    """Return what happens when, in real seconds from the run's beginning; each periodic thing has a phase of its own."""
    conditions, speed = loop.conditions, loop.conditions.clock_speed
    end = conditions.seconds / speed
    every = max(1.0, SHOWN_EVERY / speed)
    agenda: list[tuple[float, Callable[[], None]]] = []
    t = 0.0
    for step in conditions.profile:
        agenda.append((t, partial(loop.step, step)))
        t += step.seconds / speed
    agenda += ((every * each, loop.show) for each in range(math.floor(end / every) + 1))
    for act, period, begin in (
        (loop.scrape, conditions.scrape_seconds / speed, -warm),
        (loop.resolve, conditions.resolution_seconds / speed, -warm),
        (loop.look, conditions.sync_seconds / speed, 0.0),
    ):
        first = begin + period * dice.random()
        agenda += ((first + period * each, act) for each in range(math.ceil((end - first) / period)))
    return sorted(agenda, key=itemgetter(0))
