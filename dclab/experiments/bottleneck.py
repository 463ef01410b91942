"""The verdict: which service limits the rate, and the facts that say so. Pure: from results to a result."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from dclab.experiments.rule_out import Cpu
from dclab.measure.mean import Mean
from dclab.measure.queueing import bound_rate
from dclab.measure.ratio import (
    FLAT,
    HELPS,
    Ratio,
    Verdict,
    excess,
    quotient,
    seconds_to_tell,
    unchanged_rate,
    verdict,
)
from dclab.results import Bottleneck, Evidence, Intervention, LatencySummary, Rate, Sweep, TargetLatency

__all__ = ["find_bottleneck"]

QUEUE_FACTOR = 5.0
"""A service whose probe takes this many times another's is waiting in a queue."""
QUEUE_MS = 20.0
"""Below this a probe did not wait for a call of 100 ms."""
NETWORK_MS = 10.0
"""A connection, or an answer from Redis, that takes less than this is no part worth speaking of in a hash's 300 ms."""
CEILING = 0.9
"""Workers that reach this share of what they could do without any queue limit the rate themselves."""
SHORT_OF_CPU = 0.9
"""A replica that uses this share of its CPU limit is throttled at times."""

Facts = tuple[Evidence, ...]


class _Effect(NamedTuple):
    """What a change did to the rate."""

    change: Intervention
    unchanged: Rate
    times: Ratio
    verdict: Verdict

    @property
    def rate(self) -> Rate:
        return self.change.hashes_per_second


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
    effects = _effects(interventions)
    suspect = _suspect(latency)
    proved = _proved(effects)
    denied = any(one.verdict == "no more" and one.change.service == suspect for one in effects)
    service = proved or (None if denied else suspect)
    return Bottleneck(
        service=service,
        certainty="proved" if proved else "suspected" if service else None,
        evidence=(
            *_queue(latency),
            *_plateau(sweep),
            *(fact for effect in effects for fact in _effect(effect)),
            *_chance(interventions),
            *_next_limit(effects),
            *_cpu(service or suspect, cpu or {}),
            *_network(latency),
            *_redis(redis_ms),
        ),
    )


def _proved(effects: Sequence[_Effect]) -> str | None:
    """The service whose change raised the rate most, of those that raised it."""
    best = max((one for one in effects if one.verdict == "more"), key=lambda one: one.rate.mean, default=None)
    return best.change.service if best else None


# Where requests queue.


def _probe_mean(summary: LatencySummary) -> Mean:
    """Return the mean of a service's probes with its interval; from the lowest to the highest where that is all there is."""
    if summary.mean_ci95:
        return Mean(summary.mean, *summary.mean_ci95)
    return Mean(summary.mean, summary.min, summary.max)


def _ordered(latency: Mapping[str, TargetLatency]) -> list[str]:
    return sorted(latency, key=lambda name: latency[name].probe.mean)


def _waits(latency: Mapping[str, TargetLatency], name: str) -> Verdict:
    """Whether probes of a service wait for calls before them."""
    return verdict(_probe_mean(latency[name].probe), QUEUE_MS)


def _suspect(latency: Mapping[str, TargetLatency]) -> str | None:
    """The service whose probes wait, where those of the others do not, or far shorter."""
    names = _ordered(latency)
    if not names or _waits(latency, names[-1]) != "more":
        return None
    slow = _probe_mean(latency[names[-1]].probe)
    for other in names[:-1]:
        far = verdict(excess(slow, _probe_mean(latency[other].probe), QUEUE_FACTOR), 0.0) == "more"
        if not far and _waits(latency, other) != "no more":
            return None
    return names[-1]


def _queue(latency: Mapping[str, TargetLatency]) -> Facts:
    names = _ordered(latency)
    if not names:
        return ()
    slow, suspect = names[-1], _suspect(latency)
    unsure = next((name for name in reversed(names) if _waits(latency, name) == "cannot tell"), None)
    shown = unsure or slow
    values: dict[str, float | str] = {
        "service": shown,
        "probe_ms": latency[shown].probe.mean,
        "workers": latency[shown].workers,
    }
    other: dict[str, float | str] = (
        {"other": names[-2], "other_ms": latency[names[-2]].probe.mean} if len(names) > 1 else {}
    )
    if suspect:
        found = latency[suspect]
        values |= {
            "service": suspect,
            "probe_ms": found.probe.mean,
            "call_ms": found.call.mean,
            "workers": found.workers,
        }
        return (Evidence(code="probe-queues", values=values | other),)
    if unsure:
        sure = _probe_mean(latency[unsure].probe)
        values |= {"probe_low": sure.low, "probe_high": sure.high}
        return (Evidence(code="queue-cannot-tell", values=values),)
    if _waits(latency, slow) == "no more":
        return (Evidence(code="no-queue", values=values | {"slowest": slow}),)
    return (Evidence(code="queue-at-either", values=values | other),)


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


# What more workers did.


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


# What the changes did.


def _effects(interventions: Sequence[Intervention]) -> list[_Effect]:
    """Each change of a service by itself, how many times the unchanged rate it gave, and whether it helped."""
    unchanged = unchanged_rate(interventions)
    if unchanged is None:
        return []
    found = []
    for one in interventions:
        if one.service is not None and one.choice == "random":
            times = quotient(one.hashes_per_second, unchanged)
            found.append(_Effect(one, unchanged, times, verdict(times, HELPS)))
    return found


EFFECT_CODES = {
    "more": ("scaling-helps", "threads-help"),
    "no more": ("scaling-does-not-help", "threads-do-not-help"),
    "cannot tell": ("scaling-cannot-tell", "threads-cannot-tell"),
}


def _effect(found: _Effect) -> Iterator[Evidence]:
    change, unchanged = found.change, found.unchanged
    values: dict[str, float | str] = {
        "service": change.service or "",
        "from_rate": unchanged.mean,
        "to_rate": found.rate.mean,
        "replicas": change.replicas,
        "threads": change.threads,
        **_halves(from_=unchanged, to=found.rate),
        **_ends(found.times),
    }
    yield Evidence(code=EFFECT_CODES[found.verdict][change.threads > 1], values=values)
    if found.verdict == "cannot tell":
        yield from _longer(change.name, found.times, HELPS, found.rate, unchanged)


def _halves(**rates: Rate) -> dict[str, float | str]:
    """Half the interval of each rate, as `from_half`."""
    return {f"{name.rstrip('_')}_half": one.half_width for name, one in rates.items()}


def _ends(ratio: Ratio) -> dict[str, float | str]:
    """The interval of a ratio, as far as results can hold it: an open end is left out."""
    return {"times_low": ratio.low, **({"times_high": ratio.high} if math.isfinite(ratio.high) else {})}


def _longer(change: str, ratio: Ratio, threshold: float, *rates: Rate) -> Iterator[Evidence]:
    """How long windows would have to be, where that is worth knowing."""
    known = [one.seconds for one in rates if one.seconds is not None]
    seconds = seconds_to_tell(ratio, threshold, min(known)) if len(known) == len(rates) else None
    if seconds is not None:
        yield Evidence(code="longer-would-tell", values={"change": change, "seconds": seconds})


ENDS = ("low", "high")
CHANCE_CODES = {"more": "chance-costs", "no more": "chance-costs-nothing", "cannot tell": "chance-cannot-tell"}


def _chance(interventions: Sequence[Intervention]) -> Facts:
    """What it costs that a service picks its replica by chance: each other policy against it, at the same replicas."""
    found: list[Evidence] = []
    for by_chance in interventions:
        if by_chance.choice != "random" or by_chance.service is None:
            continue
        same = (by_chance.service, by_chance.replicas, by_chance.threads)
        for one in interventions:
            if one.choice == "random" or (one.service, one.replicas, one.threads) != same:
                continue
            ratio = quotient(one.hashes_per_second, by_chance.hashes_per_second)
            values: dict[str, float | str] = {
                "service": by_chance.service,
                "replicas": by_chance.replicas,
                "policy": one.choice,
                "random_rate": by_chance.hashes_per_second.mean,
                "policy_rate": one.hashes_per_second.mean,
                **_halves(random=by_chance.hashes_per_second, policy=one.hashes_per_second),
                **_ends(ratio),
            }
            effect = verdict(ratio, 1.0)
            if effect == "more":
                values |= {f"lost_{end}": 100 * (1 - 1 / times) for end, times in zip(ENDS, ratio[1:], strict=True)}
            found.append(Evidence(code=CHANCE_CODES[effect], values=values))
            if effect == "cannot tell":
                found += _longer(one.name, ratio, 1.0, one.hashes_per_second, by_chance.hashes_per_second)
    return tuple(found)


def _next_limit(effects: Sequence[_Effect]) -> Facts:
    """Under the change that helped most, of those that helped: who is waited for then."""
    best = max(
        (one.change for one in effects if one.verdict == "more" and one.change.probe_ms),
        key=lambda one: one.hashes_per_second.mean,
        default=None,
    )
    if best is None:
        return ()
    slowest = max(best.probe_ms, key=best.probe_ms.__getitem__)
    ceiling = bound_rate(best.workers, servers=best.workers)
    values: dict[str, float | str] = {
        "change": best.name,
        "rate": best.hashes_per_second.mean,
        "service": slowest,
        "probe_ms": best.probe_ms[slowest],
        "workers": best.workers,
        "ceiling": ceiling,
    }
    waits = {
        name: verdict(Mean(ms, *best.probe_ms_ci95[name]), QUEUE_MS) if name in best.probe_ms_ci95 else "cannot tell"
        for name, ms in best.probe_ms.items()
    }
    if waits[slowest] == "more":
        return (Evidence(code="next-limit-service", values=values),)
    if any(one != "no more" for one in waits.values()):
        low, high = best.probe_ms_ci95.get(slowest, (0.0, best.probe_ms[slowest]))
        return (Evidence(code="next-limit-cannot-tell", values=values | {"probe_low": low, "probe_high": high}),)
    rate = best.hashes_per_second
    near = verdict(Mean(rate.mean, rate.ci95_low, rate.ci95_high), CEILING * ceiling)
    code = {"more": "next-limit-workers", "no more": "next-limit-elsewhere", "cannot tell": "next-limit-no-queue"}[near]
    return (Evidence(code=code, values=values),)
