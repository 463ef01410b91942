"""What a series of looks at replicas shows: events, phases, and whether they are as predicted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Literal

from dclab.measure.queueing import bound_rate
from dclab.measure.simulate import REPORT_EVERY
from dclab.results import HealthEvent, HealthLook, HealthPhase, HealthPrediction

__all__ = ["Verdict", "cycles", "first_event", "health_events", "health_phases", "judge", "unreported"]

Verdict = Literal["as predicted", "not as predicted", "cannot tell"]
SHOWN = ("tcp", "http")
"""Phases in which nothing but the probe changes replicas."""


def health_events(looks: Sequence[HealthLook]) -> tuple[HealthEvent, ...]:
    """Return what became of replicas that were there before and after, in phases in which nobody updates them."""
    return tuple(one for a, b in pairwise(looks) if a.phase == b.phase and a.phase in SHOWN for one in _changes(a, b))


def _changes(a: HealthLook, b: HealthLook) -> Iterator[HealthEvent]:
    before = {one.name: one for one in a.replicas}
    for now in b.replicas:
        old = before.get(now.name)
        if old is None or now.terminating:
            continue
        if now.restarts > old.restarts:
            yield HealthEvent(after=a.t, t=b.t, what="restarted", replica=now.name)
        if now.in_service != old.in_service:
            what: Literal["in service", "out of service"] = "in service" if now.in_service else "out of service"
            yield HealthEvent(after=a.t, t=b.t, what=what, replica=now.name)


def unreported(workers: int, rngs: int) -> int:
    """Return how many hashes workers hold at most that they have made and not added to the counter yet.

    A worker reports before the first unit that it begins later than a second after its last report.
    """
    cycle = workers / bound_rate(workers, rngs) if workers and rngs else math.inf
    return workers * (1 + math.floor(REPORT_EVERY / cycle))


def health_phases(looks: Sequence[HealthLook], workers: int, rngs: int) -> tuple[HealthPhase, ...]:
    """Return each phase of at least two looks, with that many workers and at most that many replicas of rng."""
    found = []
    events = health_events(looks)
    for phase, group in groupby(looks, key=lambda one: one.phase):
        own = list(group)
        begin, end = own[0].t, own[-1].t
        if end <= begin:
            continue
        hashes = max(0, own[-1].hashes - own[0].hashes)
        held = unreported(workers, rngs)
        within = [one for one in events if begin < one.t <= end]
        found.append(
            HealthPhase(
                phase=phase,
                begin=begin,
                seconds=end - begin,
                hashes=hashes,
                rate_low=max(0, hashes - held) / (end - begin),
                rate_high=(hashes + held) / (end - begin),
                out_seconds=sum(b.t - a.t for a, b in pairwise(own) if not a.in_service),
                times_out=sum(one.what == "out of service" for one in within),
                restarts=sum(one.what == "restarted" for one in within),
            )
        )
    return tuple(found)


def _begin(looks: Sequence[HealthLook]) -> float | None:
    return next((one.t for one in looks if one.phase == "http"), None)


def first_event(looks: Sequence[HealthLook], kind: str) -> tuple[float, float] | None:
    """Return between which seconds under the HTTP probe it had its first effect; None when it had none."""
    begin = _begin(looks)
    wanted = "restarted" if kind == "liveness" else "out of service"
    found = next(
        (one for one in health_events(looks) if begin is not None and one.t > begin and one.what == wanted), None
    )
    return (found.after - begin, found.t - begin) if found and begin is not None else None


def cycles(looks: Sequence[HealthLook]) -> list[tuple[float, float]]:
    """Return between which seconds each time out of service under the HTTP probe came after the one before."""
    begin = _begin(looks)
    out = [one for one in health_events(looks) if begin is not None and one.t > begin and one.what == "out of service"]
    return [(b.after - a.t, b.t - a.after) for a, b in pairwise(out)]


def judge(predicted: HealthPrediction, looks: Sequence[HealthLook], kind: str, watch: float) -> Verdict:
    """Return whether the first effect of the probe, or that there was none, is as predicted.

    Args:
        predicted: beforehand.
        looks: at the replicas.
        kind: of the probe.
        watch: seconds that it was to be watched; less was, where the demonstration was cut off.
    """
    begin = _begin(looks)
    watched = max((one.t for one in looks if one.phase == "http"), default=0.0) - (begin or 0.0)
    if begin is None or predicted.outcome == "cannot tell":
        return "cannot tell"
    found = first_event(looks, kind)
    if predicted.outcome == "holds":
        if found:
            return "not as predicted"
        return "as predicted" if watched >= 0.95 * watch else "cannot tell"
    low, high = predicted.first_low or 0.0, predicted.first_high or math.inf
    if found is None:
        return "not as predicted" if watched > high else "cannot tell"
    return "as predicted" if found[0] <= high and found[1] >= low else "not as predicted"
