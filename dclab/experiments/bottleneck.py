"""The verdict: which service limits the rate, and the facts that say so. Pure: from results to a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dclab.measure.queueing import bound_rate
from dclab.results import Bottleneck, Evidence, Intervention, Sweep, TargetLatency

__all__ = ["find_bottleneck"]

QUEUE_FACTOR = 5.0
"""A service whose probe takes this many times another's is waiting in a queue."""
QUEUE_MS = 20.0
"""Below this a probe did not wait for a call of 100 ms."""
HELPS = 1.2
"""A rate that a second replica raises by this factor was limited by that service."""
NETWORK_MS = 10.0
"""A connection, or an answer from Redis, that takes less than this is no part worth speaking of in a hash's 300 ms."""
FLAT = 1.1
"""Twice the workers, and the rate rose by less than this factor: a plateau."""


def find_bottleneck(
    latency: Mapping[str, TargetLatency] | None,
    sweep: Sweep | None = None,
    interventions: Sequence[Intervention] = (),
    cpu: Mapping[str, tuple[float, float]] | None = None,
    redis_ms: float | None = None,
) -> Bottleneck:
    """Name the service that queues, or that helps when scaled; None where the facts name none.

    Args:
        latency: by service, at one number of workers.
        sweep: for the plateau.
        interventions: the first is the rate with nothing changed.
        cpu: by service, millicores used by a replica and millicores requested.
        redis_ms: how long the web UI takes for an answer that asks Redis twice.
    """
    evidence: list[Evidence] = []
    queued = _queued(latency or {}, evidence)
    _plateau(sweep, evidence)
    helped = _interventions(interventions, evidence)
    service = helped or (None if interventions else queued)
    for name, (used, requested) in (cpu or {}).items():
        if name == (service or queued):
            values: dict[str, float | str] = {
                "service": name,
                "cpu_millicores": used,
                "request_millicores": requested,
            }
            evidence.append(Evidence(code="cpu-idle", values=values))
    _ruled_out(latency or {}, redis_ms, evidence)
    return Bottleneck(service=service, evidence=tuple(evidence))


def _queued(latency: Mapping[str, TargetLatency], evidence: list[Evidence]) -> str | None:
    if not latency:
        return None
    slow = max(latency, key=lambda name: latency[name].probe.mean)
    fast = min(latency, key=lambda name: latency[name].probe.mean)
    slow_ms, fast_ms = latency[slow].probe.mean, latency[fast].probe.mean
    if slow_ms < QUEUE_MS or (slow != fast and slow_ms < QUEUE_FACTOR * fast_ms):
        evidence.append(Evidence(code="no-queue", values={"slowest": slow, "probe_ms": slow_ms}))
        return None
    values: dict[str, float | str] = {
        "service": slow,
        "probe_ms": slow_ms,
        "call_ms": latency[slow].call.mean,
        "workers": latency[slow].workers,
    }
    if slow != fast:
        values |= {"other": fast, "other_ms": fast_ms}
    evidence.append(Evidence(code="probe-queues", values=values))
    return slow


def _ruled_out(latency: Mapping[str, TargetLatency], redis_ms: float | None, evidence: list[Evidence]) -> None:
    """The network and Redis, by how little of a hash's time they take."""
    connects = [one.probe.connect for one in latency.values() if one.probe.connect is not None]
    if connects and max(connects) < NETWORK_MS:
        evidence.append(Evidence(code="network-quick", values={"connect_ms": max(connects)}))
    if redis_ms is not None and redis_ms < NETWORK_MS:
        evidence.append(Evidence(code="redis-quick", values={"redis_ms": redis_ms}))


def _plateau(sweep: Sweep | None, evidence: list[Evidence]) -> None:
    points = sorted(sweep.points, key=lambda one: one.workers) if sweep else []
    if len(points) < 2:
        return
    last = points[-1]
    for point in points[:-1]:
        rates = point.hashes_per_second.mean, last.hashes_per_second.mean
        if last.workers >= 2 * point.workers and rates[1] < FLAT * rates[0]:
            values: dict[str, float | str] = {
                "from_workers": point.workers,
                "to_workers": last.workers,
                "rate_from": rates[0],
                "rate_to": rates[1],
            }
            evidence.append(Evidence(code="plateau", values=values))
            return


def _interventions(interventions: Sequence[Intervention], evidence: list[Evidence]) -> str | None:
    helped: dict[str, float] = {}
    for one in interventions[1:]:
        if one.service is None or one.choice != "random":
            continue
        before, after = interventions[0].hashes_per_second, one.hashes_per_second
        helps = after.mean > HELPS * before.mean and after.ci95_low > before.ci95_high
        values: dict[str, float | str] = {
            "service": one.service,
            "from_rate": before.mean,
            "to_rate": after.mean,
            "replicas": one.replicas,
        }
        if one.threads > 1:
            values["threads"] = one.threads
            evidence.append(Evidence(code="threads-help" if helps else "threads-do-not-help", values=values))
        else:
            evidence.append(Evidence(code="scaling-helps" if helps else "scaling-does-not-help", values=values))
        if helps:
            helped[one.service] = max(after.mean, helped.get(one.service, 0.0))
    _chance(interventions, evidence)
    _next_limit(interventions, evidence)
    return max(helped, key=helped.__getitem__) if helped else None


def _chance(interventions: Sequence[Intervention], evidence: list[Evidence]) -> None:
    """What it costs that a service picks its replica by chance: against the same replicas taken in turn."""
    for by_chance in interventions:
        rates = {
            one.choice: one.hashes_per_second.mean
            for one in interventions
            if (one.service, one.replicas, one.threads) == (by_chance.service, by_chance.replicas, by_chance.threads)
        }
        if by_chance.choice == "random" and "round robin" in rates:
            best = max(rates.values())
            values: dict[str, float | str] = {
                "service": by_chance.service or "",
                "replicas": by_chance.replicas,
                "random_rate": rates["random"],
                "round_robin_rate": rates["round robin"],
                "better_of_two_rate": rates.get("better of two", rates["round robin"]),
                "lost_percent": 100 * (1 - rates["random"] / best),
            }
            evidence.append(Evidence(code="chance-costs", values=values))


def _next_limit(interventions: Sequence[Intervention], evidence: list[Evidence]) -> None:
    """Under the change that helped most: who is waited for then."""
    if len(interventions) < 2:
        return
    best = max(interventions, key=lambda one: one.hashes_per_second.mean)
    if best.service is None or not best.probe_ms:
        return
    slowest = max(best.probe_ms, key=best.probe_ms.__getitem__)
    waits = best.probe_ms[slowest] >= QUEUE_MS
    values: dict[str, float | str] = {
        "change": best.name,
        "rate": best.hashes_per_second.mean,
        "service": slowest if waits else "worker",
        "probe_ms": best.probe_ms[slowest],
        "workers": best.workers,
        "ceiling": bound_rate(best.workers, servers=best.workers),
    }
    evidence.append(Evidence(code="next-limit-service" if waits else "next-limit-workers", values=values))
