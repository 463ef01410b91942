"""Latency of each service, and the bottleneck."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dclab.report.blocks import Block, missing, table, text
from dclab.report.language import Words
from dclab.report.latency_words import figures, median_range, notes, theory
from dclab.report.sections.proof import evidence, proof, which
from dclab.results import Results, TargetLatency

__all__ = ["latency"]


def latency(results: Results, words: Words) -> Iterator[Block]:
    """Yield which service is the bottleneck, each service's latency, the proof, and then why it was done so."""
    if results.bottleneck:
        yield which(results.bottleneck, words)
    if not results.latency:
        yield missing(words, "dclab latency")
    else:
        yield Block(kind="picture", text="latency")
        yield from _figures(results.latency, words)
    yield from evidence(results, words)
    yield from proof(results, words)
    if results.latency and (rng := results.latency.get("rng")):
        for line in theory(rng, words):
            yield text(line)
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


def _figures(found: Mapping[str, TargetLatency], words: Words) -> Iterator[Block]:
    measured = [
        (words(", ").join((name, what)), one)
        for name, each in found.items()
        for what, one in ((words("GET / (probe)"), each.probe), (words("real call"), each.call))
    ]
    workers = next(iter(found.values())).workers
    first = words("ms, at {workers} workers", workers=workers)
    columns = (first, words("min"), words("mean"), "p50", words("p50, 95 % interval"), "p95", "p99", words("max"))
    rows = []
    for label, one in measured:
        low, mean, middle, *high = figures(one)
        rows.append((label, low, mean, middle, median_range(one), *high, one.count, one.errors))
    yield table((*columns, "n", words("errors")), rows)
    for note in notes([one for _, one in measured], words):
        yield text(note)
