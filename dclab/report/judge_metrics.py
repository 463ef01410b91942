"""The exercise's open question: which metric tells an autoscaler how much is waiting, by the run's own figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from dclab.measure.mean import mean_of_known
from dclab.measure.queueing import SERVICE_SECONDS
from dclab.report.language import Words
from dclab.results import Autoscale, TimelinePoint

__all__ = ["metric_rows", "metric_verdicts"]

Value = Callable[[TimelinePoint], float | None]


def _per_replica(total: float | None, point: TimelinePoint) -> float | None:
    return None if total is None else total / max(1, point.ready)


def _percent(point: TimelinePoint, request: float) -> float | None:
    used = _per_replica(point.cpu_millicores, point)
    return None if used is None or not request else 100 * used / request


def _waiting(point: TimelinePoint) -> float | None:
    """Requests at a replica that a probe finds before it: its wait over the time that each takes."""
    return None if point.latency_ms is None else point.latency_ms / 1000 / SERVICE_SECONDS


def _mean(points: Sequence[TimelinePoint], value: Value) -> float | None:
    return mean_of_known(map(value, points))


def _phases(found: Autoscale) -> list[list[TimelinePoint]]:
    """Baseline, siege alone, the last third of the siege with the autoscaler, and the end."""
    named = {name: [one for one in found.timeline if one.phase == name] for name in ("baseline", "load", "autoscaled")}
    scaled = named["autoscaled"]
    after = [one for one in found.timeline if one.phase == "after-load"]
    return [named["baseline"], named["load"], scaled[-max(1, len(scaled) // 3) :] if scaled else [], after[-8:]]


def _values(found: Autoscale) -> dict[str, Value]:
    return {
        "CPU, % of request": lambda one: _percent(one, found.request_millicores),
        "memory, MB": lambda one: _per_replica(one.memory_mb, one),
        "latency, ms": lambda one: one.latency_ms,
        "workers' requests/s": lambda one: _per_replica(one.hashes_per_second, one),
        "queue length": _waiting,
    }


def metric_rows(found: Autoscale, words: Words) -> Iterator[tuple[str, ...]]:
    """Each metric per replica, in each phase; a dash where it was not measured."""
    for name, value in _values(found).items():
        means = [_mean(points, value) for points in _phases(found)]
        yield words(name), *("–" if one is None else f"{one:.0f}" if one >= 100 else f"{one:.1f}" for one in means)
    ready = [_mean(points, lambda one: one.ready) for points in _phases(found)]
    yield words("replicas ready"), *("–" if one is None else f"{one:.1f}" for one in ready)


def metric_verdicts(found: Autoscale, words: Words) -> Iterator[str]:
    """Whether each metric is fit to scale on: one sentence each, with this run's figures where there are any."""
    values = _values(found)
    baseline, _, _, rest = _phases(found)
    queued = (_mean(baseline, _waiting) or 0.0) >= 1.0
    # Without a queue before the siege, as at hasher, the figures say nothing of what a queue would show.
    at = {
        name: (_mean(baseline, value), _mean(rest, value)) if queued else (None, None) for name, value in values.items()
    }
    cpu, waiting = at["CPU, % of request"], at["queue length"]
    if cpu[0] is not None and waiting[0] is not None:
        yield words(
            "CPU: no. With {waiting:.1f} requests waiting at the one replica before the siege, its CPU was at {cpu:.1f} % "
            "of the request: a service that sleeps for each request can have any queue at next to no CPU. It answers to "
            "the siege only since a siege costs CPU, and where it stops follows from the request that someone wrote down.",
            waiting=waiting[0],
            cpu=cpu[0],
        )
    else:
        yield words(
            "CPU: no. A service that sleeps for each request can have any queue at next to no CPU, and where the "
            "autoscaler stops follows from the request that someone wrote down."
        )
    memory = at["memory, MB"]
    if memory[0] is not None and memory[1] is not None:
        yield words(
            "Memory: no. A replica held {before:.1f} MB with its queue and {after:.1f} MB without: it does not grow with "
            "what waits.",
            before=memory[0],
            after=memory[1],
        )
    else:
        yield words("Memory: no. A waiting request is a connection, which costs next to none.")
    latency = at["latency, ms"]
    if latency[0] is not None and latency[1] is not None:
        yield words(
            "Latency: yes, with care. It went from {before:.0f} ms with the queue to {after:.0f} ms at rest, and it is "
            "what users feel. But it falls steeply once there are enough replicas, so it needs a long window for scaling "
            "down, or the count swings; and it cannot tell one replica too few from five.",
            before=latency[0],
            after=latency[1],
        )
    else:
        yield words(
            "Latency: yes, with care: it is what users feel, but it does not tell how many replicas are missing."
        )
    rate = at["workers' requests/s"]
    if rate[0] is not None:
        yield words(
            "Request rate: yes, for what is offered, not for what is served. A full rng serves {rate:.1f} a second, "
            "however many wait, so a target below 10 for each replica scales up, in steps; it must be measured anew "
            "whenever the service changes.",
            rate=rate[0],
        )
    else:
        yield words("Request rate: yes, with a target below the 10 a second that one rng can serve.")
    if waiting[0] is not None and waiting[1] is not None:
        yield words(
            "Queue length (requests waiting or in progress for each replica): the best. It was {before:.1f} at the one "
            "replica and {after:.1f} at rest, it is in proportion to what is missing, and its natural target is about 1.",
            before=waiting[0],
            after=waiting[1],
        )
    else:
        yield words(
            "Queue length for each replica: the best; it is in proportion to what is missing, with a target of about 1."
        )
