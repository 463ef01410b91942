"""Latency of each service, and the bottleneck."""

from __future__ import annotations

from collections.abc import Iterator

from dclab.measure.queueing import expected_wait_ms
from dclab.report.blocks import Block, missing, table, text
from dclab.report.language import Words
from dclab.report.sections.proof import proof
from dclab.results import Results

__all__ = ["latency"]


def latency(results: Results, words: Words) -> Iterator[Block]:
    """Yield each service's latency, the bottleneck with its evidence, and the interventions."""
    yield text(
        words(
            "Why rng or hasher? A worker needs both for each hash, so one of them must be what holds ten workers back. A "
            "probe asks for / on a fresh connection, as httping does; neither service delays that answer, so what it takes "
            "is waiting. The real call is what the workers make (rng: 32 bytes; hasher: POST)."
        )
    )
    yield text(
        words(
            "Why expose the services? A ClusterIP is reachable only from within the cluster, and httping runs outside of "
            "it. A NodePort opens the same service at a port of the node, so a probe from outside goes the way that the "
            "workers' requests go: through the service, to any ready replica."
        )
    )
    if not results.latency:
        yield missing(words, "dclab latency")
    else:
        yield Block(kind="picture", text="latency")
        rows = []
        for name, found in results.latency.items():
            for what, one in ((words("GET / (probe)"), found.probe), (words("real call"), found.call)):
                times = (one.min, one.mean, one.p50, one.p95, one.p99, one.max)
                figures = (f"{ms:.1f}" if one.count else "–" for ms in times)
                rows.append((f"{name}, {what}", *figures, one.count, one.errors))
        workers = next(iter(results.latency.values())).workers
        first = words("ms, at {workers} workers", workers=workers)
        yield table((first, "min", words("mean"), "p50", "p95", "p99", "max", "n", words("errors")), rows)
        wait = expected_wait_ms(workers)
        yield text(words("Theory expects a wait of {wait:.0f} ms at one rng (Little's law).", wait=wait))
    yield from proof(results, words)
