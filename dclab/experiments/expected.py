"""About how long each part of the exercise takes: what its settings say, and what it usually needs beside."""

from __future__ import annotations

from dclab.experiments.exercise import COMPARISON, ExerciseSettings
from dclab.experiments.hpa_compare import CompareSettings
from dclab.experiments.hpa_demo import DemoSettings
from dclab.experiments.latency import LatencySettings
from dclab.experiments.proof import ProofSettings
from dclab.experiments.sweep import SweepSettings
from dclab.lab import Lab, ProbeSpec
from dclab.measure.queueing import SERVICE_SECONDS, expected_wait_ms, queue_seconds

__all__ = ["comparison_seconds", "demo_seconds", "exercise_seconds", "sweep_seconds"]

WINDOW_SECONDS = 4.0
"""What a rate usually needs to be known to ±2 % where one rng serves, or to tell whether a change has helped."""
SCALING_SECONDS = 0.5
"""Until replicas are ready."""
REPLICA_SECONDS = 0.015
"""The same for each of hundreds."""


def sweep_seconds(settings: SweepSettings, rngs: int = 1) -> float:
    """Of a sweep of a lab with so many rngs."""
    return sum(_window(settings.settle, workers, settings.seconds, rngs) for workers in settings.workers)


def _window(settle: float, workers: int, longest: float, rngs: int = 1) -> float:
    # Where chance divides the workers among several rngs, a rate is hardly known to ±2 % within a window.
    window = min(longest, WINDOW_SECONDS) if rngs == 1 else longest
    return SCALING_SECONDS + REPLICA_SECONDS * workers + settle + queue_seconds(workers, rngs) + window


def demo_seconds(settings: DemoSettings, lab: Lab) -> float:
    """Of an autoscaler demonstration: it rests once its longer window and two passes have passed after a change."""
    window = settings.autoscaler.window / lab.clock_speed
    # One window until the first replicas go, and one in which no more do.
    rest = 2 * (window + 2 * lab.sync_seconds)
    return settings.baseline_seconds + settings.load.seconds + rest


def comparison_seconds(settings: CompareSettings, lab: Lab) -> dict[str, float]:
    """Of each autoscaler of a comparison, by its name: the rest before its run, and the run."""
    each = (settings.rest_seconds + settings.run.seconds) / lab.clock_speed + SCALING_SECONDS
    return {one.name: each for one in settings.candidates}


def exercise_seconds(settings: ExerciseSettings, lab: Lab) -> dict[str, float]:
    """Of each part of the whole exercise, by its name."""
    compared = settings.comparison
    comparison = {COMPARISON: sum(comparison_seconds(compared, lab).values())} if compared else {}
    return {
        "sweep": sweep_seconds(settings.sweep),
        "latency": _latency_seconds(settings.latency),
        "proof": _proof_seconds(settings.proof),
        "autoscaler demonstration": demo_seconds(settings.demo, lab),
        **comparison,
    }


def _latency_seconds(settings: LatencySettings) -> float:
    """One request after the other; those to rng wait for the workers'."""
    total = 0.0
    for workers in settings.workers:
        for target in settings.targets:
            wait = expected_wait_ms(workers) / 1000 if target == "rng" else 0.0
            total += 2 * settings.count * (ProbeSpec().interval + SERVICE_SECONDS + wait)
    return total


def _proof_seconds(settings: ProofSettings) -> float:
    """Each change, and nothing changed afterwards; before them that is the sweep's last point."""
    compared = [one for one in settings.changes if one.load_balancing != "random"]
    windows = (len(settings.changes) + 1) * _window(settings.settle, settings.workers, settings.seconds)
    # What differs in the policy alone is measured for as long as may be.
    return windows + (len(compared) and 1) * max(0.0, settings.seconds - WINDOW_SECONDS)
