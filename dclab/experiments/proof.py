"""The scaling proof: what happens to the rate when a suspected service gets a second replica."""

from __future__ import annotations

import time
from dataclasses import dataclass

from dclab.experiments.observer import Observer
from dclab.experiments.sampling import measure_rate
from dclab.lab import Lab
from dclab.results import Intervention, Rate

__all__ = ["ProofSettings", "run_proof"]

REPLICAS = 2
UNCHANGED = "as it is"


@dataclass(frozen=True, kw_only=True)
class ProofSettings:
    """What to try."""

    targets: tuple[str, ...] = ("rng", "hasher")
    workers: int = 10
    seconds: float = 15.0
    settle: float = 5.0


def run_proof(
    lab: Lab, settings: ProofSettings, observer: Observer, unchanged: Rate | None = None
) -> tuple[Intervention, ...]:
    """The rate with nothing changed, then with twice the replicas of each target in turn.

    `unchanged` is the rate with nothing changed where it is known already; else it is measured.
    """
    lab.scale("worker", settings.workers)
    found = [
        Intervention(name=UNCHANGED, workers=settings.workers, hashes_per_second=unchanged)
        if unchanged
        else _rate(lab, UNCHANGED, settings, observer)
    ]
    for target in settings.targets:
        before = lab.replicas(target).desired
        try:
            lab.scale(target, REPLICAS * before)
            found.append(_rate(lab, f"{target} x{REPLICAS}", settings, observer))
        finally:
            lab.scale(target, before)
        observer.keep(interventions=tuple(found))
    return tuple(found)


def _rate(lab: Lab, name: str, settings: ProofSettings, observer: Observer) -> Intervention:
    observer.step(f"proof at {settings.workers} workers: {name}")
    time.sleep(settings.settle)
    rate, _ = measure_rate(lab, settings.seconds, observer, f"proof {name}")
    return Intervention(name=name, workers=settings.workers, hashes_per_second=rate)
