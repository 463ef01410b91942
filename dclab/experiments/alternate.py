"""Runs of a lab as it is and with one change, taken in turn, so that what drifts falls on both alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

from dclab.experiments.latency import LatencySettings, run_latency
from dclab.experiments.observer import Observer
from dclab.experiments.proof import Change, changed
from dclab.experiments.recovery import put_back
from dclab.experiments.sweep import SweepSettings, run_sweep
from dclab.lab import Lab

__all__ = ["AlternateSettings", "Side", "alternate", "in_turn"]

Side = Literal["base", "other"]


@dataclass(frozen=True, kw_only=True)
class AlternateSettings:
    """What to change, how often, and what to measure in each run."""

    change: Change | None
    """None changes nothing: the two sides are the same, and no figure should differ."""
    repeat: int
    """Runs of each side."""
    sweep: SweepSettings
    latency: LatencySettings


def in_turn(repeat: int) -> Iterator[tuple[Side, int]]:
    """Yield the side and the number of each run, in ABBA order: base, other, other, base, base, other, ..."""
    for number in range(1, repeat + 1):
        pair: tuple[Side, Side] = ("base", "other") if number % 2 else ("other", "base")
        yield from ((side, number) for side in pair)


def alternate(
    lab: Lab, settings: AlternateSettings, recording: Callable[[Side, int], AbstractContextManager[Observer]]
) -> None:
    """Make all runs; services and workers are put back in the end.

    Args:
        lab: what is changed and measured.
        settings: what and how often.
        recording: begins the record of a run.
    """
    before = lab.replicas("worker").desired
    with put_back(lambda: lab.scale("worker", before)):
        for side, number in in_turn(settings.repeat):
            with (
                recording(side, number) as observer,
                changed(lab, settings.change) if settings.change and side == "other" else nullcontext(),
            ):
                run_sweep(lab, settings.sweep, observer)
                run_latency(lab, settings.latency, observer)
