"""Latency of the services at a fixed number of workers: httping's probe, and the real calls."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace

from dclab.experiments.observer import Observer
from dclab.lab import Lab, ProbeSpec
from dclab.measure.latency import summarise
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
    workers: int = 10
    settle: float = 5.0


def run_latency(lab: Lab, settings: LatencySettings, observer: Observer) -> dict[str, TargetLatency]:
    """Probe each target, then make the workers' own call, `count` times each."""
    if lab.replicas("worker").desired != settings.workers:
        observer.step(f"latency: scaling to {settings.workers} workers")
        lab.scale("worker", settings.workers)
        time.sleep(settings.settle)
    found: dict[str, TargetLatency] = {}
    for target in settings.targets:
        found[target] = TargetLatency(
            workers=settings.workers,
            probe=_measure(lab, target, "probe", ProbeSpec(count=settings.count), observer),
            call=_measure(lab, target, "call", replace(CALLS[target], count=settings.count), observer),
        )
        observer.keep(latency=dict(found))
    return found


def _measure(lab: Lab, target: str, what: str, spec: ProbeSpec, observer: Observer) -> LatencySummary:
    observer.step(f"latency of {target}: {spec.method} {spec.path} × {spec.count}")
    samples = lab.probe(target, spec)
    observer.raw("latency", ({"target": target, "what": what, **asdict(one)} for one in samples))
    summary = summarise(samples)
    if summary.errors:
        observer.caveat(
            Caveat(
                code="probe-errors",
                message=f"{summary.errors} of {spec.count} requests to {target} failed; they are not counted.",
                hint="See raw/latency.jsonl for their errors.",
            )
        )
    return summary
