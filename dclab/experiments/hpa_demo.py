"""The autoscaler demonstration: baseline, load, autoscaler, end of load, rest; watched all the way."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from dclab import manifests
from dclab.autoscaler.trace import SCHEMA, Header
from dclab.errors import DclabError, LabEnded
from dclab.experiments.explain_autoscale import explain, never_known, why_unknown
from dclab.experiments.loadtest import collect_load
from dclab.experiments.observer import Observer
from dclab.experiments.recovery import check_nothing_scales
from dclab.lab import AutoscalerStatus, Job, Lab, LoadSpec, Scrape
from dclab.measure.by_worker import LOOK_BACK_SECONDS
from dclab.measure.httplat import mean_latency_ms
from dclab.measure.queueing import SERVICE_SECONDS
from dclab.measure.rate import rate_by_worker
from dclab.measure.recent_rate import RecentRate
from dclab.measure.simulate import System
from dclab.results import Autoscale, AutoscaleEvent, Caveat, LoadTest, Rate, TimelinePoint

__all__ = ["DemoSettings", "demo_settings", "run_hpa_demo"]

Phase = Literal["baseline", "load", "autoscaled", "after-load"]

AMISS_SECONDS = 40.0
"""Of the autoscaler's clock: more than two of its passes."""

GAP_SECONDS = 10.0
"""By which a point comes later than it should when the lab did not answer."""

RECOVERY_SECONDS = 150.0
"""For an autoscaler to look again after a gap, at the longest; its readings then change, unless there is nothing to see."""

REST_TIMEOUT = 600.0
"""Seconds of the autoscaler's clock after the load within which it must come to rest."""


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """How to demonstrate. Real seconds, but for the windows in the manifest."""

    target: str
    workers: int
    load: LoadSpec
    settle: float
    """After scaling the workers, before the baseline, where there were not as many."""
    baseline_seconds: float
    before_autoscaler: float
    """Seconds of load before the autoscaler is applied."""
    tick: float
    """Between two points of the timeline."""


def demo_settings(target: str, workers: int, siege_seconds: float, clock_speed: float) -> DemoSettings:
    """Settings that suit the autoscaler's clock: phases shrink with it, but hold a few readings each."""
    return DemoSettings(
        target=target,
        workers=workers,
        load=LoadSpec(target=target, seconds=siege_seconds),
        settle=2.0 + workers * SERVICE_SECONDS,
        baseline_seconds=max(4.0, 12.0 / clock_speed),
        before_autoscaler=max(3.5, 30.0 / clock_speed),
        tick=max(1.0, 2.0 / clock_speed),
    )


@dataclass
class _Watch:
    """The timeline as it grows, and what the next point is compared with."""

    lab: Lab
    settings: DemoSettings
    manifest: Mapping[str, Any]
    observer: Observer
    began: float = field(default_factory=time.time)
    """Unix seconds, to which the events' times are relative."""
    begin: float = field(default_factory=time.monotonic)
    timeline: list[TimelinePoint] = field(default_factory=list)
    marks: list[AutoscaleEvent] = field(default_factory=list)
    status: AutoscalerStatus | None = None
    recent: RecentRate = field(default_factory=RecentRate)
    """Of this phase alone."""
    rates: dict[str, Rate] = field(default_factory=dict)
    """Over whole phases."""
    waiting: dict[str, float] = field(default_factory=dict)
    """Since when something has been amiss, by the code of its caveat; infinity once it has been told."""
    scrape: Scrape | None = None
    gap: bool = False
    """Whether the latest point came late, as when the lab did not answer for a while."""

    @property
    def t(self) -> float:
        """Seconds since the demonstration began, on a clock that nobody sets."""
        return time.monotonic() - self.begin

    def mark(self, reason: str, message: str) -> None:
        """Note a step of the demonstration itself among the events."""
        self.marks.append(AutoscaleEvent(t=self.t, type="Demo", reason=reason, message=message))

    def point(self, phase: Phase) -> TimelinePoint:
        """Take one point; keep what is known so far."""
        lab, target = self.lab, self.settings.target
        self.status = lab.autoscaler(target) if phase in ("autoscaled", "after-load") else None
        replicas = lab.replicas(target)
        usage = lab.usage(target)
        if self.timeline and self.timeline[-1].phase != phase:
            self.recent = RecentRate()
        cpu = sum(one.cpu_millicores for one in usage) if usage else None
        point = TimelinePoint(
            t=self.t,
            phase=phase,
            current=self.status.current if self.status else replicas.desired,
            desired=replicas.desired,
            ready=replicas.ready,
            metrics=self.status.metrics if self.status else (),
            latency_ms=self._latency(),
            hashes_per_second=self.recent.add(self.lab.counter()),
            cpu_millicores=cpu,
            memory_mb=sum(one.memory_mb for one in usage) if usage else None,
        )
        self.gap = bool(self.timeline) and point.t - self.timeline[-1].t > self.settings.tick + GAP_SECONDS
        self.timeline.append(point)
        self.observer.raw("autoscale", [point])
        self.observer.record(autoscale=self.result(at_rest=False))
        self.observer.step(self._line(point))
        conditions = self.status.conditions if self.status else ()
        self._tell("metric-unknown", lambda: why_unknown(conditions), at_once=never_known(conditions))
        self._tell("unready", lambda: self._unready(point))
        self._tell("rescaled", self._rescaled)
        return point

    def _tell(self, code: str, find: Callable[[], Caveat | None], *, at_once: bool = False) -> None:
        """Tell once of what stays amiss for longer than replicas and readings usually take, or is certain to stay."""
        found = find()
        since = self.waiting.setdefault(code, self.t)
        if found is None:
            self.waiting[code] = max(since, self.t)
        elif since < math.inf and (at_once or self.t - since > AMISS_SECONDS / self.lab.clock_speed):
            self.waiting[code] = math.inf
            self.observer.caveat(found)

    def _unready(self, point: TimelinePoint) -> Caveat | None:
        if point.ready >= point.desired:
            return None
        why = self.lab.trouble(self.settings.target) or "The others have started but are not ready yet."
        return Caveat(
            code="unready",
            message=f"Only {point.ready} of {point.desired} replicas of {self.settings.target} are ready. {why}",
            hint="The figures are those of the ready replicas.",
        )

    def _rescaled(self) -> Caveat | None:
        workers = self.lab.replicas("worker").desired
        if workers == self.settings.workers:
            return None
        return Caveat(
            code="rescaled",
            message=f"Something else scaled worker from {self.settings.workers} to {workers} during the demonstration.",
            hint="Its rates and latencies are not those of one number of workers. Repeat it while nothing else changes the lab.",
        )

    def result(self, *, at_rest: bool) -> Autoscale:
        """What is known so far."""
        events = [replace(one, t=one.t - self.began) for one in (self.status.events if self.status else ())]
        request = self.lab.cpu_request_millicores(self.settings.target)
        return Autoscale(
            target=self.settings.target,
            workers=self.settings.workers,
            manifest=self.manifest,
            clock_speed=self.lab.clock_speed,
            request_millicores=request,
            timeline=tuple(self.timeline),
            events=tuple(sorted((*self.marks, *events), key=lambda one: one.t)),
            conditions=self.status.conditions if self.status else (),
            rates=self.rates,
            at_rest=at_rest,
            explanation=explain(self.timeline, request, at_rest=at_rest, rates=self.rates),
        )

    def _latency(self) -> float | None:
        scrape = self.lab.httplat(self.settings.target)
        before, self.scrape = self.scrape, scrape
        return mean_latency_ms(before, scrape) if before else None

    def _line(self, point: TimelinePoint) -> str:
        shown = ", ".join(f"{one.name} {one.figures}" for one in point.metrics) or "no autoscaler"
        latency = "–" if point.latency_ms is None else f"{point.latency_ms:.0f} ms"
        rate = "–" if point.hashes_per_second is None else f"{point.hashes_per_second:.1f} hashes/s"
        counts = f"{point.ready}/{point.desired} {self.settings.target}"
        return f"{point.phase} {point.t:.0f} s: {counts}, {shown}, {latency}, {rate}"


def run_hpa_demo(lab: Lab, settings: DemoSettings, observer: Observer) -> tuple[Autoscale, LoadTest]:
    """Run it. Whatever happens, the load is ended, the autoscaler removed, and the target scaled as it was before."""
    check_nothing_scales(lab)
    manifest = manifests.autoscaler(settings.target)
    replicas_before = lab.replicas(settings.target).desired
    if lab.replicas("worker").desired != settings.workers:
        lab.scale("worker", settings.workers)
        time.sleep(settings.settle)
    watch = _Watch(lab, settings, manifest, observer)
    job: Job | None = None
    failed = True
    try:
        watch.mark("Baseline", f"{settings.workers} workers, no load, no autoscaler")
        _whole(watch, "baseline", settings.baseline_seconds)
        job = lab.start_load(settings.load)
        ends = time.monotonic() + settings.load.seconds
        watch.mark("LoadStarted", f"{settings.load.concurrent} users on {job.url} for {settings.load.seconds:g} s")
        _whole(watch, "load", min(settings.before_autoscaler, settings.load.seconds / 2))
        lab.apply_autoscaler(manifest)
        watch.mark("AutoscalerApplied", f"{settings.target}: {_bounds(manifest)}")
        while job.status().state == "running" and time.monotonic() < ends + 30:
            _tick(watch, "autoscaled")
        ended, job = job, None
        load = collect_load(ended, settings.load, settings.workers, observer)
        watch.mark("LoadEnded", f"{load.transactions} requests, {load.transaction_rate:.0f} a second")
        at_rest = _until_rest(watch)
        result = watch.result(at_rest=at_rest)
        observer.record(autoscale=result)
        failed = False
    finally:
        with contextlib.ExitStack() as last:  # each of them, in reverse order, whatever becomes of the others
            undo = partial(_undo, observer, failed)
            back = f"{settings.target} was not scaled back"
            last.callback(undo, back, lambda: lab.scale(settings.target, replicas_before))
            last.callback(undo, "The autoscaler was not removed", lambda: lab.remove_autoscaler(settings.target))
            last.callback(_keep_trace, lab, settings.target, manifest, observer)
            if job is not None:
                collect = partial(collect_load, job, settings.load, settings.workers, observer)
                last.callback(undo, "The load test has no result", collect)
    return result, load


def _undo(observer: Observer, failed: bool, left: str, undo: Callable[[], object]) -> None:
    """Take something back; what cannot be is named, and hides no failure that came before it."""
    try:
        undo()
    except LabEnded:  # it went with the lab, which explains the other failure, too
        raise
    except DclabError as error:
        hint = error.hint or "`dclab down` removes it with the lab."
        observer.caveat(Caveat(code="left-behind", message=f"{left}: {error.what} {error.why}".strip(), hint=hint))
        if not failed:
            raise


def _keep_trace(lab: Lab, target: str, manifest: Mapping[str, Any], observer: Observer) -> None:
    """Keep what `dclab hpa-replay` reads: the autoscaler as applied, and each of its passes."""
    with contextlib.suppress(DclabError):  # of a lab that is lost there is nothing to keep
        passes = lab.autoscaler_passes(target)
        if passes:
            kubernetes = lab.versions().get("kubernetes", lab.engine)
            observer.raw("hpa", [manifest])
            observer.raw(
                "hpa-trace", [Header(schema=SCHEMA, kubernetes=kubernetes, autoscaler=dict(manifest)), *passes]
            )


def _bounds(manifest: Mapping[str, Any]) -> str:
    spec = manifest["spec"]
    return f"{spec['minReplicas']} to {spec['maxReplicas']} replicas"


def _tick(watch: _Watch, phase: Phase) -> TimelinePoint:
    point = watch.point(phase)
    time.sleep(watch.settings.tick)
    return point


def _follow(watch: _Watch, phase: Phase, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _tick(watch, phase)


def _whole(watch: _Watch, phase: Phase, seconds: float) -> None:
    """Follow a phase of fixed length, and measure its rate over the whole of it, where the workers' reports are known."""
    lab, since = watch.lab, watch.lab.counter().t
    _follow(watch, phase, seconds)
    with contextlib.suppress(DclabError):  # the timeline is as good without it
        reports = lab.worker_reports(since - LOOK_BACK_SECONDS)
        system = System(workers=watch.settings.workers, rngs=max(1, lab.replicas("rng").ready))
        if reports:
            watch.rates[phase] = rate_by_worker(reports, since, reports[-1].t, system)


def _until_rest(watch: _Watch) -> bool:
    """Follow until desired is unchanged for the longer stabilization window and two syncs.

    After a gap that time begins anew, once the autoscaler is seen to look again: nobody knows what it wanted meanwhile, and
    one whose controller is still away wants nothing else, either.
    """
    lab = watch.lab
    windows = watch.manifest["spec"]["behavior"]
    window = max(one["stabilizationWindowSeconds"] for one in windows.values()) / lab.clock_speed
    quiet = window + 2 * lab.sync_seconds
    begin = changed = time.monotonic()
    desired = watch.point("after-load").desired
    unseen: TimelinePoint | None = None
    while unseen or time.monotonic() < changed + quiet:
        time.sleep(watch.settings.tick)
        point = watch.point("after-load")
        if watch.gap:
            unseen = point
        elif unseen and (point.metrics != unseen.metrics or point.t > unseen.t + RECOVERY_SECONDS):
            unseen = None
            changed = time.monotonic()
        if point.desired != desired or watch.gap:
            desired, changed = point.desired, time.monotonic()
        if time.monotonic() > begin + REST_TIMEOUT / lab.clock_speed:
            watch.observer.caveat(
                Caveat(
                    code="not-at-rest",
                    message=f"The autoscaler had not settled {time.monotonic() - begin:.0f} s after the end of the load.",
                    hint="Its timeline is complete up to then.",
                )
            )
            return False
    return True
