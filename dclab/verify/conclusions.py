"""What was concluded, once more from the figures that it rests on."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import to_builtins

from dclab.experiments.bottleneck import find_bottleneck
from dclab.experiments.rule_out import Cpu
from dclab.measure.queueing import accounted_workers
from dclab.results import Evidence, Results
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
    evidence = {one.code: one for one in results.bottleneck.evidence}
    redis = evidence.get("redis-quick")
    computed = find_bottleneck(
        results.latency,
        results.sweep,
        results.interventions,
        {str(one.values["service"]): cpu for one in evidence.values() if (cpu := _cpu(one))},
        float(redis.values["redis_ms"]) if redis else None,
    )
    yield from differences("bottleneck", to_builtins(results.bottleneck), to_builtins(computed))


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
