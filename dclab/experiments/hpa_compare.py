"""Autoscalers in turn on one lab, under the same demand: what each did, and which one is better."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from dclab.elasticity.closed_loop import POD_START
from dclab.elasticity.demand import demand_steps
from dclab.elasticity.profile import usual_profile
from dclab.elasticity.simulate import predict_run
from dclab.elasticity.verdict import judged, verdicts
from dclab.errors import InvalidInput, LabLost
from dclab.experiments.autoscalers import SCRAPE_SECONDS, Candidate, keep_trace, served
from dclab.experiments.elastic_run import ElasticRun, RunSettings
from dclab.experiments.machine import watched_machine
from dclab.experiments.observer import Observer
from dclab.experiments.recovery import attempt, check_nothing_scales, counts_but_workers, recover, undo
from dclab.lab import Lab
from dclab.measure.queueing import SERVICE_SECONDS
from dclab.results import AutoscalerRun, Comparison

__all__ = ["CompareSettings", "check_candidates", "compare_settings", "raw_suffix", "run_hpa_compare"]

SLO_MS = 100.0
"""A worker's call that waits no longer than it is served."""

REST_SECONDS = 60.0
"""Of the autoscaler's clock before each run: what metrics-server and Prometheus tell is then of this rest alone."""

DRAIN_SECONDS = 2.0
"""Real seconds beside what the workers' queue needs to drain."""


@dataclass(frozen=True, kw_only=True)
class CompareSettings:
    """What is compared, and under what."""

    candidates: tuple[Candidate, ...]
    run: RunSettings
    scrape_seconds: float = SCRAPE_SECONDS
    """Between two scrapes of the replicas, on the autoscaler's clock."""

    @property
    def rest_seconds(self) -> float:
        """Before each run, on the autoscaler's clock: a rate is taken over three scrapes."""
        return max(REST_SECONDS, 4 * self.scrape_seconds)


def compare_settings(
    candidates: tuple[Candidate, ...],
    *,
    workers: int,
    clock_speed: float,
    slo_ms: float = SLO_MS,
    scrape_seconds: float = SCRAPE_SECONDS,
) -> CompareSettings:
    """Return settings for these autoscalers of one target: the same demand for each, long enough to see it settle.

    Args:
        candidates: at least two, by names that differ, of one target.
        workers: the most that there are.
        clock_speed: of the autoscaler's clock.
        slo_ms: objective for the wait of a worker's call.
        scrape_seconds: between two scrapes, on the autoscaler's clock.

    Raises:
        InvalidInput: there are fewer than two.
    """
    check_candidates(candidates)
    target = candidates[0].spec.target
    return CompareSettings(
        candidates=candidates,
        run=RunSettings(
            target=target,
            steps=usual_profile(workers, max(one.window for one in candidates)),
            slo_ms=slo_ms,
            tick=min(2.0, max(0.25, 5.0 / clock_speed)),
        ),
        scrape_seconds=scrape_seconds,
    )


def check_candidates(candidates: tuple[Candidate, ...]) -> None:
    """Raise InvalidInput where there is nothing to compare."""
    if len(candidates) < 2:
        names = "".join(one.name for one in candidates)
        raise InvalidInput(
            f"There is only one autoscaler to compare: {names}.",
            "A comparison needs two or more.",
            "Add another --metric or --hpa, or run `dclab hpa-demo` with this one.",
        )


@dataclass
class _Comparing:
    """The comparison as it grows."""

    lab: Lab
    settings: CompareSettings
    observer: Observer
    done: dict[str, AutoscalerRun] = field(default_factory=dict)
    """By name, in the order of the candidates."""

    def record(self, *more: AutoscalerRun) -> Comparison:
        """Record the runs so far, and those that are under way."""
        found = Comparison(
            target=self.settings.run.target,
            slo_ms=self.settings.run.slo_ms,
            clock_speed=self.lab.clock_speed,
            scrape_seconds=self.settings.scrape_seconds,
            runs=(*self.done.values(), *more),
            verdicts=tuple(verdicts([judged(one) for one in self.done.values()])) if not more else (),
        )
        self.observer.record(comparison=found)
        return found

    def run(self, candidate: Candidate) -> None:
        """Run one autoscaler from rest; however it ends, nothing of it goes on."""
        lab, settings = self.lab, self.settings
        target, name = settings.run.target, candidate.spec.name
        running = ElasticRun(lab, candidate, settings.run, self.observer, self.record)
        before = lab.replicas(target).desired
        failed = True
        with served(lab, target, [candidate], settings.scrape_seconds):
            try:
                self._rest(candidate)
                self.done[candidate.name] = running.follow()
                failed = False
            finally:
                with contextlib.ExitStack() as last:  # each of them, in reverse order, whatever becomes of the others
                    take_back = partial(self._take_back, failed)
                    last.callback(take_back, f"{target} was not scaled back", lambda: lab.scale(target, before))
                    last.callback(take_back, "The autoscaler was not removed", lambda: lab.remove_autoscaler(name))
                    last.callback(keep_trace, lab, candidate, self.observer, raw_suffix(candidate.name))
                    last.callback(take_back, "The siege was not ended", running.end)
                    if failed:
                        last.callback(running.keep)
        self.record()

    def _take_back(self, failed: bool, left: str, action: Callable[[], object]) -> None:
        """As `undo`; of a lab that was lost, `bring_back` takes things back once it is there again."""

        def unless_lost() -> None:
            try:
                action()
            except LabLost:
                if not failed:
                    raise

        undo(self.observer, failed, left, unless_lost)

    def _rest(self, candidate: Candidate) -> None:
        """Bring the lab to where each run begins: few workers, the fewest replicas, no queue, and no metric of before."""
        lab, run = self.lab, self.settings.run
        workers = run.steps[0].workers
        self.observer.step(f"settling before {candidate.name}")
        lab.scale("worker", workers)
        lab.scale(run.target, candidate.spec.min_replicas)
        time.sleep(max(DRAIN_SECONDS + workers * SERVICE_SECONDS, self.settings.rest_seconds / lab.clock_speed))

    def bring_back(self, candidate: Candidate, counts: Mapping[str, int]) -> None:
        """Bring a lab back that was lost, for the next autoscaler."""
        recover(self.lab, counts)
        self.lab.remove_autoscaler(candidate.spec.name)

    def predict(self) -> None:
        """Add what the simulation makes of each run, and how far repeats of one lie from each other."""
        for name, one in self.done.items():
            self.observer.step(f"prediction of {name}")
            found = predict_run(
                one.manifest,
                one.demand,
                one.seconds,
                slo_ms=self.settings.run.slo_ms,
                clock_speed=self.lab.clock_speed,
                scrape_seconds=self.settings.scrape_seconds,
                pod_start=POD_START[self.lab.engine],
            )
            if found:
                self.done[name] = replace(one, predicted=found.scores, spread=found.spread)


def run_hpa_compare(lab: Lab, settings: CompareSettings, observer: Observer) -> Comparison:
    """Run each autoscaler under the same demand, and compare their costs.

    Whatever happens, the load is ended, the autoscaler removed, and target and workers scaled as they were before.

    Raises:
        Refused: an autoscaler scales the lab already, or the lab may not serve a metric; nothing was measured.
        InvalidInput: an autoscaler asks for a metric that nobody serves; nothing was measured.
        LabEnded, LabHeld: the lab is not ours any more; the runs so far are recorded.
        DclabError: none could be run.
    """
    check_nothing_scales(lab)
    counts = {name: lab.replicas(name).desired for name in ("worker", settings.run.target)}
    all_counts = counts_but_workers(lab)
    observer.step("demand: how many replicas the objective needs")  # first, since it takes the CPU
    run = settings.run
    for most in {one.spec.max_replicas for one in settings.candidates}:
        demand_steps(run.steps, run.slo_ms, most, target=run.target)
    comparing = _Comparing(lab, settings, observer)
    failed = True
    try:
        with served(lab, settings.run.target, settings.candidates, settings.scrape_seconds):
            pass  # so that what cannot be served is known before anything is measured
        with watched_machine(observer, "the autoscalers"):
            for candidate in settings.candidates:
                attempt(
                    f"run of {candidate.name}",
                    partial(comparing.run, candidate),
                    partial(comparing.bring_back, candidate, all_counts),
                    "What it did until then is in raw/elastic.jsonl; the others were compared.",
                    observer,
                )
        failed = False
    finally:
        with contextlib.ExitStack() as last:
            for name, count in counts.items():
                back = partial(lab.scale, name, count)
                last.callback(undo, observer, failed, f"{name} was not scaled back", back)
    if not comparing.done:
        raise LabLost("No autoscaler could be run to its end.", "The warnings say why.", "See `dclab status`.")
    comparing.predict()
    return comparing.record()


def raw_suffix(name: str) -> str:
    """Return what tells the raw files of one autoscaler from the others': `-cpu-tuned`."""
    return "-" + re.sub(r"[^\w.-]+", "-", name)[-100:]
