"""The parts of a run that a sheet's question can name: whether a run has one, and which command makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dclab.autoscaler import parse_autoscaler
from dclab.elasticity.metrics import metric_of
from dclab.results import Results

__all__ = ["PARTS", "Part", "measured_workers"]

Found = bool | None
"""Whether a run has it; None: in part."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What can answer a question."""

    sections: tuple[str, ...]
    """Of the report, which show it."""
    command: str
    """Measures it."""
    what: str
    """For the reference."""
    found: Callable[[Results], Found]


def measured_workers(results: Results) -> frozenset[int]:
    """Return the numbers of workers of which a run has the rate."""
    return frozenset(one.workers for one in results.sweep.points) if results.sweep else frozenset()


def _latency(results: Results) -> Found:
    known = [name for name, one in (results.latency or {}).items() if one.probe.count]
    return True if {"rng", "hasher"} <= set(known) else None if known else False


def _bottleneck(results: Results) -> Found:
    found = results.bottleneck
    return bool(found and found.service) and (True if found and found.certainty == "proved" else None)


def _pods(results: Results) -> Found:
    states = len({one.workers for one in results.pods.states}) if results.pods else 0
    return True if states > 1 else None if states else False


def _monitoring(results: Results) -> Found:
    return results.monitoring is not None and any(results.monitoring.series.values())


def _autoscaler(results: Results) -> Found:
    found = results.autoscale
    if found is None or not found.timeline:
        return False
    return True if any(one.phase == "after-load" for one in found.timeline) else None


def _metric(results: Results) -> Found:
    if results.comparison and results.comparison.runs:
        return True
    return None if results.autoscale else False


def _latency_autoscaler(results: Results) -> Found:
    compared = results.comparison.runs if results.comparison else ()
    if any(one.metric == "latency" for one in compared):
        return True
    return results.autoscale is not None and metric_of(parse_autoscaler(results.autoscale.manifest)) == "latency"


def _own_autoscaler(results: Results) -> Found:
    runs = results.comparison.runs if results.comparison else ()
    if not any(one.origin == "file" for one in runs):
        return False
    return True if len(runs) > 1 else None  # without another one there is no before and after


PARTS: Mapping[str, Part] = {
    "speed": Part(
        sections=("speed",),
        command="dclab scale-sweep",
        what="hashes/s at different numbers of workers, and how much faster more of them are",
        found=lambda results: bool(measured_workers(results)),
    ),
    "latency": Part(
        sections=("latency",),
        command="dclab latency",
        what="latency of rng and hasher, as httping measures it",
        found=_latency,
    ),
    "bottleneck": Part(
        sections=("latency",),
        command="dclab prove",
        what="which service is the bottleneck, proved by experiment",
        found=_bottleneck,
    ),
    "pods": Part(
        sections=("pods",),
        command="dclab run",
        what="CPU and memory of every service at rest and at ten workers; who uses most, and whether the app is CPU-bound",
        found=_pods,
    ),
    "monitoring": Part(
        sections=("monitoring",),
        command="dclab monitor",
        what="the latency graph of the exercise's PromQL expression",
        found=_monitoring,
    ),
    "load": Part(
        sections=("load",),
        command="dclab loadtest",
        what="siege's summary of the load test",
        found=lambda results: results.loadtest is not None,
    ),
    "autoscaler": Part(
        sections=("autoscaler",),
        command="dclab hpa-demo",
        what="the autoscaler before, during and after the load test, with the terminal's picture",
        found=_autoscaler,
    ),
    "metric": Part(
        sections=("metric",),
        command="dclab hpa-compare",
        what="whether CPU is a sensible metric: by reasoning after a demonstration, by experiment after a comparison",
        found=_metric,
    ),
    "latency-autoscaler": Part(
        sections=("autoscaler", "metric"),
        command="dclab hpa-demo --metric latency",
        what="an autoscaler on latency, in the demonstration or in a comparison",
        found=_latency_autoscaler,
    ),
    "own-autoscaler": Part(
        sections=("metric",),
        command="dclab hpa-compare --metric latency --hpa YOURS.yaml",
        what="a user's own autoscaler beside others under the same demand",
        found=_own_autoscaler,
    ),
}
"""By the name that a sheet uses."""
