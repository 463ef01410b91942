"""Latency over the whole run, by the exercise's PromQL."""

from __future__ import annotations

from collections.abc import Iterator

from dclab.report.blocks import Block, bullets, missing, table, text
from dclab.report.language import Words
from dclab.results import Results

__all__ = ["monitoring"]


def monitoring(results: Results, words: Words) -> Iterator[Block]:
    """Yield the PromQL expression and what it gave over the run."""
    found = results.monitoring
    if found is None:
        yield missing(words, "dclab monitor")
    else:
        yield text(
            words(
                "httplat probes both services about once a second; its targets, the blanks in the exercise's file, are "
                "http://rng and http://hasher. This is the exercise's expression, by {source}:",
                source=found.source,
            )
        )
        yield Block(kind="code", text=found.query)
        yield Block(kind="picture", text="prometheus-ui")
        if any(found.series.values()):
            yield Block(kind="picture", text="monitoring")
            rows = [
                (name, *(f"{one:.1f}" for one in (min(values), sum(values) / len(values), max(values))))
                for name, values in ((name, [v for _, v in s]) for name, s in sorted(found.series.items()) if s)
            ]
            yield table((words("ms"), words("lowest"), words("mean"), words("highest")), rows)
    yield text(words("Forwarding to a pod, or to a service: what is the difference?"))
    yield bullets(
        (
            words(
                "kubectl port-forward POD 9090 connects to that one pod at the container's port, 9090; when the pod goes, so "
                "does the connection."
            ),
            words(
                "kubectl port-forward service/NAME 80 names the service's port, 80, which it maps to the target port 9090; it "
                "picks one of the service's pods when it starts and stays with it: nothing is balanced. So latency after "
                "scaling must not be measured through it."
            ),
        )
    )
