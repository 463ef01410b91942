"""The load test, in siege's own words."""

from __future__ import annotations

from collections.abc import Iterator

from dclab.report.blocks import Block, missing, table, text
from dclab.report.language import Words
from dclab.report.wording import siege_rows
from dclab.results import Results

__all__ = ["load"]


def load(results: Results, words: Words) -> Iterator[Block]:
    """Yield siege's summary of the load test."""
    load = results.loadtest
    if load is None:
        yield missing(words, "dclab loadtest")
        return
    yield text(
        words(
            "{users} users without think time on {url} for {seconds:g} s, made by {generator}, beside {workers} workers.",
            users=load.concurrent,
            url=load.url,
            seconds=load.requested_seconds,
            generator=load.generator,
            workers=load.workers,
        )
    )
    yield table(("", ""), siege_rows(load), prose=True)
    if load.generator_cores is not None:
        yield text(words("The generator itself took {cores:.2f} CPU cores.", cores=load.generator_cores))
    if load.target == "rng" and load.url.rstrip("/").count("/") == 2:
        yield text(
            words(
                "Requests for / do not have rng's delay of 0.1 s: they queue with the workers' requests, use a little CPU and "
                "take next to no processing time. With /32 the load test would take processing time away from the workers."
            )
        )
