"""One autoscaler under demand that moves: what was asked for, what was there, what it cost the workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from dclab.elasticity.demand import Need, wait_ms
from dclab.elasticity.profile import Step
from dclab.elasticity.score import score_run, settled
from dclab.experiments.autoscale_watch import GAP_SECONDS, figures
from dclab.experiments.autoscalers import Candidate
from dclab.experiments.meters import Meters
from dclab.experiments.observer import Observer
from dclab.experiments.trouble import TroubleWatch
from dclab.lab import AutoscalerStatus, Job, Lab, LoadSpec
from dclab.results import AutoscalerRun, Caveat, DemandStep, ElasticPoint

__all__ = ["ElasticRun", "RunSettings"]

LOAD_MARGIN_SECONDS = 60.0
"""By which a siege is begun longer than its step, at whose end it is stopped: it would end by itself up to a second early."""

RECORD_SECONDS = 5.0
"""Between two writes of results.json; each point is in the raw data at once."""

FULL_SHARE = 0.05
"""Of the time: with a backlog full for longer, in-flight is no longer near to what is there."""

Needs = Callable[[Step, int], Need]
"""The demand of a step, with so many replicas at most."""


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What every autoscaler of a comparison is run under."""

    target: str
    steps: Sequence[Step]
    needs: Needs
    slo_ms: float
    tick: float
    """Real seconds between two points."""


@dataclass
class ElasticRun:
    """The run of one autoscaler as it grows. It leaves workers and target as they are in the end."""

    lab: Lab
    candidate: Candidate
    settings: RunSettings
    observer: Observer
    record: Callable[[AutoscalerRun], None]
    """Takes the run as far as it has come, now and then."""
    job: Job | None = None
    """The siege, while there is one."""
    demand: list[DemandStep] = field(default_factory=list)
    timeline: list[ElasticPoint] = field(default_factory=list)
    status: AutoscalerStatus | None = None
    full_seconds: float = 0.0

    def follow(self) -> AutoscalerRun:
        """Apply the autoscaler, move the demand, and return what became of it.

        Whatever ends it, the siege is stopped and the autoscaler removed by the caller (`end`).
        """
        lab, steps = self.lab, self.settings.steps
        self._meters = Meters(lab, self.settings.target)
        self._trouble = TroubleWatch(lab, self.settings.target, self.observer)
        self._recorded = 0.0
        lab.apply_autoscaler(self.candidate.manifest)
        self._began, self._begin = time.time(), time.monotonic()
        self._demand(steps[0], 0.0)
        end = 0.0
        with ThreadPoolExecutor(1) as pool:  # so that looks go on while the demand is changed
            for before, step in zip((steps[0], *steps), steps, strict=False):
                end += step.seconds
                change = pool.submit(self._change, before, step)
                self._until(end, step, change if step[1:] != before[1:] else None)
                change.result()
        self._point(steps[-1], moving=False)
        found = self.result(whole=True)
        self._tell(found)
        return found

    def end(self) -> None:
        """Stop the siege, if there is one."""
        job, self.job = self.job, None
        if job is not None:
            job.stop()
            log = {"run": self.candidate.name, "url": job.url, "log": job.log()}
            self.observer.raw("siege", [log])

    @property
    def t(self) -> float:
        """Seconds since the autoscaler was applied, on its clock."""
        return (time.monotonic() - self._begin) * self.lab.clock_speed

    @property
    def length(self) -> float:
        """Seconds of the whole run, on the autoscaler's clock."""
        return sum(one.seconds for one in self.settings.steps)

    def _change(self, before: Step, step: Step) -> None:
        """Make the demand that of a step."""
        if before.users and not step.users:
            self.end()
        if step.workers != before.workers:
            self.lab.scale("worker", step.workers)
        if step.users and not before.users:
            seconds = step.seconds / self.lab.clock_speed + LOAD_MARGIN_SECONDS
            self.job = self.lab.start_load(
                LoadSpec(target=self.settings.target, concurrent=step.users, seconds=seconds)
            )

    def _demand(self, step: Step, t: float) -> None:
        need = self.settings.needs(step, self.candidate.spec.max_replicas)
        self.demand.append(
            DemandStep(
                t=t,
                workers=step.workers,
                users=step.users,
                needed=need.low,
                needed_high=need.high,
                reachable=need.reachable,
            )
        )

    def _until(self, end: float, step: Step, change: Future[None] | None) -> None:
        """Take points until then; the demand has changed at the first of them that sees all of its workers."""
        while True:
            if change is not None and change.done():
                change.result()
            seen = self._point(step, moving=change is not None)
            if change is not None and seen == step.workers and (not step.users or self.job is not None):
                change = None
                self._demand(step, self.timeline[-1].t)
                self._meters.restart()
            left = (end - self.t) / self.lab.clock_speed
            if left <= 0:
                return
            time.sleep(min(self.settings.tick, left))

    def _point(self, step: Step, *, moving: bool) -> int:
        """Take one point; return how many workers there are."""
        lab = self.lab
        self.status = lab.autoscaler(self.candidate.spec.name)
        replicas, workers = lab.replicas(self.settings.target), lab.replicas("worker")
        reading = self._meters.look(workers.names)
        rate = reading.hashes_per_second
        point = ElasticPoint(
            t=self.t,
            desired=replicas.desired,
            ready=replicas.ready,
            metrics=self.status.metrics,
            wait_ms=None if moving or not rate else wait_ms(step.workers, rate),
            in_flight=reading.in_flight,
            requests_per_second=reading.requests_per_second,
            hashes_per_second=rate,
        )
        self.full_seconds += reading.full_seconds
        if self.timeline:
            self._tell_gap(point.t - self.timeline[-1].t)
        self.timeline.append(point)
        self.observer.raw("elastic", [{"run": self.candidate.name, "demand": self.demand[-1], "point": point}])
        if time.monotonic() > self._recorded + RECORD_SECONDS and len(self.timeline) > 1:
            self.record(self.result(whole=False))
            self._recorded = time.monotonic()
        self.observer.step(self._line(point))
        self._trouble.look(
            time.monotonic(),
            ready=point.ready,
            desired=point.desired,
            workers=None if moving else step.workers,
            conditions=self.status.conditions,
        )
        return workers.ready

    def _tell_gap(self, seconds: float) -> None:
        real = seconds / self.lab.clock_speed
        if real > self.settings.tick + GAP_SECONDS:
            self.observer.caveat(
                Caveat(
                    code="gap",
                    message=f"The lab did not answer for {real:.0f} s while {self.candidate.name} was run.",
                    hint="What it did meanwhile is not in the scores. Compare again if that matters.",
                )
            )

    def result(self, *, whole: bool) -> AutoscalerRun:
        """Return what is known so far.

        Args:
            whole: the run has come to its end.
        """
        seconds = self.length if whole else self.timeline[-1].t
        scores, scores_high = score_run(self.demand, self.timeline, seconds, self.settings.slo_ms)
        status = self.status
        speed = self.lab.clock_speed
        events = [replace(one, t=(one.t - self._began) * speed) for one in (status.events if status else ())]
        is_settled, resting = (
            settled(self.timeline, self.demand, seconds, self.candidate.spec) if whole else (None, None)
        )
        return AutoscalerRun(
            name=self.candidate.name,
            metric=self.candidate.metric,
            origin=self.candidate.origin,
            manifest=self.candidate.manifest,
            demand=tuple(self.demand),
            timeline=tuple(self.timeline),
            seconds=seconds,
            events=tuple(events),
            conditions=status.conditions if status else (),
            scores=scores,
            scores_high=scores_high,
            settled=is_settled,
            resting=resting,
        )

    def _tell(self, run: AutoscalerRun) -> None:
        """Warn of what the figures do not say by themselves."""
        name, target = self.candidate.name, self.settings.target
        real = run.seconds / self.lab.clock_speed
        replica_seconds = 60 * run.scores.pod_minutes / self.lab.clock_speed
        if replica_seconds and self.full_seconds > FULL_SHARE * replica_seconds:
            share = 100 * self.full_seconds / replica_seconds
            self.observer.caveat(
                Caveat(
                    code="backlog-full",
                    message=f"{name}: for {share:.0f} % of the time the backlog of a replica of {target} was full.",
                    hint="More requests waited than could be counted, so in-flight is a lower bound there.",
                )
            )
        if all(one.wait_ms is None for one in run.timeline):
            self.observer.caveat(
                Caveat(
                    code="waits-unknown",
                    message=f"{name}: in {real:.0f} s the workers' rate was never known, so neither was how long they waited.",
                    hint="The other scores stand. See `dclab logs worker`.",
                )
            )

    def _line(self, point: ElasticPoint) -> str:
        now = self.demand[-1]
        asks = f"{now.workers} workers" + (f" and {now.users} users" if now.users else "")
        wait = "–" if point.wait_ms is None else f"{point.wait_ms:.0f} ms"
        shown = figures(point.metrics) or "no reading yet"
        return (
            f"{self.candidate.name}: {point.t:.0f} of {self.length:.0f} s: {asks} need {now.needed} "
            f"{self.settings.target}, {point.ready}/{point.desired} there, {shown}, a call waits {wait}"
        )
