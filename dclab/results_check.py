"""Relations between the fields of results that reports, comparisons and predictions rely on.

The types of `dclab.results` hold each value by itself within its bounds; a file that was damaged, or made by something
else, can still contradict itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from dclab.autoscaler.parse import parse_autoscaler
from dclab.errors import DclabError
from dclab.measure.latency import read_histogram
from dclab.measure.models import PARAMETERS
from dclab.results import (
    Autoscale,
    AutoscalerRun,
    Comparison,
    LatencySummary,
    Pods,
    ProbeDemo,
    Rate,
    Results,
    RolloutDemo,
    Sweep,
    TargetLatency,
)

__all__ = ["contradiction"]

ROUNDING = 1e-9
"""Relative: a mean of equal values may differ from them by the last digits."""
DEEPEST = 30
"""Levels of a manifest."""


def contradiction(results: Results) -> str | None:
    """Return the first thing that cannot be, with its field (`sweep.points[0]: …`); None when all agrees."""
    return next(_all(results), None)


def _all(results: Results) -> Iterator[str]:
    if results.sweep:
        yield from _sweep(results.sweep)
    yield from _latencies("latency", results.latency or {})
    for index, one in enumerate(results.latency_by_workers):
        yield from _latencies(f"latency_by_workers[{index}]", one)
    if results.pods:
        yield from _pods(results.pods)
    for index, each in enumerate(results.interventions):
        yield from _rate(f"interventions[{index}].hashes_per_second", each.hashes_per_second)
    if results.comparison:
        yield from _comparison(results.comparison)
    if results.autoscale:
        yield from _autoscale(results.autoscale)
    if results.probes:
        yield from _looks("probes", results.probes)
        predicted = results.probes.predicted
        yield from _ordered("probes.predicted.first", predicted.first_low, predicted.first_high)
        yield from _ordered("probes.predicted.cycle", predicted.cycle_low, predicted.cycle_high)
        if (predicted.outcome == "fails") != (predicted.first_low is not None):
            yield "probes.predicted.first_low: it is there if, and only if, the probe fails"
    if results.rollout:
        yield from _looks("rollout", results.rollout)
        for name, took in (("undone", results.rollout.undone), ("healed", results.rollout.healed)):
            if took:
                yield from _ordered(f"rollout.{name}", took.low, took.high)


def _looks(where: str, demo: ProbeDemo | RolloutDemo) -> Iterator[str]:
    yield from _in_order(f"{where}.timeline", [one.t for one in demo.timeline])
    seen = {one.phase for one in demo.timeline}
    for index, one in enumerate(demo.phases):
        if one.phase not in seen:
            yield f"{where}.phases[{index}].phase: nothing of {one.phase!r} is in the timeline"
        yield from _ordered(f"{where}.phases[{index}].rate", one.rate_low, one.rate_high)


def _ordered(where: str, low: float | None, high: float | None) -> Iterator[str]:
    if (low is None) != (high is None):
        yield f"{where}: one end of the interval is missing"
    elif low is not None and high is not None and low > high:
        yield f"{where}: {low:g} is above {high:g}"


def _rate(where: str, rate: Rate) -> Iterator[str]:
    if not rate.ci95_low <= rate.mean <= rate.ci95_high:
        yield f"{where}: its mean {rate.mean:g} is not within {rate.ci95_low:g} to {rate.ci95_high:g}"


def _sweep(sweep: Sweep) -> Iterator[str]:
    for index, point in enumerate(sweep.points):
        yield from _rate(f"sweep.points[{index}].hashes_per_second", point.hashes_per_second)
    workers = [one.workers for one in sweep.points]
    if len(set(workers)) != len(workers):
        yield "sweep.points: a number of workers occurs twice"
    if sweep.speedup is not None and len(workers) < 2:
        yield "sweep.speedup: it takes two points"
    for index, model in enumerate(sweep.models):
        where = f"sweep.models[{index}]"
        if set(model.parameters) != set(PARAMETERS[model.name]):
            yield f"{where}.parameters: {model.name} has {', '.join(PARAMETERS[model.name])}"
        elif model.name == "bound" and not (model.parameters["cycle_seconds"] > 0 and model.parameters["cap"] > 0):
            yield f"{where}.parameters: a cycle or a cap of 0"
        if not model.residuals:
            yield f"{where}.residuals: there are none"


def _pods(found: Pods) -> Iterator[str]:
    workers = [one.workers for one in found.states]
    if workers != sorted(set(workers)):
        yield "pods.states: they are not in order of workers, each number once"
    for index, state in enumerate(found.states):
        where = f"pods.states[{index}]"
        if state.ended < state.began:
            yield f"{where}.ended: it is before `began`"
        for name, one in state.services.items():
            low, high = one.cpu_ci95 or (one.cpu_millicores, one.cpu_millicores)
            if not low <= one.cpu_millicores <= high:
                yield f"{where}.services.{name}: its CPU {one.cpu_millicores:g} is not within {low:g} to {high:g}"
            if not one.replicas or not one.windows:
                yield f"{where}.services.{name}: no replica or no window"


def _latencies(where: str, latency: Mapping[str, TargetLatency]) -> Iterator[str]:
    for name, one in latency.items():
        yield from _latency(f"{where}.{name}.probe", one.probe)
        yield from _latency(f"{where}.{name}.call", one.call)


def _latency(where: str, one: LatencySummary) -> Iterator[str]:
    if one.count and not one.min <= one.p50 <= one.p95 <= one.p99 <= one.max:
        yield f"{where}: minimum, percentiles and maximum are not in order"
    if one.count and not one.min * (1 - ROUNDING) <= one.mean <= one.max * (1 + ROUNDING):
        yield f"{where}.mean: {one.mean:g} is not within {one.min:g} to {one.max:g}"
    if one.timeouts > one.errors:
        yield f"{where}.timeouts: {one.timeouts} of {one.errors} errors"
    if one.unsent > one.timeouts:
        yield f"{where}.unsent: {one.unsent} of {one.timeouts} timeouts"
    if (one.timeouts > 0) != (one.timeout_ms is not None):
        yield f"{where}.timeout_ms: it is there if, and only if, there were timeouts"
    low, high = one.p50_ci95_low, one.p50_ci95_high
    if one.count and not (low or 0.0) <= one.p50 <= (math.inf if high is None else high):
        yield f"{where}.p50: {one.p50:g} is not within its interval"
    if one.histogram:
        try:
            count = read_histogram(one.histogram).get_total_count()
        except ValueError as error:
            yield f"{where}.histogram: {error}"
        else:
            if count != one.count:
                yield f"{where}.histogram: it holds {count} requests, and count says {one.count}"


def _autoscale(found: Autoscale) -> Iterator[str]:
    yield from _in_order("autoscale.timeline", [one.t for one in found.timeline])
    yield from _manifest("autoscale.manifest", found.manifest)


def _in_order(where: str, times: Sequence[float]) -> Iterator[str]:
    for index, (a, b) in enumerate(pairwise(times), 1):
        if b < a:
            yield f"{where}[{index}].t: {b:g} is before {a:g}"


def _manifest(where: str, manifest: Mapping[str, Any]) -> Iterator[str]:
    if not _shallow(manifest):
        yield f"{where}: more than {DEEPEST} levels"
        return
    try:
        parse_autoscaler(manifest)
    except DclabError as error:
        yield f"{where}: {error.what} {error.why}".rstrip(".")


def _comparison(found: Comparison) -> Iterator[str]:
    names = [one.name for one in found.runs]
    if len(set(names)) < len(names):
        yield "comparison.runs: a name occurs twice"
    for index, run in enumerate(found.runs):
        yield from _run(f"comparison.runs[{index}]", run)
    for index, one in enumerate(found.verdicts):
        where = f"comparison.verdicts[{index}]"
        if one.a == one.b or not {one.a, one.b} <= set(names):
            yield f"{where}: {one.a} and {one.b} are not two of the runs"
        if not one.low <= one.difference <= one.high:
            yield f"{where}: its difference {one.difference:g} is not within {one.low:g} to {one.high:g}"


def _run(where: str, run: AutoscalerRun) -> Iterator[str]:
    if not run.demand or run.demand[0].t != 0:
        yield f"{where}.demand: it does not begin at 0"
    if not run.timeline or not run.seconds:
        yield f"{where}.timeline: a run has points and a length"
    yield from _in_order(f"{where}.demand", [one.t for one in run.demand])
    yield from _in_order(f"{where}.timeline", [one.t for one in run.timeline])
    for index, one in enumerate(run.demand):
        if one.needed_high < one.needed:
            yield f"{where}.demand[{index}].needed_high: {one.needed_high} is less than {one.needed}"
    for name, spread in run.spread.items():
        if spread.low > spread.high:
            yield f"{where}.spread.{name}: {spread.low:g} is above {spread.high:g}"
    yield from _manifest(f"{where}.manifest", run.manifest)


def _shallow(value: object) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, Mapping) else one if isinstance(one, list) else ())
        ]
        if not level:
            return True
    return False
