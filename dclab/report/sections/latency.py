"""Latency of each service, and the bottleneck."""

from __future__ import annotations

from collections.abc import Iterator

from dclab.report.blocks import Block, missing, table, text
from dclab.report.language import Words
from dclab.report.latency_words import figures, median_range, notes, theory
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
        measured = [
            (f"{name}, {what}", one)
            for name, found in results.latency.items()
            for what, one in ((words("GET / (probe)"), found.probe), (words("real call"), found.call))
        ]
        workers = next(iter(results.latency.values())).workers
        first = words("ms, at {workers} workers", workers=workers)
        columns = (first, "min", words("mean"), "p50", words("p50, 95 % interval"), "p95", "p99", "max")
        rows = []
        for label, one in measured:
            low, mean, middle, *high = figures(one)
            rows.append((label, low, mean, middle, median_range(one), *high, one.count, one.errors))
        yield table((*columns, "n", words("errors")), rows)
        for note in notes([one for _, one in measured], words):
            yield text(note)
        if rng := results.latency.get("rng"):
            for line in theory(rng, words):
                yield text(line)
    yield from proof(results, words)
