"""What a run's figures must be for each sentence about CPU and memory of the services."""

from __future__ import annotations

import math
from types import SimpleNamespace

from dclab.lab import SERVICES

__all__ = ["POD_CLAIMS"]


def at(found, workers):
    (state,) = [one for one in found.results.pods.states if one.workers == workers]
    return state.services


def half(mean):
    return (mean.high - mean.low) / 2


def cpu(found, workers, name):
    one = at(found, workers)[name]
    return SimpleNamespace(mean=one.cpu_millicores, low=one.cpu_ci95[0], high=one.cpu_ci95[1])


def above(upper, lower, times=1.0, sure=1.0):
    """Whether `upper` is above so many times `lower` by 95 % of two independent errors, so many times as far."""
    error = math.hypot(half(upper), times * half(lower))
    return upper.mean - times * lower.mean > sure * error * (1 - 1e-9)


def most_cpu(found, values):
    a, b = (cpu(found, values["workers"], values[name]) for name in ("service", "other"))
    return above(a, b)


def cpu_cannot_tell(found, values):
    a, b = (cpu(found, values["workers"], values[name]) for name in ("service", "other"))
    return not (above(a, b, sure=2.2) or above(b, a, sure=2.2))


def has_one_window(found, names):
    return any(name not in one.services or one.services[name].cpu_ci95 is None for one in found for name in names)


def latency(found, values):
    probes = found.results.latency
    return probes[values["service"]].probe.mean > probes[values["other"]].probe.mean and all(
        probes[values[name]].workers == values["workers"] for name in ("service", "other")
    )


def many(found):
    return found.results.pods.states[-1]


def orders(found):
    """Who uses more CPU of rng and hasher and whose probe takes longer, by the means alone."""
    services = many(found).services
    by_cpu = max(("rng", "hasher"), key=lambda name: services[name].cpu_millicores)
    by_latency = max(("rng", "hasher"), key=lambda name: found.results.latency[name].probe.mean)
    return by_cpu, by_latency


def allowed(one):
    return min(one.resources.cpu_limit_millicores or 1000, 1000)


def shares(found):
    """Upper and lower ends of what a replica of each service uses of what it may."""
    own = [many(found).services[name] for name in SERVICES]
    return [tuple(end / one.replicas / allowed(one) for end in one.cpu_ci95) for one in own]


def total(found):
    services = many(found).services
    means = [cpu(found, many(found).workers, name) for name in SERVICES]
    error = math.hypot(*map(half, means))
    mean = sum(services[name].cpu_millicores for name in SERVICES)
    return SimpleNamespace(mean=mean, low=mean - error, high=mean + error)


def cores(found):
    return 1000 * (found.results.pods.cores or math.inf)


def idle(found):
    busy = any(one.code == "machine-busy" for one in found.results.caveats)
    return not busy and all(high < 0.5 for _, high in shares(found)) and total(found).high < 0.5 * cores(found)


def bound_cannot_tell(found, values):
    near = any(high > 0.5 * (1 - 1e-9) or 0.5 - high < 2.2 * (high - low) for low, high in shares(found))
    whole = total(found)
    return near or whole.high > 0.5 * cores(found) or 0.5 * cores(found) - whole.mean < 2.2 * half(whole)


def grew(found, values):
    after, before = (cpu(found, values[name], values["service"]) for name in ("to_workers", "from_workers"))
    return after, before, values["to_workers"] / values["from_workers"]


def lags(found, values):
    after, before, times = grew(found, values)
    return times * before.mean - after.mean > math.hypot(half(after), times * half(before)) * (1 - 1e-9)


def growth_cannot_tell(found, values):
    after, before, times = grew(found, values)
    return abs(after.mean - times * before.mean) <= 2.2 * math.hypot(half(after), times * half(before))


def works(found, values):
    return total(found).low > 0.5 * 1000 * values["workers"]


POD_CLAIMS = {
    "pods-most": most_cpu,
    "pods-cannot-tell": cpu_cannot_tell,
    "pods-one-window": lambda found, values: has_one_window(
        [one for one in found.results.pods.states if one.workers == values["workers"]], ("rng", "hasher")
    ),
    "pods-latency": latency,
    "pods-latency-cannot-tell": latency,
    "pods-same": lambda found, values: orders(found) == (values["service"], values["service"]),
    "pods-differ": lambda found, values: orders(found) == (values["service"], values["other"]),
    "pods-same-cannot-tell": lambda found, values: {"rng", "hasher"} <= set(found.results.latency),
    "pods-not-bound": lambda found, values: idle(found) and values["cores_millicores"] == cores(found),
    "pods-not-at-limit": lambda found, values: idle(found) and found.results.pods.cores is None,
    "pods-bound-service": lambda found, values: any(low > 0.9 for low, _ in shares(found)),
    "pods-bound-machine": lambda found, values: total(found).low > 0.9 * cores(found),
    "pods-bound-busy": lambda found, values: any(one.code == "machine-busy" for one in found.results.caveats),
    "pods-bound-cannot-tell": bound_cannot_tell,
    "pods-bound-one-window": lambda found, values: has_one_window([many(found)], SERVICES),
    "pods-hash-waits": lambda found, values: (
        total(found).high < 0.5 * 1000 * values["workers"] and values["cpu_ms"] < values["hash_ms"]
    ),
    "pods-hash-works": works,
    "pods-cpu-lags": lags,
    "pods-cpu-leads": lambda found, values: above(*grew(found, values)),
    "pods-cpu-cannot-tell": growth_cannot_tell,
}
"""By the code of a sentence: whether the run's figures bear it."""
