"""The timeline of the autoscaler demonstration as it grows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from dclab.experiments.autoscalers import Candidate
from dclab.experiments.explain_autoscale import explain
from dclab.experiments.observer import Observer
from dclab.experiments.trouble import TroubleWatch
from dclab.lab import AutoscalerStatus, Lab, Scrape
from dclab.measure.httplat import mean_latency_ms
from dclab.measure.recent_rate import RecentRate
from dclab.results import Autoscale, AutoscaleEvent, MetricReading, Rate, TimelinePoint

__all__ = ["GAP_SECONDS", "AutoscaleWatch", "Phase", "figures"]

Phase = Literal["baseline", "load", "autoscaled", "after-load"]

GAP_SECONDS = 10.0
"""By which a point comes later than it should when the lab did not answer."""


def figures(metrics: Sequence[MetricReading]) -> str:
    """Return what an autoscaler sees, in one line: `cpu 12%/5%`."""
    return ", ".join(f"{one.name} {one.figures}" for one in metrics)


@dataclass
class AutoscaleWatch:
    """What has been seen so far, and what the next point is compared with."""

    lab: Lab
    candidate: Candidate
    workers: int
    tick: float
    """Seconds between two points."""
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
    scrape: Scrape | None = None
    gap: bool = False
    """Whether the latest point came late, as when the lab did not answer for a while."""

    def __post_init__(self) -> None:
        self._trouble = TroubleWatch(self.lab, self.target, self.observer)

    @property
    def target(self) -> str:
        """The deployment that is scaled."""
        return self.candidate.spec.target

    @property
    def t(self) -> float:
        """Seconds since the demonstration began, on a clock that nobody sets."""
        return time.monotonic() - self.begin

    def mark(self, reason: str, message: str) -> None:
        """Note a step of the demonstration itself among the events."""
        self.marks.append(AutoscaleEvent(t=self.t, type="Demo", reason=reason, message=message))

    def point(self, phase: Phase) -> TimelinePoint:
        """Take one point; keep what is known so far."""
        lab, target = self.lab, self.target
        self.status = lab.autoscaler(self.candidate.spec.name) if phase in ("autoscaled", "after-load") else None
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
        self.gap = bool(self.timeline) and point.t - self.timeline[-1].t > self.tick + GAP_SECONDS
        self.timeline.append(point)
        self.observer.raw("autoscale", [point])
        self.observer.record(autoscale=self.result(at_rest=False))
        self.observer.step(self._line(point))
        conditions = self.status.conditions if self.status else ()
        self._trouble.look(
            self.t, ready=point.ready, desired=point.desired, workers=self.workers, conditions=conditions
        )
        return point

    def result(self, *, at_rest: bool) -> Autoscale:
        """What is known so far."""
        events = [replace(one, t=one.t - self.began) for one in (self.status.events if self.status else ())]
        request = self.lab.cpu_request_millicores(self.target)
        return Autoscale(
            target=self.target,
            workers=self.workers,
            manifest=self.candidate.manifest,
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
        scrape = self.lab.httplat(self.target)
        before, self.scrape = self.scrape, scrape
        return mean_latency_ms(before, scrape) if before else None

    def _line(self, point: TimelinePoint) -> str:
        shown = figures(point.metrics) or "no autoscaler"
        latency = "–" if point.latency_ms is None else f"{point.latency_ms:.0f} ms"
        rate = "–" if point.hashes_per_second is None else f"{point.hashes_per_second:.1f} hashes/s"
        counts = f"{point.ready}/{point.desired} {self.target}"
        return f"{point.phase} {point.t:.0f} s: {counts}, {shown}, {latency}, {rate}"
