"""One autoscaler under demand that moves: what was needed, what was there, what it cost the workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dclab.elasticity.demand import demand_steps, wait_ms
from dclab.elasticity.profile import Step
from dclab.elasticity.score import score_run
from dclab.elasticity.settling import settled
from dclab.experiments.autoscale_watch import GAP_SECONDS, figures
from dclab.experiments.autoscalers import Candidate
from dclab.experiments.meters import Meters
from dclab.experiments.moving_demand import MovingDemand
from dclab.experiments.observer import Observer
from dclab.experiments.trouble import TroubleWatch
from dclab.lab import AutoscalerStatus, Lab
from dclab.results import AutoscalerRun, Caveat, DemandStep, ElasticPoint

__all__ = ["ElasticRun", "RunSettings"]

RECORD_SECONDS = 5.0
"""Between two writes of results.json; each point is in the raw data at once."""

FULL_SHARE = 0.05
"""Of the time: with a backlog full for longer, in-flight is not near to what is there."""


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What every autoscaler of a comparison is run under."""

    target: str
    steps: Sequence[Step]
    slo_ms: float
    tick: float
    """Real seconds between two points."""

    @property
    def seconds(self) -> float:
        """Of a whole run, on the autoscaler's clock."""
        return sum(one.seconds for one in self.steps)


class ElasticRun:
    """The run of one autoscaler as it grows.

    Args:
        lab: at the first step's demand.
        candidate: the autoscaler.
        settings: what it is run under.
        observer: of each point.
        record: takes the run as far as it has come, now and then.
    """

    def __init__(
        self,
        lab: Lab,
        candidate: Candidate,
        settings: RunSettings,
        observer: Observer,
        record: Callable[[AutoscalerRun], object],
    ) -> None:
        self.lab = lab
        self.candidate = candidate
        self.settings = settings
        self.observer = observer
        self._record = record
        self._recorded = 0.0
        self._began = self._begin = 0.0
        """In unix seconds, and on a clock that nobody sets."""
        self._steps: list[DemandStep] = []
        self._timeline: list[ElasticPoint] = []
        self._status: AutoscalerStatus | None = None
        self._full_seconds = 0.0
        self._meters = Meters(lab, settings.target)
        self._trouble = TroubleWatch(lab, settings.target, observer, candidate.name)
        self._demand = MovingDemand(lab, settings.target, settings.steps[0], candidate.name, observer)

    def follow(self) -> AutoscalerRun:
        """Apply the autoscaler, move the demand, and return what became of it; `end` is for the caller, however it ends."""
        first, *others = self.settings.steps
        self.lab.apply_autoscaler(self.candidate.manifest)
        self._began, self._begin = time.time(), time.monotonic()
        self._needs(first, 0.0)
        self._until(first.seconds, first, reached=True)
        end = first.seconds
        for step in others:
            end += step.seconds
            self._demand.to(step)
            self._until(end, step, reached=False)
            self._demand.wait()
        found = self._so_far(whole=True)
        self._tell(found)
        return found

    def end(self) -> None:
        """Stop the siege, if there is one."""
        self._demand.end()

    def keep(self) -> None:
        """Record a run that was cut off."""
        if len(self._timeline) > 1:
            self._record(self._so_far(whole=False))

    @property
    def _t(self) -> float:
        """Seconds since the autoscaler was applied, on its clock."""
        return (time.monotonic() - self._begin) * self.lab.clock_speed

    def _needs(self, step: Step, t: float) -> None:
        """Note that the demand is a step's from `t` on."""
        settings = self.settings
        (found,) = demand_steps([step], settings.slo_ms, self.candidate.spec.max_replicas, target=settings.target)
        self._steps.append(replace(found, t=t))

    def _until(self, end: float, step: Step, *, reached: bool) -> None:
        """Take points until then. The step begins at the first one that sees its demand, as supply does at its points."""
        while True:
            workers = self._point(step, reached=reached)
            if not reached and self._demand.reached(workers):
                reached = True
                self._needs(step, self._timeline[-1].t)
                self._meters.restart()
            left = (end - self._t) / self.lab.clock_speed
            if left <= 0:
                return
            time.sleep(min(self.settings.tick, left))

    def _point(self, step: Step, *, reached: bool) -> int:
        """Take one point; return how many workers there are."""
        lab, target = self.lab, self.settings.target
        self._status = status = lab.autoscaler(self.candidate.spec.name)
        replicas, workers = lab.replicas(target), lab.replicas("worker")
        reading = self._meters.look(workers.names)
        rate = reading.hashes_per_second
        point = ElasticPoint(
            t=self._t,
            desired=replicas.desired,
            ready=replicas.ready,
            metrics=status.metrics,
            wait_ms=wait_ms(step.workers, rate) if reached and rate and target == "rng" else None,
            in_flight=reading.in_flight,
            requests_per_second=reading.requests_per_second,
            hashes_per_second=rate,
        )
        self._full_seconds += reading.full_seconds
        self._tell_gap(point)
        self._timeline.append(point)
        self.observer.raw("elastic", [{"run": self.candidate.name, "demand": self._steps[-1], "point": point}])
        if time.monotonic() > self._recorded + RECORD_SECONDS:
            self.keep()
            self._recorded = time.monotonic()
        self.observer.step(self._line(point))
        self._trouble.look(
            time.monotonic(),
            ready=point.ready,
            desired=point.desired,
            workers=step.workers if reached else None,
            conditions=status.conditions,
        )
        return workers.ready

    def _so_far(self, *, whole: bool) -> AutoscalerRun:
        """Return what is known; of a run that is not whole, nobody can tell whether it has settled."""
        seconds = self.settings.seconds if whole else self._timeline[-1].t
        scores, scores_high = score_run(self._steps, self._timeline, seconds, self.settings.slo_ms)
        is_settled, resting = None, None
        if whole:
            is_settled, resting = settled(self._timeline, self.candidate.spec, seconds, self._steps[-1].t)
        status, speed = self._status, self.lab.clock_speed
        events = [replace(one, t=(one.t - self._began) * speed) for one in (status.events if status else ())]
        return AutoscalerRun(
            name=self.candidate.name,
            metric=self.candidate.metric,
            origin=self.candidate.origin,
            manifest=self.candidate.manifest,
            demand=tuple(self._steps),
            timeline=tuple(self._timeline),
            seconds=seconds,
            events=tuple(events),
            conditions=status.conditions if status else (),
            scores=scores,
            scores_high=scores_high,
            settled=is_settled,
            resting=resting,
        )

    def _tell_gap(self, point: ElasticPoint) -> None:
        before = self._timeline[-1].t if self._timeline else point.t
        seconds = (point.t - before) / self.lab.clock_speed
        if seconds > self.settings.tick + GAP_SECONDS:
            self.observer.caveat(
                Caveat(
                    code="gap",
                    message=f"{self.candidate.name}: the lab did not answer for {seconds:.0f} s.",
                    hint="What the autoscaler did meanwhile is not in its scores. Compare again.",
                )
            )

    def _tell(self, run: AutoscalerRun) -> None:
        """Warn of what the figures of a whole run do not say by themselves."""
        name, target = run.name, self.settings.target
        share = self._full_seconds * self.lab.clock_speed / max(1e-9, 60 * run.scores.pod_minutes)
        if share > FULL_SHARE:
            self.observer.caveat(
                Caveat(
                    code="backlog-full",
                    message=f"{name}: for {100 * share:.0f} % of the time the backlog of a replica of {target} was full.",
                    hint="More requests waited than could be counted, so in-flight is a lower bound there.",
                )
            )
        if target == "rng" and all(one.wait_ms is None for one in run.timeline):
            self.observer.caveat(
                Caveat(
                    code="waits-unknown",
                    message=f"{name}: the workers' rate was never known, so neither was how long their calls waited.",
                    hint="The other scores stand. See `dclab logs worker`.",
                )
            )

    def _line(self, point: ElasticPoint) -> str:
        now = self._steps[-1]
        asks = f"{now.workers} worker{'s' * (now.workers != 1)}" + (f" and {now.users} users" if now.users else "")
        wait = "–" if point.wait_ms is None else f"{point.wait_ms:.0f} ms"
        shown = figures(point.metrics) or "no metric value yet"
        return (
            f"comparing {self.candidate.name}: {point.t:.0f} of {self.settings.seconds:.0f} s, {asks} need {now.needed} "
            f"{self.settings.target}, {point.ready}/{point.desired} ready, {shown}, a call waits {wait}"
        )
