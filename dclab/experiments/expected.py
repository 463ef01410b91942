"""About how long each part of the exercise takes: what its settings say, and what it usually needs beside."""

from __future__ import annotations

from dclab import manifests
from dclab.experiments.exercise import ExerciseSettings
from dclab.experiments.hpa_demo import DemoSettings
from dclab.experiments.latency import LatencySettings
from dclab.experiments.proof import ProofSettings
from dclab.experiments.sweep import SweepSettings
from dclab.lab import Lab, ProbeSpec
from dclab.measure.queueing import SERVICE_SECONDS, expected_wait_ms

__all__ = ["demo_seconds", "exercise_seconds", "sweep_seconds"]

WINDOW_SECONDS = 12.0
"""What a rate usually needs to be known to ±2 %."""


def sweep_seconds(settings: SweepSettings) -> float:
    """Of a sweep."""
    window = min(settings.seconds, WINDOW_SECONDS)
    return sum(settings.settle + 2 * workers * SERVICE_SECONDS + window for workers in settings.workers)


def demo_seconds(settings: DemoSettings, lab: Lab) -> float:
    """Of an autoscaler demonstration: it rests once its longer window and two passes have gone by after a change."""
    windows = manifests.autoscaler(settings.target)["spec"]["behavior"].values()
    window = max(float(one["stabilizationWindowSeconds"]) for one in windows) / lab.clock_speed
    # One window until the first replicas go, and one in which no more do.
    rest = 2 * (window + 2 * lab.sync_seconds)
    return settings.settle + settings.baseline_seconds + settings.load.seconds + rest


def exercise_seconds(settings: ExerciseSettings, lab: Lab) -> dict[str, float]:
    """Of each part of the whole exercise, by its name."""
    return {
        "sweep": sweep_seconds(settings.sweep),
        "latency": _latency_seconds(settings.latency),
        "proof": _proof_seconds(settings.proof),
        "autoscaler demonstration": demo_seconds(settings.demo, lab),
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
    """The rate with nothing changed is the sweep's."""
    return len(settings.changes) * (settings.settle + min(settings.seconds, WINDOW_SECONDS) + 2.0)
