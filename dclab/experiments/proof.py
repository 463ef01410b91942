"""The proof of the bottleneck: change one thing at a time at a fixed number of workers, and see what the rate does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import cast

from dclab.errors import DclabError, LabLost
from dclab.experiments.lab_window import measure_rate
from dclab.experiments.observer import Observer
from dclab.lab import Lab, ProbeSpec
from dclab.measure.queueing import CYCLE_SECONDS, SERVICE_SECONDS, bound_rate
from dclab.measure.simulate import LoadBalancing, simulated_rate
from dclab.results import Caveat, Intervention, Rate

__all__ = ["CHANGES", "FEW_CHANGES", "Change", "ProofSettings", "run_proof"]

UNCHANGED = "as it is"
TARGETS = ("rng", "hasher")
PROBES = 5
"""Of each service under each change: what waits next."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that is done differently."""

    service: str
    replicas: int = 1
    threads: int = 1
    load_balancing: str = "random"

    def __str__(self) -> str:
        """Such as `rng x3, round robin`."""
        parts = [f"{self.service} x{self.replicas}"] if self.replicas > 1 else []
        parts += [f"{self.service} with {self.threads} threads"] if self.threads > 1 else []
        parts += [self.load_balancing] if self.load_balancing != "random" else []
        return ", ".join(parts)


FEW_CHANGES = (Change(service="rng", replicas=2),)
CHANGES = (
    *FEW_CHANGES,
    Change(service="hasher", replicas=2),
    Change(service="rng", replicas=3),
    Change(service="rng", replicas=4),
    Change(service="rng", threads=10),
    Change(service="rng", replicas=3, load_balancing="round robin"),
    Change(service="rng", replicas=3, load_balancing="better of two"),
)
"""What `dclab prove` tries; a load-balancing policy that the lab lacks is omitted."""


@dataclass(frozen=True, kw_only=True)
class ProofSettings:
    """What to try."""

    changes: tuple[Change, ...] = CHANGES
    workers: int = 10
    seconds: float = 30.0
    """Longest window of each; it ends sooner once the rate is known to ±2 %."""
    settle: float = 3.0


def run_proof(
    lab: Lab, settings: ProofSettings, observer: Observer, unchanged: Rate | None = None
) -> tuple[Intervention, ...]:
    """The rate with nothing changed, then under each change by itself; all is put back in the end.

    A change that the lab cannot carry out, such as more replicas than a node has CPU for, is named in a caveat.
    `unchanged` is the rate with nothing changed where it is known already; else it is measured.
    """
    lab.scale("worker", settings.workers)
    observer.step(f"proof at {settings.workers} workers: {UNCHANGED}")
    if unchanged is None:
        time.sleep(settings.settle)
        unchanged = measure_rate(lab, settings.seconds, observer, f"proof {UNCHANGED}").rate
    found = [
        Intervention(
            name=UNCHANGED,
            workers=settings.workers,
            hashes_per_second=unchanged,
            at_most=bound_rate(settings.workers),
            predicted=bound_rate(settings.workers),
            probe_ms=_waits(lab, observer),
        )
    ]
    observer.record(interventions=tuple(found))
    for change in settings.changes:
        if change.load_balancing not in lab.load_balancing_policies:
            continue
        try:
            found.append(_tried(lab, change, settings, observer))
        except LabLost:
            raise
        except DclabError as error:
            observer.caveat(
                Caveat(
                    code="change-failed",
                    message=f"{change} could not be tried. {error.what} {error.why}".strip(),
                    hint="The other changes were measured.",
                )
            )
        observer.record(interventions=tuple(found))
    return tuple(found)


def _tried(lab: Lab, change: Change, settings: ProofSettings, observer: Observer) -> Intervention:
    observer.step(f"proof at {settings.workers} workers: {change}")
    with _changed(lab, change):
        time.sleep(settings.settle)
        window = measure_rate(lab, settings.seconds, observer, f"proof {change}")
        waits = _waits(lab, observer)
    servers = change.replicas * change.threads if change.service == "rng" else 1
    at_most = bound_rate(settings.workers, servers)
    return Intervention(
        name=str(change),
        workers=settings.workers,
        hashes_per_second=window.rate,
        service=change.service,
        replicas=change.replicas,
        threads=change.threads,
        choice=change.load_balancing,
        at_most=at_most,
        predicted=_predicted(settings.workers, change) if change.service == "rng" and change.threads == 1 else at_most,
        probe_ms=waits,
    )


def _predicted(workers: int, change: Change) -> float:
    policy = cast(LoadBalancing, change.load_balancing)
    return simulated_rate(
        workers, change.replicas, CYCLE_SECONDS - SERVICE_SECONDS, SERVICE_SECONDS, load_balancing=policy
    )


@contextmanager
def _changed(lab: Lab, change: Change) -> Iterator[None]:
    before = lab.replicas(change.service).desired
    try:
        lab.set_load_balancing(change.load_balancing)
        if change.threads > 1:
            lab.configure(change.service, {"THREADS": str(change.threads)})
        if change.replicas > 1:
            lab.scale(change.service, change.replicas * before)
        yield
    finally:
        lab.set_load_balancing(lab.load_balancing_policies[0])
        lab.scale(change.service, before)
        if change.threads > 1:
            lab.configure(change.service, {})


def _waits(lab: Lab, observer: Observer) -> dict[str, float]:
    """Mean wait of a few probes of each service; one that answers none is left out."""
    found = {}
    for target in TARGETS:
        samples = lab.probe(target, ProbeSpec(count=PROBES))
        observer.raw("proof", ({"target": target, "at": one.at, "total_ms": one.total_ms} for one in samples))
        times = [one.total_ms for one in samples if one.total_ms is not None]
        if times:
            found[target] = fmean(times)
    return found
