"""Derive the conclusions again from the figures that they rest on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import to_builtins

from dclab.experiments.bottleneck import find_bottleneck
from dclab.experiments.rule_out import Cpu
from dclab.measure.queueing import accounted_workers
from dclab.results import Bottleneck, Evidence, Intervention, Results
from dclab.verify.finding import Finding, differences

__all__ = ["verify_conclusions"]


def verify_conclusions(results: Results) -> Iterator[Finding]:
    """Yield what does not follow from the run's own figures."""
    for index, point in enumerate(results.sweep.points if results.sweep else ()):
        if {"rng", "hasher"} <= set(point.probe_ms):
            rng, hasher = (point.probe_ms[name] / 1000 for name in ("rng", "hasher"))
            found = accounted_workers(point.hashes_per_second.mean, rng, hasher, point.rng_replicas or 1)
            yield from differences(f"sweep.points[{index}].littles_law", point.littles_law, found)
    if results.bottleneck is None:
        return
    said, whole = to_builtins(results.bottleneck), to_builtins(_verdict(results, results.interventions))
    # The verdict is written before the proof and after it: of one that was cut off the first one stands.
    cut_off = results.finished is None or any(one.code == "part-failed" for one in results.caveats)
    if cut_off and not list(differences("", said, to_builtins(_verdict(results, ())))):
        return
    yield from differences("bottleneck", said, whole)


def _verdict(results: Results, interventions: Sequence[Intervention]) -> Bottleneck:
    """Return the verdict on the run's figures and some of its changes; CPU and Redis are taken from its own evidence."""
    assert results.bottleneck is not None
    evidence = {one.code: one for one in results.bottleneck.evidence}
    redis = evidence.get("redis-quick")
    return find_bottleneck(
        results.latency,
        results.sweep,
        interventions,
        {str(one.values["service"]): cpu for one in evidence.values() if (cpu := _cpu(one))},
        float(redis.values["redis_ms"]) if redis else None,
    )


def _cpu(one: Evidence) -> Cpu | None:
    """Return the CPU figures that an evidence states: they are not in the raw data."""
    if not one.code.startswith("cpu-"):
        return None
    limit = one.values.get("limit_millicores")
    return Cpu(
        float(one.values["cpu_millicores"]),
        float(one.values["request_millicores"]),
        None if limit is None else float(limit),
    )
