"""The verdict: which service limits the rate, and the facts that say so. Pure: from results to a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dclab.experiments.change_facts import Effect, chance_facts, effect_facts, effects, next_limit
from dclab.experiments.queue_facts import queue_facts, suspect
from dclab.experiments.rule_out import Cpu
from dclab.measure.ratio import FLAT, quotient, verdict
from dclab.results import Bottleneck, Evidence, Intervention, Sweep, TargetLatency

__all__ = ["find_bottleneck"]

NETWORK_MS = 10.0
"""A connection, or an answer from Redis, that takes less than this is no part worth speaking of in a hash's 300 ms."""
SHORT_OF_CPU = 0.9
"""A replica that uses this share of its CPU limit is throttled at times."""

Facts = tuple[Evidence, ...]


def find_bottleneck(
    latency: Mapping[str, TargetLatency] | None,
    sweep: Sweep | None = None,
    interventions: Sequence[Intervention] = (),
    cpu: Mapping[str, Cpu] | None = None,
    redis_ms: float | None = None,
) -> Bottleneck:
    """Name the service that helps when scaled (proved), or else the one at which requests queue (suspected).

    Args:
        latency: by service, at one number of workers.
        sweep: for the plateau.
        interventions: those without a service are the rate with nothing changed.
        cpu: by service.
        redis_ms: how long the web UI takes for an answer that asks Redis twice.
    """
    latency = {name: one for name, one in (latency or {}).items() if one.probe.count}
    changed = effects(interventions)
    suspected = suspect(latency)
    proved = _proved(changed)
    denied = any(one.verdict == "no more" and one.change.service == suspected for one in changed)
    service = proved or (None if denied else suspected)
    return Bottleneck(
        service=service,
        certainty="proved" if proved else "suspected" if service else None,
        evidence=(
            *queue_facts(latency),
            *_plateau(sweep),
            *(fact for one in changed for fact in effect_facts(one)),
            *chance_facts(interventions),
            *next_limit(changed),
            *_cpu(service or suspected, cpu or {}),
            *_network(latency),
            *_redis(redis_ms),
        ),
    )


def _proved(effects: Sequence[Effect]) -> str | None:
    """The service whose change raised the rate most, of those that raised it."""
    best = max((one for one in effects if one.verdict == "more"), key=lambda one: one.rate.mean, default=None)
    return best.change.service if best else None


def _network(latency: Mapping[str, TargetLatency]) -> Facts:
    """The network, by how little of a hash's time a connection takes."""
    connects = [one.probe.connect for one in latency.values() if one.probe.connect is not None]
    if not connects or max(connects) >= NETWORK_MS:
        return ()
    return (Evidence(code="network-quick", values={"connect_ms": max(connects)}),)


def _redis(redis_ms: float | None) -> Facts:
    """Redis, by how little of a hash's time an answer takes."""
    if redis_ms is None or redis_ms >= NETWORK_MS:
        return ()
    return (Evidence(code="redis-quick", values={"redis_ms": redis_ms}),)


def _cpu(service: str | None, cpu: Mapping[str, Cpu]) -> Facts:
    """CPU of the service that is named or suspected, beside what it requests and may use at most."""
    if service is None or service not in cpu:
        return ()
    used, requested, limit = cpu[service]
    values: dict[str, float | str] = {"service": service, "cpu_millicores": used, "request_millicores": requested}
    if limit is not None:
        values["limit_millicores"] = limit
        if used >= SHORT_OF_CPU * limit:
            return (Evidence(code="cpu-at-limit", values=values),)
    if used > requested:
        return (Evidence(code="cpu-above-request", values=values),)
    return (Evidence(code="cpu-idle", values=values),)


def _plateau(sweep: Sweep | None) -> Facts:
    """The fewest workers than which twice as many or more are no faster."""
    points = sorted(sweep.points, key=lambda one: one.workers) if sweep else []
    if not points:
        return ()
    last = points[-1]
    for point in points[:-1]:
        ratio = quotient(last.hashes_per_second, point.hashes_per_second)
        if last.workers >= 2 * point.workers and verdict(ratio, FLAT) == "no more":
            values: dict[str, float | str] = {
                "from_workers": point.workers,
                "to_workers": last.workers,
                "rate_from": point.hashes_per_second.mean,
                "rate_to": last.hashes_per_second.mean,
                "times_high": ratio.high,
            }
            return (Evidence(code="plateau", values=values),)
    return ()
