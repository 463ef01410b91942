"""The autoscaler demonstration: baseline, load, autoscaler, end of load, rest; watched all the way."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from functools import partial

from dclab.errors import DclabError
from dclab.experiments.autoscale_watch import AutoscaleWatch, Phase
from dclab.experiments.autoscalers import SCRAPE_SECONDS, Candidate, keep_trace, served, shipped
from dclab.experiments.loadtest import collect_load
from dclab.experiments.observer import Observer
from dclab.experiments.recovery import check_nothing_scales, undo
from dclab.experiments.rest import until_rest
from dclab.lab import Job, Lab, LoadSpec
from dclab.measure.by_worker import LOOK_BACK_SECONDS
from dclab.measure.queueing import SERVICE_SECONDS
from dclab.measure.rate import rate_by_worker
from dclab.measure.system import System
from dclab.results import Autoscale, LoadTest

__all__ = ["DemoSettings", "demo_settings", "run_hpa_demo"]


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """How to demonstrate. Real seconds, but for the windows in the manifest and the scrapes."""

    autoscaler: Candidate
    workers: int
    load: LoadSpec
    settle: float
    """After scaling the workers, before the baseline, where there were not as many."""
    baseline_seconds: float
    before_autoscaler: float
    """Seconds of load before the autoscaler is applied."""
    tick: float
    """Between two points of the timeline."""
    scrape_seconds: float = SCRAPE_SECONDS
    """Between two scrapes of the replicas, on the autoscaler's clock."""

    @property
    def target(self) -> str:
        """The deployment that is scaled."""
        return self.autoscaler.spec.target


def demo_settings(
    target: str,
    workers: int,
    siege_seconds: float,
    clock_speed: float,
    autoscaler: Candidate | None = None,
    scrape_seconds: float = SCRAPE_SECONDS,
) -> DemoSettings:
    """Return settings that suit the autoscaler's clock: phases shrink with it, but hold a few readings each.

    Args:
        target: the deployment that is loaded and scaled.
        workers: how many run meanwhile.
        siege_seconds: how long the load lasts.
        clock_speed: of the autoscaler's clock.
        autoscaler: of that target; the exercise's by default.
        scrape_seconds: between two scrapes of the replicas, on the autoscaler's clock.
    """
    return DemoSettings(
        autoscaler=autoscaler or shipped(target, "cpu"),
        workers=workers,
        load=LoadSpec(target=target, seconds=siege_seconds),
        settle=2.0 + workers * SERVICE_SECONDS,
        baseline_seconds=max(4.0, 12.0 / clock_speed),
        before_autoscaler=max(3.5, 30.0 / clock_speed),
        tick=max(1.0, 2.0 / clock_speed),
        scrape_seconds=scrape_seconds,
    )


def run_hpa_demo(lab: Lab, settings: DemoSettings, observer: Observer) -> tuple[Autoscale, LoadTest]:
    """Run it. Whatever happens, the load is ended, the autoscaler removed, and the target scaled as it was before.

    Raises:
        Refused: an autoscaler scales the lab already, or the lab may not serve the metric.
        InvalidInput: the autoscaler asks for a metric that nobody serves.
        DclabError: as the lab and the load test.
    """
    check_nothing_scales(lab)
    with served(lab, settings.target, [settings.autoscaler], settings.scrape_seconds):
        if lab.replicas("worker").desired != settings.workers:
            lab.scale("worker", settings.workers)
            time.sleep(settings.settle)
        return _demonstrate(lab, settings, observer)


def _demonstrate(lab: Lab, settings: DemoSettings, observer: Observer) -> tuple[Autoscale, LoadTest]:
    target, candidate = settings.target, settings.autoscaler
    name = candidate.spec.name
    replicas_before = lab.replicas(target).desired
    watch = AutoscaleWatch(lab, candidate, settings.workers, settings.tick, observer)
    job: Job | None = None
    failed = True
    try:
        watch.mark("Baseline", f"{settings.workers} workers, no load, no autoscaler")
        _whole(watch, "baseline", settings.baseline_seconds)
        job = lab.start_load(settings.load)
        ends = time.monotonic() + settings.load.seconds
        watch.mark("LoadStarted", f"{settings.load.concurrent} users on {job.url} for {settings.load.seconds:g} s")
        _whole(watch, "load", min(settings.before_autoscaler, settings.load.seconds / 2))
        lab.apply_autoscaler(candidate.manifest)
        bounds = f"{candidate.spec.min_replicas} to {candidate.spec.max_replicas} replicas"
        watch.mark("AutoscalerApplied", f"{target}: {bounds}")
        while job.status().state == "running" and time.monotonic() < ends + 30:
            _tick(watch, "autoscaled")
        ended, job = job, None
        load = collect_load(ended, settings.load, settings.workers, observer)
        watch.mark("LoadEnded", f"{load.transactions} requests, {load.transaction_rate:.0f} a second")
        at_rest = until_rest(watch)
        result = watch.result(at_rest=at_rest)
        observer.record(autoscale=result)
        failed = False
    finally:
        with contextlib.ExitStack() as last:  # each of them, in reverse order, whatever becomes of the others
            take_back = partial(undo, observer, failed)
            last.callback(take_back, f"{target} was not scaled back", lambda: lab.scale(target, replicas_before))
            last.callback(take_back, "The autoscaler was not removed", lambda: lab.remove_autoscaler(name))
            last.callback(keep_trace, lab, candidate, observer)
            if job is not None:
                collect = partial(collect_load, job, settings.load, settings.workers, observer)
                last.callback(take_back, "The load test has no result", collect)
    return result, load


def _tick(watch: AutoscaleWatch, phase: Phase) -> None:
    watch.point(phase)
    time.sleep(watch.tick)


def _whole(watch: AutoscaleWatch, phase: Phase, seconds: float) -> None:
    """Follow a phase of fixed length, and measure its rate over the whole of it, where the workers' reports are known."""
    lab, since = watch.lab, watch.lab.counter().t
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _tick(watch, phase)
    with contextlib.suppress(DclabError):  # the timeline is as good without it
        reports = lab.worker_reports(since - LOOK_BACK_SECONDS)
        system = System(workers=watch.workers, rngs=max(1, lab.replicas("rng").ready))
        if reports:
            window = {"what": f"demonstration {phase}", "began": since, "ended": reports[-1].t}
            watch.rates[phase] = rate_by_worker(reports, since, reports[-1].t, system)
            watch.observer.raw("reports", [{"what": window["what"], **one._asdict()} for one in reports])
            lab_then = {"workers": system.workers, "rngs": system.rngs, "load_balancing": system.load_balancing}
            watch.observer.raw("windows", [{**window, **lab_then, "by": "reports"}])
