"""The scale sweep: hashes per second against the number of workers."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dclab.errors import DclabError, LabLost
from dclab.experiments.lab_window import Rescaled, measure_rate
from dclab.experiments.machine import watched_machine
from dclab.experiments.observer import Observer
from dclab.experiments.recovery import NOT_OURS, check_nothing_scales, counts_but_workers, recover, restore
from dclab.experiments.usage_watch import UsageWatch
from dclab.lab import Lab, Scrape
from dclab.measure.accounting import accounting_caveats
from dclab.measure.caveats import rate_caveats
from dclab.measure.httplat import mean_latency_ms
from dclab.measure.models import best_model, fit_models
from dclab.measure.queueing import accounted_workers, queue_seconds
from dclab.measure.ratio import quotient
from dclab.measure.webui_reading import most_frequent, webui_readings
from dclab.results import Caveat, Rate, Sweep, SweepPoint

__all__ = ["SweepSettings", "run_sweep", "sweep_of"]

RECOVERIES = 2
"""How often the lab may be lost, or scaled by someone else, within one point."""


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """What to measure."""

    workers: tuple[int, ...] = (1, 2, 3, 4, 5, 10)
    seconds: float = 30.0
    """Longest window; it ends sooner once the rate is known to ±2 %."""
    settle: float = 1.5
    """Seconds between the workers being ready and the window, for their programs to start, beside what their queue needs
    to build up."""


def run_sweep(lab: Lab, settings: SweepSettings, observer: Observer, usage: UsageWatch | None = None) -> Sweep:
    """Measure every point; one that cannot be measured is named, and the sweep goes on.

    Args:
        lab: whose workers are scaled.
        settings: what to measure.
        observer: of what is measured.
        usage: follows CPU and memory at each point; the last point's state stays open where its windows take longer.

    Raises:
        LabLost: no point could be measured.
        LabEnded, LabHeld: the lab is not ours any more; the points so far are recorded.
        Refused: an autoscaler scales what is measured.
    """
    check_nothing_scales(lab)
    counts = counts_but_workers(lab)
    points: list[SweepPoint] = []
    lost: list[int] = []
    for index, workers in enumerate(settings.workers, 1):
        who = _named(workers)
        observer.step(f"sweep {index}/{len(settings.workers)}: {who}")
        try:
            with watched_machine(observer, who):
                points.append(
                    _point_of_recovered_lab(lab, workers, counts, settings, observer, usage, known=bool(points))
                )
            if usage:
                ends, last = (min(settings.workers), max(settings.workers)), index == len(settings.workers)
                usage.measured(wait=workers in ends and not last)
        except NOT_OURS:
            raise
        except DclabError as error:
            lost.append(workers)
            observer.caveat(
                Caveat(
                    code="point-lost",
                    message=f"The rate of {who} could not be measured. {error.what} {error.why}".rstrip(),
                    hint=f"Measure it with `dclab scale-sweep --workers {workers}`.",
                )
            )
        observer.record(sweep=sweep_of(points, lost))
    if not points:
        raise LabLost(
            "No point of the sweep could be measured.",
            "See the warnings.",
            "Run `dclab down`, then `dclab up`, with the options that name this lab.",
        )
    return sweep_of(points, lost)


def _point_of_recovered_lab(
    lab: Lab,
    workers: int,
    counts: Mapping[str, int],
    settings: SweepSettings,
    observer: Observer,
    usage: UsageWatch | None,
    *,
    known: bool,
) -> SweepPoint:
    """One point; each time the lab is lost or scaled by someone else on the way, that is undone, and it is measured again."""
    for _ in range(RECOVERIES):
        try:
            return _point(lab, workers, counts, settings, observer, usage, known=known)
        except Rescaled as error:
            if usage:
                usage.drop()
            restore(lab, counts)
            observer.caveat(
                Caveat(
                    code=error.code,
                    message=f"{_named(workers)}: {error.what}",
                    hint="It was scaled back, and the measurement repeated.",
                )
            )
        except LabLost as error:
            if usage:
                usage.drop()
            recover(lab, counts)
            observer.caveat(
                Caveat(
                    code="lab-recovered",
                    message=f"The lab was lost while measuring {_named(workers)}. {error.what}",
                    hint="It was deployed again, and the measurement repeated.",
                )
            )
        known = False
    return _point(lab, workers, counts, settings, observer, usage, known=False)


def _point(
    lab: Lab,
    workers: int,
    counts: Mapping[str, int],
    settings: SweepSettings,
    observer: Observer,
    usage: UsageWatch | None,
    *,
    known: bool,
) -> SweepPoint:
    """Measure a point; `known`: there were as many rngs for as long as the workers that there are now have queued."""
    if usage:
        usage.change(workers)
    states = lab.states()
    rngs = max(1, states["rng"].counts.ready)
    before = states["worker"].counts.desired
    begin = time.monotonic()
    lab.scale("worker", workers)
    ready_seconds = time.monotonic() - begin
    # A queue of all workers takes a service time each to form. What waited before is served first, calls of workers that have
    # left, too; all of it may wait at one rng, if that was the only one until now.
    waited = queue_seconds(before, rngs) if known else queue_seconds(before)
    time.sleep(settings.settle + max(queue_seconds(workers, rngs), waited))
    if usage:
        usage.settled(workers)
    at_first = _scrapes(lab)
    rate, samples = measure_rate(lab, settings.seconds, observer, _named(workers), workers=workers, counts=counts)
    after = _scrapes(lab)
    waits = _waits(at_first, after)
    readings = webui_readings(samples)
    point = SweepPoint(
        workers=workers,
        hashes_per_second=rate,
        webui_reading=most_frequent(readings),
        webui_readings=readings,
        seconds=samples[-1].t - samples[0].t,
        samples=len(samples),
        ready_seconds=ready_seconds,
        on_cap=rate.on_cap,
        probe_ms=waits,
        probes={name: round(after[name].probes - at_first[name].probes) for name in waits},
        rng_replicas=rngs,
        littles_law=_accounted(rate, waits, rngs),
    )
    for caveat in (*rate_caveats(rate, f"The rate of {_named(workers)}"), *accounting_caveats(point)):
        observer.caveat(caveat)
    return point


def _named(workers: int) -> str:
    return f"{workers} worker{'s' * (workers != 1)}"


def _scrapes(lab: Lab) -> dict[str, Scrape]:
    """What httplat has counted of each service; without it a point is as good, and only its check is missing."""
    with contextlib.suppress(DclabError):
        return {name: lab.httplat(name) for name in ("rng", "hasher")}
    return {}


def _waits(before: Mapping[str, Scrape], after: Mapping[str, Scrape]) -> dict[str, float]:
    means = {name: mean_latency_ms(before[name], after[name]) for name in before if name in after}
    return {name: ms for name, ms in means.items() if ms is not None}


def _accounted(rate: Rate, waits: Mapping[str, float], rngs: int) -> float | None:
    if not {"rng", "hasher"} <= set(waits):
        return None
    return accounted_workers(rate.mean, waits["rng"] / 1000, waits["hasher"] / 1000, rngs)


def sweep_of(points: Sequence[SweepPoint], lost: Sequence[int] = ()) -> Sweep:
    """Return the sweep that these points make, with its speedup and models; `lost` could not be measured."""
    few = min(points, key=lambda one: one.workers, default=None)
    many = max(points, key=lambda one: one.workers, default=None)
    if few is None or many is None or few is many:
        return Sweep(points=tuple(points), lost_workers=tuple(lost))
    speedup = quotient(many.hashes_per_second, few.hashes_per_second)
    known = math.isfinite(speedup.high)
    models = fit_models(points)
    best = best_model(models)
    return Sweep(
        points=tuple(points),
        speedup=speedup.mean,
        speedup_ci95_low=speedup.low if known else None,
        speedup_ci95_high=speedup.high if known else None,
        webui_speedup=many.webui_reading / few.webui_reading if few.webui_reading else None,
        lost_workers=tuple(lost),
        models=models,
        best_model=best.name if best else None,
    )
