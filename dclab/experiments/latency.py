"""Latency of the services at a fixed number of workers: httping's probe, and the real calls."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace

from dclab.experiments.lab_window import Disturbed, compare, replicas_of
from dclab.experiments.machine import watched_machine
from dclab.experiments.observer import Observer
from dclab.experiments.recovery import check_nothing_scales
from dclab.lab import Lab, ProbeSpec
from dclab.measure.caveats import probe_caveats
from dclab.measure.latency import summarise
from dclab.measure.queueing import answer_seconds, queue_seconds
from dclab.results import Caveat, LatencySummary, TargetLatency

__all__ = ["CALLS", "LatencySettings", "run_latency"]

CALLS = {
    "rng": ProbeSpec(path="/32"),
    "hasher": ProbeSpec(path="/", method="POST", body=b"\x00" * 32),
}
"""What a worker asks of each service."""


@dataclass(frozen=True, kw_only=True)
class LatencySettings:
    """What to measure."""

    targets: tuple[str, ...] = ("rng", "hasher")
    count: int = 15
    workers: tuple[int, ...] = (10,)
    rate: float | None = None
    """Requests per second of an open loop; None asks one after the other."""
    settle: float = 5.0
    more: str = "Use a larger --count."
    """How the user gets more requests; empty where that is not the user's to choose."""


def run_latency(lab: Lab, settings: LatencySettings, observer: Observer) -> dict[str, TargetLatency]:
    """Probe each target, then make the workers' own call, `count` times each, at each number of workers.

    Returns:
        What was found at the highest number of workers; the others are kept, too.
    """
    check_nothing_scales(lab)
    by_workers: list[dict[str, TargetLatency]] = []
    highest: dict[str, TargetLatency] = {}
    for workers in settings.workers:
        states = lab.states()
        before, rngs = states["worker"], states["rng"].counts.ready
        if before.counts.desired != workers:
            observer.step(f"latency: scaling to {workers} workers")
            lab.scale("worker", workers)
            # Calls that waited before, at whichever rng, are served first, also those of workers that have left.
            waited = queue_seconds(before.counts.desired)
            time.sleep(max(settings.settle, queue_seconds(workers, rngs), waited))
        with watched_machine(observer, f"latency at {workers} worker{'s' * (workers != 1)}"):
            found = _undisturbed(lab, workers, settings, observer)
        by_workers.append(found)
        if workers == max(settings.workers):
            highest = found
            observer.record(latency=found)
        if len(settings.workers) > 1:
            observer.record(latency_by_workers=tuple(by_workers))
    return highest


def _undisturbed(lab: Lab, workers: int, settings: LatencySettings, observer: Observer) -> dict[str, TargetLatency]:
    """Measure while no replica comes or goes: if one does, once more, and if one does then, say so."""
    found = {}
    for hint in ("It was measured again.", "The figures are those of both. Measure again while nothing else changes."):
        before = replicas_of(lab)
        found = _at(lab, workers, settings, observer)
        try:
            compare(before, replicas_of(lab))
            break
        except Disturbed as error:
            observer.caveat(Caveat(code=error.code, message=f"latency: {error.what}", hint=hint))
    return found


def _at(lab: Lab, workers: int, settings: LatencySettings, observer: Observer) -> dict[str, TargetLatency]:
    patience = answer_seconds(workers, lab.replicas("rng").ready)
    asked = ProbeSpec(count=settings.count, rate=settings.rate, timeout=patience)
    found: dict[str, TargetLatency] = {}
    for target in settings.targets:
        call = replace(CALLS[target], count=settings.count, rate=settings.rate, timeout=patience)
        found[target] = TargetLatency(
            workers=workers,
            probe=_measure(lab, target, "probe", workers, asked, settings, observer),
            call=_measure(lab, target, "call", workers, call, settings, observer),
        )
    return found


def _measure(
    lab: Lab, target: str, what: str, workers: int, spec: ProbeSpec, settings: LatencySettings, observer: Observer
) -> LatencySummary:
    observer.step(f"latency of {target} at {workers} workers: {spec.method} {spec.path} × {spec.count}")
    samples = lab.probe(target, spec)
    observer.raw("latency", ({"target": target, "what": what, "workers": workers, **asdict(one)} for one in samples))
    for caveat in probe_caveats(samples, spec, f"the {what} of {target}", settings.more):
        observer.caveat(caveat)
    return summarise(samples, spec.rate, hint="See `dclab status`.")
