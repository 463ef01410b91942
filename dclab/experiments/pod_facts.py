"""What CPU of the services at rest and with many workers shows: facts, from a run's own figures. Pure.

Each question has three outcomes, by 99.9 % as every verdict (`dclab.measure.ratio`). A mean over a single window has no
interval, so nothing is concluded from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from dclab.experiments.bottleneck import SHORT_OF_CPU
from dclab.experiments.queue_facts import probe_mean
from dclab.lab import SERVICES
from dclab.measure.mean import Mean
from dclab.measure.ratio import excess, ratio_of_means, verdict
from dclab.results import Evidence, Pods, PodState, Results, ServiceUsage

__all__ = ["pod_facts", "rest_and_most"]

SUSPECTS = ("rng", "hasher")
ONE_CORE = 1000.0
"""Millicores that a replica of these single-threaded programs can use, where no limit is set."""
IDLE = 0.5
"""A replica, or a machine, that uses less than this share of its CPU is not short of it."""


def rest_and_most(pods: Pods) -> tuple[PodState, PodState] | None:
    """Return the states with the fewest and the most workers; None where there are no two."""
    return (pods.states[0], pods.states[-1]) if len(pods.states) > 1 else None


def pod_facts(results: Results) -> tuple[Evidence, ...]:
    """Return the facts that answer who uses most CPU, who has the highest latency, and whether the app is CPU-bound.

    Nothing where CPU was measured in fewer than two states.
    """
    found = rest_and_most(results.pods) if results.pods else None
    if results.pods is None or found is None:
        return ()
    rest, most = found
    by_cpu, at_rest, by_latency = _most_cpu(most), _most_cpu(rest), _most_latency(results, most)
    return (
        *_named(rest, at_rest),
        *_named(most, by_cpu),
        *by_latency,
        *_same(by_cpu, by_latency),
        *_bound(results, most),
        *_hash(results, most),
        *_served(rest, most, by_latency),
    )


def _cpu(state: PodState, service: str) -> Mean | None:
    """CPU of all replicas of a service together; None where it, or its interval, is not known."""
    one = state.services.get(service)
    return Mean(one.cpu_millicores, *one.cpu_ci95) if one and one.cpu_ci95 else None


def _most_cpu(state: PodState) -> Evidence | None:
    """Which of rng and hasher uses more CPU; None where one of them was not measured."""
    rng, hasher = (state.services.get(name) for name in SUSPECTS)
    if rng is None or hasher is None:
        return None
    values: dict[str, Any] = {"workers": state.workers, "service": "rng", "other": "hasher"}
    values |= {"cpu_millicores": rng.cpu_millicores, "other_millicores": hasher.cpu_millicores}
    a, b = (_cpu(state, name) for name in SUSPECTS)
    if a is None or b is None:
        return Evidence(code="pods-one-window", values=values)
    told = verdict(excess(a, b, 1.0), 0.0)
    if told == "no more":
        a, b = b, a
        values |= {"service": "hasher", "other": "rng", "cpu_millicores": a.mean, "other_millicores": b.mean}
    values |= {"low": a.low, "high": a.high, "other_low": b.low, "other_high": b.high}
    return Evidence(code="pods-cannot-tell" if told == "cannot tell" else "pods-most", values=values)


def _named(state: PodState, found: Evidence | None) -> Iterator[Evidence]:
    if found:
        yield found


def _most_latency(results: Results, state: PodState) -> tuple[Evidence, ...]:
    """Where a probe waits longer, by the run's latencies at as many workers."""
    latency = {name: one for name, one in (results.latency or {}).items() if one.probe.count}
    if not set(SUSPECTS) <= set(latency) or any(latency[name].workers != state.workers for name in SUSPECTS):
        return ()
    high, low = sorted(SUSPECTS, key=lambda name: -latency[name].probe.mean)
    values: dict[str, Any] = {
        "workers": state.workers,
        "service": high,
        "other": low,
        "latency_ms": latency[high].probe.mean,
        "other_ms": latency[low].probe.mean,
    }
    told = verdict(excess(probe_mean(latency[high].probe), probe_mean(latency[low].probe), 1.0), 0.0)
    return (Evidence(code="pods-latency" if told == "more" else "pods-latency-cannot-tell", values=values),)


def _same(by_cpu: Evidence | None, by_latency: tuple[Evidence, ...]) -> Iterator[Evidence]:
    if by_cpu is None or not by_latency:
        return
    if by_cpu.code != "pods-most" or by_latency[0].code != "pods-latency":
        yield Evidence(code="pods-same-cannot-tell", values={})
        return
    cpu, latency = by_cpu.values["service"], by_latency[0].values["service"]
    if cpu == latency:
        yield Evidence(code="pods-same", values={"service": cpu})
    else:
        yield Evidence(code="pods-differ", values={"service": cpu, "other": latency})


def _allowed(one: ServiceUsage) -> float:
    """Millicores that all replicas of a service may use: each its limit, or a core."""
    limit = one.resources.cpu_limit_millicores
    return one.replicas * (ONE_CORE if not limit else min(limit, ONE_CORE))


def _bound(results: Results, state: PodState) -> Iterator[Evidence]:
    """Whether the app is CPU-bound: each service beside what it may use, all of them beside what there is."""
    own = {name: one for name, one in state.services.items() if name in SERVICES}
    cpu = {name: mean for name in own if (mean := _cpu(state, name))}
    whole = _total(state)
    if whole is None:
        yield Evidence(code="pods-bound-one-window", values={"workers": state.workers})
        return
    shares = {name: ratio_of_means(mean, _exactly(_allowed(own[name]))) for name, mean in cpu.items()}
    top = max(shares, key=lambda name: shares[name].mean)
    values: dict[str, Any] = {
        "workers": state.workers,
        "total_millicores": whole.mean,
        "half_millicores": whole.high - whole.mean,
        "service": top,
        "share_percent": 100 * shares[top].mean,
        "cpu_millicores": cpu[top].mean / own[top].replicas,
        "allowed_millicores": _allowed(own[top]) / own[top].replicas,
    }
    cores = results.pods.cores if results.pods else None
    if cores:
        values |= {"cores_millicores": 1000 * cores, "total_percent": whole.mean / cores / 10}
    machine = ratio_of_means(whole, _exactly(1000 * cores)) if cores else None
    if verdict(shares[top], SHORT_OF_CPU) == "more":
        yield Evidence(code="pods-bound-service", values=values)
    elif machine and verdict(machine, SHORT_OF_CPU) == "more":
        yield Evidence(code="pods-bound-machine", values=values)
    elif any(one.code == "machine-busy" for one in results.caveats):
        yield Evidence(code="pods-bound-busy", values=values)
    elif any(verdict(one, IDLE) != "no more" for one in (*shares.values(), *((machine,) if machine else ()))):
        yield Evidence(code="pods-bound-cannot-tell", values=values)
    else:
        yield Evidence(code="pods-not-bound" if machine else "pods-not-at-limit", values=values)


def _total(state: PodState) -> Mean | None:
    """CPU of DockerCoins' own services together; None where a service, or an interval, is not known."""
    known = [_cpu(state, name) for name in SERVICES]
    if None in known:
        return None
    means = [one for one in known if one]
    total, half = sum(one.mean for one in means), math.hypot(*((one.high - one.low) / 2 for one in means))
    return Mean(total, total - half, total + half)


def _exactly(value: float) -> Mean:
    return Mean(value, value, value)


def _hash(results: Results, state: PodState) -> Iterator[Evidence]:
    """How much of a hash's time is CPU: a hash takes workers / (hashes per second), by Little's law."""
    points = results.sweep.points if results.sweep else ()
    rate = next((one.hashes_per_second.mean for one in points if one.workers == state.workers), 0.0)
    total = _total(state)
    if not rate or total is None or not state.workers:
        return
    values: dict[str, Any] = {
        "workers": state.workers,
        "hash_ms": 1000 * state.workers / rate,
        "cpu_ms": total.mean / rate,
    }
    told = verdict(ratio_of_means(total, _exactly(1000.0 * state.workers)), IDLE)
    if told != "cannot tell":
        yield Evidence(code="pods-hash-waits" if told == "no more" else "pods-hash-works", values=values)


def _served(rest: PodState, most: PodState, by_latency: tuple[Evidence, ...]) -> Iterator[Evidence]:
    """Whether the CPU of the service at which requests wait grew as the number of workers did: what that says of a metric."""
    if not by_latency or by_latency[0].code != "pods-latency":
        return
    service = str(by_latency[0].values["service"])
    before, after = _cpu(rest, service), _cpu(most, service)
    times = most.workers / rest.workers if rest.workers else math.inf
    if before is None or after is None or not math.isfinite(times):
        return
    values: dict[str, Any] = {
        "service": service,
        "from_workers": rest.workers,
        "to_workers": most.workers,
        "from_millicores": before.mean,
        "to_millicores": after.mean,
        "workers_times": times,
    }
    codes = {"no more": "pods-cpu-lags", "more": "pods-cpu-leads", "cannot tell": "pods-cpu-cannot-tell"}
    yield Evidence(code=codes[verdict(excess(after, before, times), 0.0)], values=values)
