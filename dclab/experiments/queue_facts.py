"""Where requests queue, by what probes of each service waited."""

from __future__ import annotations

from collections.abc import Mapping

from dclab.measure.mean import Mean
from dclab.measure.ratio import Verdict, excess, verdict
from dclab.results import Evidence, LatencySummary, TargetLatency

__all__ = ["QUEUE_MS", "probe_mean", "queue_facts", "suspect"]

QUEUE_FACTOR = 5.0
"""A service whose probe takes this many times another's is waiting in a queue."""
QUEUE_MS = 20.0
"""Below this a probe did not wait for a call of 100 ms."""


def probe_mean(summary: LatencySummary) -> Mean:
    """Return the mean of a service's probes with its interval; from the lowest to the highest where that is all there is."""
    if summary.mean_ci95:
        return Mean(summary.mean, *summary.mean_ci95)
    return Mean(summary.mean, summary.min, summary.max)


def _ordered(latency: Mapping[str, TargetLatency]) -> list[str]:
    return sorted(latency, key=lambda name: latency[name].probe.mean)


def _waits(latency: Mapping[str, TargetLatency], name: str) -> Verdict:
    """Whether probes of a service wait for calls before them."""
    return verdict(probe_mean(latency[name].probe), QUEUE_MS)


def suspect(latency: Mapping[str, TargetLatency]) -> str | None:
    """The service whose probes wait, where those of the others do not, or far shorter."""
    names = _ordered(latency)
    if not names or _waits(latency, names[-1]) != "more":
        return None
    slow = probe_mean(latency[names[-1]].probe)
    for other in names[:-1]:
        far = verdict(excess(slow, probe_mean(latency[other].probe), QUEUE_FACTOR), 0.0) == "more"
        if not far and _waits(latency, other) != "no more":
            return None
    return names[-1]


def queue_facts(latency: Mapping[str, TargetLatency]) -> tuple[Evidence, ...]:
    """Return the fact that says where probes wait, or that they do not; nothing without probes."""
    names = _ordered(latency)
    if not names:
        return ()
    slow, found = names[-1], suspect(latency)
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
    if found:
        target = latency[found]
        values |= {
            "service": found,
            "probe_ms": target.probe.mean,
            "call_ms": target.call.mean,
            "workers": target.workers,
        }
        return (Evidence(code="probe-queues", values=values | other),)
    if unsure:
        sure = probe_mean(latency[unsure].probe)
        values |= {"probe_low": sure.low, "probe_high": sure.high}
        return (Evidence(code="queue-cannot-tell", values=values),)
    if _waits(latency, slow) == "no more":
        return (Evidence(code="no-queue", values=values | {"slowest": slow}),)
    return (Evidence(code="queue-at-either", values=values | other),)
