"""What each metric showed of the queue in the autoscaler's demonstration.

Which of them is fit to scale on is answered by the comparison of autoscalers (`judge_autoscalers`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from dclab.measure.mean import Mean, mean_interval, mean_of_known
from dclab.measure.queueing import SERVICE_SECONDS, queue_length
from dclab.measure.ratio import ratio_of_means, verdict
from dclab.report.language import Words
from dclab.results import Autoscale, TimelinePoint

__all__ = ["METRIC_VERDICTS", "Seen", "metric_rows", "metric_verdicts", "what_was_seen"]

Value = Callable[[TimelinePoint], float | None]
Phases = tuple[list[TimelinePoint], list[TimelinePoint], list[TimelinePoint], list[TimelinePoint]]

CPU, MEMORY, LATENCY, RATE, QUEUE = (
    "CPU, % of request",
    "memory, MB",
    "latency, ms",
    "workers' requests/s",
    "requests in flight",
)
LITTLE_CPU = 50.0
"""Percent of the request: a replica that uses less is idle most of the time."""
SAME = 0.1
"""A value that is known to have changed by less than this share has not."""


def _per_replica(total: float | None, point: TimelinePoint) -> float | None:
    return None if total is None else total / max(1, point.ready)


def _percent(point: TimelinePoint, request: float) -> float | None:
    used = _per_replica(point.cpu_millicores, point)
    return None if used is None or not request else 100 * used / request


def _waiting(point: TimelinePoint, target: str) -> float | None:
    """Requests at a replica, waiting or in progress. rng serves one at a time, hasher all at once (Little's law)."""
    rate = _per_replica(point.hashes_per_second, point)
    if point.latency_ms is None or rate is None:
        return None
    wait = point.latency_ms / 1000
    return queue_length(wait, rate) if target == "rng" else rate * (SERVICE_SECONDS + wait)


def _phases(found: Autoscale) -> Phases:
    """Baseline, siege alone, the last half of the siege with the autoscaler (as `explain` takes it), and the end."""
    baseline, load, scaled, after = (
        [one for one in found.timeline if one.phase == name]
        for name in ("baseline", "load", "autoscaled", "after-load")
    )
    return baseline, load, scaled[len(scaled) // 2 :], after[-8:]


def _values(found: Autoscale) -> dict[str, Value]:
    return {
        CPU: lambda one: _percent(one, found.request_millicores),
        MEMORY: lambda one: _per_replica(one.memory_mb, one),
        LATENCY: lambda one: one.latency_ms,
        RATE: lambda one: _per_replica(one.hashes_per_second, one),
        QUEUE: lambda one: _waiting(one, found.target),
    }


def metric_rows(found: Autoscale, words: Words) -> Iterator[tuple[str, ...]]:
    """Each metric per replica, in each phase; a dash where it was not measured."""
    for name, value in _values(found).items():
        means = [mean_of_known(map(value, points)) for points in _phases(found)]
        yield words(name), *("–" if one is None else f"{one:.0f}" if one >= 100 else f"{one:.1f}" for one in means)
    ready = [mean_of_known(one.ready for one in points) for points in _phases(found)]
    yield words("replicas ready"), *("–" if one is None else f"{one:.1f}" for one in ready)


class Seen(NamedTuple):
    """One metric before the siege and at the end, where requests queued before it; and which of the two is higher."""

    target: str
    replicas: int
    """Ready before the siege; 0 where there was no queue, so that the figures say nothing of what one would show."""
    before: Mapping[str, Mean | None]
    after: Mapping[str, Mean | None]

    def before_is(self, metric: str, least: float, most: float) -> bool:
        """Whether a queue was there, and the metric is known to have been within these."""
        one = self.before[metric]
        return bool(self.replicas and one and verdict(one, least) == "more" and verdict(one, most) == "no more")

    def fell(self, metric: str, by: float = 1.0) -> bool:
        """Whether it is known to have been more than `by` times as high before the siege as at the end."""
        before, after = self.before[metric], self.after[metric]
        return bool(self.replicas and before and after and verdict(ratio_of_means(before, after), by) == "more")

    def stayed(self, metric: str) -> bool:
        """Whether it is known to be the same at the end."""
        before, after = self.before[metric], self.after[metric]
        if not (self.replicas and before and after):
            return False
        ratio = ratio_of_means(after, before)
        return verdict(ratio, 1 - SAME) == "more" and verdict(ratio, 1 + SAME) == "no more"


def what_was_seen(found: Autoscale) -> Seen:
    """Return what the demonstration shows of each metric."""
    baseline, _, _, rest = _phases(found)
    before, after = (
        {name: mean_interval(map(value, points)) for name, value in _values(found).items()}
        for points in (baseline, rest)
    )
    queue = before[QUEUE]
    queued = queue is not None and verdict(queue, 1.0) == "more"
    return Seen(found.target, baseline[0].ready if queued else 0, before, after)


MOST = 1e15
METRIC_VERDICTS: Sequence[tuple[str, Sequence[tuple[Callable[[Seen], bool], str]]]] = (
    (
        CPU,
        (
            (
                lambda seen: seen.before_is(CPU, -1.0, LITTLE_CPU),
                "CPU does not show the queue: with {waiting:.1f} requests at each replica before the siege it was at "
                "{before:.1f} % of the request. A service that sleeps for each request can have any queue at next to no CPU.",
            ),
            (lambda _: True, "CPU: a service that sleeps for each request can have any queue at next to no CPU."),
        ),
    ),
    (
        MEMORY,
        (
            (
                lambda seen: seen.stayed(MEMORY) and seen.fell(QUEUE),
                "Memory does not show the queue: a replica held {before:.1f} MB with its queue and {after:.1f} MB at the end.",
            ),
            (
                lambda seen: seen.fell(MEMORY, 1 + SAME),
                "Memory: a replica held {before:.1f} MB with its queue and {after:.1f} MB at the end, but a waiting request is "
                "only a connection, and other things fill memory first.",
            ),
            (lambda _: True, "Memory: a waiting request is a connection, which takes next to none."),
        ),
    ),
    (
        LATENCY,
        (
            (
                lambda seen: seen.fell(LATENCY),
                "Latency shows that requests wait, not how many replicas are missing: it fell from {before:.0f} ms with the "
                "queue to {after:.0f} ms at the end.",
            ),
            (lambda _: True, "Latency shows that requests wait, not how many replicas are missing."),
        ),
    ),
    (
        RATE,
        (
            (
                lambda seen: seen.target == "rng" and seen.before_is(RATE, 0.0, MOST),
                "The request rate shows that a replica is busy, not how much waits: with a queue a replica of rng served "
                "{before:.1f} a second, however many waited.",
            ),
            (
                lambda _: True,
                "The request rate shows that a replica is busy, not how much waits: one rng serves 10 a second at most.",
            ),
        ),
    ),
    (
        QUEUE,
        (
            (
                lambda seen: seen.fell(QUEUE),
                "Requests in flight (waiting or served, for each replica) show how much waits: they fell from {before:.1f} to "
                "{after:.1f} at the end.",
            ),
            (lambda _: True, "Requests in flight (waiting or served, for each replica) show how much waits."),
        ),
    ),
)
"""By metric: (condition, sentence); the first whose condition the figures meet is said."""


def metric_verdicts(found: Autoscale, words: Words) -> Iterator[str]:
    """What each metric tells of the queue: one sentence each, with this run's figures where they bear it out."""
    seen = what_was_seen(found)
    waiting = seen.before[QUEUE]
    for metric, cases in METRIC_VERDICTS:
        before, after = seen.before[metric], seen.after[metric]
        sentence = next(said for holds, said in cases if holds(seen))
        yield words(
            sentence,
            before=before.mean if before else None,
            after=after.mean if after else None,
            waiting=waiting.mean if waiting else None,
        )
