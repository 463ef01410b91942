"""How and where the run was made, and the files behind its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dclab.report.blocks import Block, bullets, note, table, text
from dclab.report.language import Words, together
from dclab.report.recorded import recorded
from dclab.results import Results

__all__ = ["about"]


def about(results: Results, words: Words, raw: Sequence[str]) -> Iterator[Block]:
    """Yield how the run was made; `raw` are files beside the report to link to."""
    environment = results.environment
    if results.quick:
        yield note(
            words(
                "This was a quick run: each rate was measured for a few seconds, as long as its interval or its verdict "
                "needed; each latency is of a few requests; of the changes only rng x2 was tried; the siege was short, and on "
                "the embedded engine the autoscaler's clock ran faster than Kubernetes'."
            )
        )
    if results.caveats:
        yield text(words("Warnings about the measurement itself:"))
        yield bullets([together(recorded(one.message, words), recorded(one.hint, words)) for one in results.caveats])
    rows = [
        (
            words("engine"),
            words("{engine} ({why})", engine=results.engine, why=recorded(environment.engine_reason, words)),
        ),
        (words("command"), results.command),
        (words("started"), results.started),
        (words("finished"), results.finished or words("not finished")),
        ("dclab", environment.dclab),
        ("Python", environment.python),
        (words("system"), environment.system),
        (words("CPUs"), environment.cpus),
        (words("memory"), f"{environment.memory_mb} MB"),
        *((name, version) for name, version in sorted(environment.versions.items())),
    ]
    yield table(("", ""), rows, prose=True)
    if results.engine == "embedded":
        yield text(
            words(
                "The embedded engine runs the app as processes of one machine, with the autoscaler's algorithm of Kubernetes. "
                "It is for rehearsing, not a cluster: networks, limits and scheduling are not Kubernetes' own."
            )
        )
    yield text(
        words(
            "Nothing is seeded: probes come at random moments and services choose their replicas by chance, so a repetition "
            "gives somewhat different figures. Every figure here comes from results.json; the samples behind it:"
        )
    )
    yield Block(kind="links", items=("results.json", *raw))
