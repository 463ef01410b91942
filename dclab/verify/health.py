"""Recompute the demonstrations of health probes and rolling updates from each observation and from the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import to_builtins

from dclab.lab import HealthProbe
from dclab.measure.health_probe import predict_probe, watch_seconds
from dclab.measure.health_watch import health_events, health_phases, judge
from dclab.measure.rolling import healed, judge_stuck, predict_loss, predict_stuck, stuck, undone, waiting
from dclab.results import HealthLook, ProbeDemo, Results, RolloutDemo
from dclab.verify.finding import Finding, differences
from dclab.verify.raw import Raw

__all__ = ["verify_health"]


def verify_health(results: Results, raw: Raw) -> Iterator[Finding]:
    """Yield what differs."""
    if results.probes:
        looks = _looks(results.probes.timeline, raw.probes, results)
        yield from _timeline("probes", results.probes.timeline, looks)
        yield from _probes(results.probes, looks)
    if results.rollout:
        looks = _looks(results.rollout.timeline, raw.rollout, results)
        yield from _timeline("rollout", results.rollout.timeline, looks)
        yield from _rollout(results.rollout, looks)
        yield from _losses(results.rollout, raw, whole=results.finished is not None)


def _looks(said: Sequence[HealthLook], raw: Sequence[HealthLook], results: Results) -> Sequence[HealthLook]:
    """The looks that count: a run may have been killed after it wrote one to the raw data, and before the results."""
    return raw if results.finished is not None else raw[: max(len(said), len(raw) - 1)]


def _timeline(name: str, said: Sequence[HealthLook], looks: Sequence[HealthLook]) -> Iterator[Finding]:
    yield from differences(f"{name}.timeline", to_builtins(said), to_builtins(looks))
    if [one.t for one in said] != sorted(one.t for one in said):
        yield Finding(where=f"{name}.timeline", why="it is not in order of time")
    if [one.hashes for one in said] != sorted(one.hashes for one in said):
        yield Finding(where=f"{name}.timeline", why="the hash counter goes back")


def _probes(said: ProbeDemo, looks: Sequence[HealthLook]) -> Iterator[Finding]:
    probe = HealthProbe(
        kind=said.kind,
        path=said.path,
        period_seconds=said.period_seconds,
        timeout_seconds=said.timeout_seconds,
        failure_threshold=said.failure_threshold,
    )
    yield from differences("probes.watch_seconds", said.watch_seconds, watch_seconds(probe, said.grace_seconds))
    predicted = predict_probe(said.workers, said.replicas, probe, said.grace_seconds)
    yield from differences("probes.predicted", to_builtins(said.predicted), to_builtins(predicted))
    events, phases = health_events(looks), health_phases(looks, said.workers, said.replicas)
    yield from differences("probes.events", to_builtins(said.events), to_builtins(events))
    yield from differences("probes.phases", to_builtins(said.phases), to_builtins(phases))
    verdict = judge(predicted, looks, said.kind, said.watch_seconds)
    yield from differences("probes.verdict", said.verdict, verdict)


def _rollout(said: RolloutDemo, looks: Sequence[HealthLook]) -> Iterator[Finding]:
    predicted = predict_stuck(said.replicas, said.max_surge, said.max_unavailable)
    for name, value, computed in (
        ("predicted", said.predicted, predicted),
        ("phases", said.phases, health_phases(looks, said.workers, said.rngs)),
        ("stuck", said.stuck, stuck(looks)),
        ("waiting", said.waiting, waiting(looks)),
        ("undone", said.undone, undone(looks, said.replicas)),
        ("healed", said.healed, healed(looks, said.replicas)),
        ("verdict", said.verdict, judge_stuck(predicted, looks)),
    ):
        yield from differences(f"rollout.{name}", to_builtins(value), to_builtins(computed))


def _losses(said: RolloutDemo, raw: Raw, *, whole: bool) -> Iterator[Finding]:
    kept = raw.losses if whole else raw.losses[: len(said.losses)]
    yield from differences("rollout.losses", to_builtins(said.losses), to_builtins(tuple(kept)))
    for index, one in enumerate(said.losses):
        where = f"rollout.losses[{index}]"
        low, high = predict_loss(one.at_once, one.rounds, held=one.how == "SIGKILL")
        yield from differences(f"{where}.predicted_low", one.predicted_low, low)
        yield from differences(f"{where}.predicted_high", one.predicted_high, high)
        if one.counted > one.served:
            yield Finding(where=where, why=f"{one.counted} hashes were counted, and {one.served} made")
