"""The whole exercise, in its order, on one lab."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from dclab.elasticity.metrics import METRICS
from dclab.errors import DclabError
from dclab.experiments.autoscalers import shipped_for
from dclab.experiments.hpa_compare import CompareSettings, compare_settings, run_hpa_compare
from dclab.experiments.hpa_demo import DemoSettings, demo_settings, run_hpa_demo
from dclab.experiments.investigation import Investigation
from dclab.experiments.latency import LatencySettings
from dclab.experiments.monitoring import ExporterWatch, LatencyWatch, record_monitoring, watch_latency
from dclab.experiments.observer import Observer
from dclab.experiments.proof import FEW_CHANGES, ProofSettings
from dclab.experiments.recovery import NOT_OURS, attempt, check_nothing_scales, counts_but_workers, recover
from dclab.experiments.sweep import SweepSettings, run_sweep
from dclab.experiments.usage_watch import UsageWatch, watched_usage
from dclab.lab import Lab
from dclab.results import Caveat

__all__ = ["COMPARISON", "ExerciseSettings", "exercise_settings", "run_exercise"]

COMPARISON = "comparison of autoscalers"


@dataclass(frozen=True, kw_only=True)
class ExerciseSettings:
    """Settings of every part."""

    sweep: SweepSettings
    latency: LatencySettings
    proof: ProofSettings
    demo: DemoSettings
    comparison: CompareSettings | None
    """Autoscalers side by side; None leaves them out."""
    monitoring_seconds: float
    """Window of the PromQL expression."""


def exercise_settings(
    *, quick: bool, siege_seconds: float, clock_speed: float, compares: bool = False
) -> ExerciseSettings:
    """The whole exercise within 8.5 minutes with its siege of 4, or within 75 s: windows end when enough is known."""
    demo = demo_settings("rng", 10, siege_seconds, clock_speed)
    comparison = None
    if compares:
        comparison = compare_settings(tuple(shipped_for("rng", METRICS)), workers=10, clock_speed=clock_speed)
    if quick:
        return ExerciseSettings(
            sweep=SweepSettings(seconds=4.5, settle=0.5),
            latency=LatencySettings(count=3, settle=1.5, more=""),
            proof=ProofSettings(seconds=20.0, settle=0.5, changes=FEW_CHANGES),
            demo=demo,
            comparison=comparison,
            monitoring_seconds=20.0,
        )
    return ExerciseSettings(
        sweep=SweepSettings(),
        latency=LatencySettings(count=9, more=""),
        # Where chance decides, 30 s would not reach ±2 % either; 10 s keep the whole within its time.
        proof=ProofSettings(seconds=10.0),
        demo=demo,
        comparison=comparison,
        monitoring_seconds=120.0,
    )


def run_exercise(lab: Lab, settings: ExerciseSettings, observer: Observer) -> list[str]:
    """Do every part; a part that fails is named in a caveat, and the next one is done all the same.

    Returns:
        Names of the parts that failed.

    Raises:
        Refused: an autoscaler scales what is to be measured.
        LabEnded, LabHeld: the lab is not ours any more; what was measured until then is recorded, the monitoring, too, as
            far as it is known here.
        DclabError: a lab that was lost does not come back.
    """
    check_nothing_scales(lab)
    with contextlib.ExitStack() as following:
        usage = following.enter_context(watched_usage(lab, observer))
        return _parts(lab, settings, observer, usage, following)


def _parts(
    lab: Lab, settings: ExerciseSettings, observer: Observer, usage: UsageWatch | None, following: contextlib.ExitStack
) -> list[str]:
    """Do every part. CPU and memory are followed until the sweep's last state ends, which is after the latencies."""
    if usage:
        usage.early(settings.sweep.workers[0])
    counts = counts_but_workers(lab)
    watch = _watch(lab, settings.monitoring_seconds, observer)
    found = Investigation(lab, observer)

    def do_sweep() -> None:
        found.sweep = run_sweep(lab, settings.sweep, observer, usage)

    def do_latency() -> None:
        with following:
            found.suspect(settings.latency)
            if usage:
                usage.measured(wait=True)

    parts: dict[str, Callable[[], object]] = {
        "sweep": do_sweep,
        "latency": do_latency,
        "proof": lambda: found.prove(settings.proof),
        "autoscaler demonstration": lambda: run_hpa_demo(lab, settings.demo, observer),
    }
    if (comparison := settings.comparison) is not None:
        parts[COMPARISON] = lambda: run_hpa_compare(lab, comparison, observer)
    failed: list[str] = []
    bring_back = partial(recover, lab, counts)
    try:
        for name, part in parts.items():
            if not attempt(name, part, bring_back, "What it measured before that is kept.", observer):
                failed.append(name)
            _keep(watch, observer)
    except BaseException:
        _keep(watch, observer)
        raise
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


def _keep(watch: LatencyWatch, observer: Observer) -> None:
    """Record the monitoring so far: Prometheus may end with its lab, and its series with it."""
    with contextlib.suppress(DclabError):
        observer.record(monitoring=watch.result(patience=0.0))


def _watch(lab: Lab, seconds: float, observer: Observer) -> LatencyWatch:
    """By Prometheus, or by the exporters themselves when the lab's Prometheus cannot be had."""
    try:
        return watch_latency(lab, seconds)
    except NOT_OURS:
        raise
    except DclabError as error:
        observer.caveat(
            Caveat(
                code="no-prometheus",
                message=f"{error.what} {error.why}",
                hint="dclab reads the exporters directly instead; the values are the same.",
            )
        )
        return ExporterWatch(lab, seconds)
