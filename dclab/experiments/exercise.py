"""The whole exercise, in its order, on one lab."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dclab.errors import DclabError, LabLost
from dclab.experiments.bottleneck import find_bottleneck
from dclab.experiments.hpa_demo import DemoSettings, demo_settings, run_hpa_demo
from dclab.experiments.latency import LatencySettings, run_latency
from dclab.experiments.monitoring import ExporterWatch, LatencyWatch, record_monitoring, watch_latency
from dclab.experiments.observer import Observer
from dclab.experiments.proof import FEW_CHANGES, ProofSettings, run_proof
from dclab.experiments.rule_out import cpu_per_replica, redis_ms
from dclab.experiments.sweep import SweepSettings, run_sweep
from dclab.lab import Lab
from dclab.results import Caveat, Intervention, Sweep, TargetLatency

__all__ = ["ExerciseSettings", "exercise_settings", "run_exercise"]


@dataclass(frozen=True, kw_only=True)
class ExerciseSettings:
    """Settings of every part."""

    sweep: SweepSettings
    latency: LatencySettings
    proof: ProofSettings
    demo: DemoSettings
    monitoring_seconds: float
    """Window of the PromQL expression."""


def exercise_settings(*, quick: bool, siege_seconds: float, clock_speed: float) -> ExerciseSettings:
    """The whole exercise within 11 minutes, or within 100 s: windows are as long as that allows."""
    demo = demo_settings("rng", 10, siege_seconds, clock_speed)
    if quick:
        return ExerciseSettings(
            sweep=SweepSettings(seconds=5.0, settle=1.0),
            latency=LatencySettings(count=3, settle=1.5, more=""),
            proof=ProofSettings(seconds=4.0, settle=1.5, changes=FEW_CHANGES),
            demo=demo,
            monitoring_seconds=20.0,
        )
    return ExerciseSettings(
        sweep=SweepSettings(),
        latency=LatencySettings(more=""),
        # Where chance decides, 30 s would not reach ±2 % either; half of it keeps the whole within its time.
        proof=ProofSettings(seconds=15.0),
        demo=demo,
        monitoring_seconds=120.0,
    )


def run_exercise(lab: Lab, settings: ExerciseSettings, observer: Observer) -> list[str]:
    """Do every part; a part that fails is named in a caveat, and the next one is done all the same.

    Returns:
        Names of the parts that failed.
    """
    watch = _watch(lab, settings.monitoring_seconds, observer)
    sweep: Sweep | None = None
    latency: dict[str, TargetLatency] | None = None
    interventions: tuple[Intervention, ...] = ()
    cpu: dict[str, tuple[float, float]] = {}

    def do_sweep() -> None:
        nonlocal sweep
        sweep = run_sweep(lab, settings.sweep, observer)

    def do_latency() -> None:
        nonlocal latency, cpu
        latency = run_latency(lab, settings.latency, observer)
        cpu = cpu_per_replica(lab, settings.latency.targets)
        observer.record(bottleneck=find_bottleneck(latency, sweep, (), cpu))

    def do_proof() -> None:
        nonlocal interventions
        points = sweep.points if sweep else ()
        known = next((one for one in points if one.workers == settings.proof.workers), None)
        interventions = run_proof(lab, settings.proof, observer, known.hashes_per_second if known else None)
        observer.record(bottleneck=find_bottleneck(latency, sweep, interventions, cpu, redis_ms(lab)))

    def do_demo() -> None:
        run_hpa_demo(lab, settings.demo, observer)

    parts: dict[str, Callable[[], None]] = {
        "sweep": do_sweep,
        "latency": do_latency,
        "proof": do_proof,
        "autoscaler demonstration": do_demo,
    }
    try:
        failed = [name for name, part in parts.items() if not _done(lab, name, part, observer)]
    finally:
        watch.stop()
    try:
        record_monitoring(watch, observer)
    except DclabError as error:
        failed.append("monitoring")
        observer.caveat(
            Caveat(code="part-failed", message=f"The monitoring could not be finished. {error.what} {error.why}")
        )
    return failed


def _watch(lab: Lab, seconds: float, observer: Observer) -> LatencyWatch:
    """By Prometheus, or by the exporters themselves when the lab's Prometheus cannot be had."""
    try:
        return watch_latency(lab, seconds)
    except DclabError as error:
        observer.caveat(
            Caveat(
                code="no-prometheus",
                message=f"{error.what} {error.why}",
                hint="dclab reads the exporters directly instead; the values are the same.",
            )
        )
        return ExporterWatch(lab, seconds)


def _done(lab: Lab, name: str, part: Callable[[], None], observer: Observer) -> bool:
    try:
        part()
    except DclabError as error:
        observer.caveat(
            Caveat(
                code="part-failed",
                message=f"The {name} could not be finished. {error.what} {error.why}",
                hint="What it measured before that is kept.",
            )
        )
        if isinstance(error, LabLost):
            lab.deploy()
            lab.ready()
        return False
    return True
