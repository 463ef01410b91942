"""What a report says, in blocks that Markdown and HTML render alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from dclab.measure.queueing import expected_wait_ms
from dclab.report.transcript import transcript
from dclab.report.wording import (
    evidence_sentence,
    interval,
    model_sentences,
    siege_rows,
    speedup_sentences,
    times_as_fast,
)
from dclab.results import Autoscale, Results, Sweep

__all__ = ["Block", "Section", "sections", "summary"]


@dataclass(frozen=True, kw_only=True)
class Block:
    """A piece of a section."""

    kind: Literal["text", "note", "list", "table", "picture", "code"]
    text: str = ""
    """Of text, note and code; the name of a picture."""
    items: tuple[str, ...] = ()
    """Of a list."""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    """Of a table."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


def _text(text: str) -> Block:
    return Block(kind="text", text=text)


def _note(text: str) -> Block:
    return Block(kind="note", text=text)


def _list(items: Sequence[str]) -> Block:
    return Block(kind="list", items=tuple(items))


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Block:
    return Block(kind="table", head=tuple(head), rows=tuple(tuple(str(cell) for cell in row) for row in rows))


def summary(results: Results) -> list[str]:
    """The verdict, before everything else."""
    lines = []
    if results.finished is None:
        lines.append("This run was interrupted or is not finished: what is missing below was not measured.")
    if results.sweep:
        lines += list(speedup_sentences(results.sweep))[:1]
    if results.bottleneck:
        service = results.bottleneck.service
        lines.append(f"The bottleneck is {service}." if service else "No bottleneck could be proved.")
        lines += [evidence_sentence(one) for one in results.bottleneck.evidence if one.code == "scaling-helps"]
    if results.autoscale:
        wanted = ("scaled-up", "never-scaled", "rest-replicas", "not-at-rest")
        lines += [evidence_sentence(one) for one in results.autoscale.explanation if one.code in wanted]
    return lines or ["Nothing was measured."]


def sections(results: Results) -> list[Section]:
    """All sections, in the exercise's order; a part that was not measured says so."""
    clock = results.autoscale.clock_speed if results.autoscale else 1.0
    found = [
        Section(title="1. Performance at different numbers of workers", blocks=tuple(_speed(results))),
        Section(title="2. Latency and the bottleneck", blocks=tuple(_latency(results))),
        Section(title="3. Monitoring", blocks=tuple(_monitoring(results))),
        Section(title="4. Load test", blocks=tuple(_load(results))),
        Section(
            title="5. The autoscaler at work" + (f" (its clock ×{clock:g})" if clock != 1 else ""),
            blocks=tuple(_autoscale(results)),
        ),
        Section(title="6. Is CPU a sensible metric?", blocks=tuple(_open_question(results))),
        Section(title="7. About these measurements", blocks=tuple(_about(results))),
    ]
    return [Section(title="What is asked, and where it is answered", blocks=(_checklist(),)), *found]


def _checklist() -> Block:
    return _table(
        ("asked by the exercise", "points", "answered in"),
        (
            ("Performance with different numbers of workers", 2, "section 1"),
            ("Latency of rng and hasher; which one is the bottleneck", 2, "section 2"),
            ("The autoscaler at work: Prometheus' graph, and the terminal", 2, "sections 3 and 5"),
            ("Is CPU sensible, and what would be better", 1, "section 6"),
        ),
    )


MISSING = "This part was not measured."


def _speed(results: Results) -> Iterator[Block]:
    sweep = results.sweep
    if sweep is None or not sweep.points:
        yield _note(MISSING)
        return
    yield Block(kind="picture", text="sweep")
    yield _speed_table(sweep)
    if sweep.lost_workers:
        lost = ", ".join(str(one) for one in sweep.lost_workers)
        yield _note(f"Not measured, although asked for: {lost} workers.")
    yield _text("How much faster is it with more workers, and why not as many times?")
    yield _list(list(speedup_sentences(sweep)) or ["One point alone has no speedup."])
    if sweep.models:
        yield _text("Which law does it follow?")
        yield _table(
            ("model", "AICc (the lower, the better)", "furthest off, hashes/s", "bends at, workers"),
            [
                (
                    one.name,
                    "too few points" if one.aicc is None else f"{one.aicc:.1f}",
                    f"{max(abs(each) for each in one.residuals):.2f}",
                    "–" if one.knee is None else f"{one.knee:.1f}",
                )
                for one in sweep.models
            ],
        )
        yield _list(list(model_sentences(sweep)) or ["There are too few points to tell."])
    yield _text(
        "The rate is the slope of a line through ten readings a second of the hash counter, with its 95 % interval. "
        "The web UI's figure is the difference of two readings one second apart; the column shows the one that it showed "
        "most often."
    )


def _speed_table(sweep: Sweep) -> Block:
    points = sorted(sweep.points, key=lambda one: one.workers)
    base = points[0]
    rows = []
    for one in points:
        speedup = one.hashes_per_second.mean / base.hashes_per_second.mean
        rows.append(
            (
                one.workers,
                interval(one.hashes_per_second),
                f"{one.webui_reading:.0f}",
                f"{speedup:.2f}",
                f"{100 * speedup * base.workers / one.workers:.0f} %",
                f"{one.seconds:.0f} s",
            )
        )
    head = ("workers", "hashes/s (95 % interval)", "web UI showed", "speedup", "efficiency", "sampled for")
    return _table(head, rows)


def _latency(results: Results) -> Iterator[Block]:
    yield _text(
        "A worker needs rng and hasher for each hash, so one of them must be what holds ten workers back. A probe asks "
        "for / on a fresh connection, as httping does; neither service delays that answer, so what it takes is waiting. "
        "The real call is what the workers make (rng: 32 bytes; hasher: POST)."
    )
    if not results.latency:
        yield _note(MISSING)
    else:
        yield Block(kind="picture", text="latency")
        rows = []
        for name, found in results.latency.items():
            for what, one in (("GET / (probe)", found.probe), ("real call", found.call)):
                figures = (f"{ms:.1f}" for ms in (one.min, one.mean, one.p50, one.p95, one.p99, one.max))
                rows.append((f"{name}, {what}", *figures, one.count, one.errors))
        workers = next(iter(results.latency.values())).workers
        yield _table((f"ms, at {workers} workers", "min", "mean", "p50", "p95", "p99", "max", "n", "errors"), rows)
        yield _text(f"Theory expects a wait of {expected_wait_ms(workers):.0f} ms at one rng (Little's law).")
    if results.bottleneck:
        yield _text(f"Bottleneck: {results.bottleneck.service or 'none could be proved'}.")
        yield _list([evidence_sentence(one) for one in results.bottleneck.evidence])
    if results.interventions:
        yield _text("The proof by experiment, at ten workers:")
        yield _table(
            ("changed", "hashes/s (95 % interval)", "times", "predicted", "at most"),
            [
                (
                    one.name,
                    interval(one.hashes_per_second),
                    times_as_fast(one, results.interventions[0]),
                    *("–" if value is None else f"{value:.1f}" for value in (one.predicted, one.at_most)),
                )
                for one in results.interventions
            ],
        )


def _monitoring(results: Results) -> Iterator[Block]:
    found = results.monitoring
    if found is None:
        yield _note(MISSING)
        return
    yield _text(
        f"httplat probes both services about once a second; this is the exercise's expression, by {found.source}:"
    )
    yield Block(kind="code", text=found.query)
    if any(found.series.values()):
        yield Block(kind="picture", text="monitoring")
        rows = [
            (name, f"{min(v for _, v in s):.1f}", f"{sum(v for _, v in s) / len(s):.1f}", f"{max(v for _, v in s):.1f}")
            for name, s in sorted(found.series.items())
            if s
        ]
        yield _table(("ms", "lowest", "mean", "highest"), rows)


def _load(results: Results) -> Iterator[Block]:
    load = results.loadtest
    if load is None:
        yield _note(MISSING)
        return
    yield _text(
        f"{load.concurrent} users without think time on {load.url} for {load.requested_seconds:g} s, made by "
        f"{load.generator}, beside {load.workers} workers."
    )
    yield _table(("", ""), siege_rows(load))
    if load.url.rstrip("/").count("/") == 2:
        yield _text(
            "The address / answers without rng's delay of 0.1 s: its requests wait behind the workers' own, and cost CPU "
            "rather than time. With /32 the siege would take its turns from the workers instead."
        )


def _autoscale(results: Results) -> Iterator[Block]:
    found = results.autoscale
    if found is None:
        yield _note(MISSING)
        return
    if found.clock_speed != 1:
        yield _note(
            f"The autoscaler's clock ran {found.clock_speed:g} times faster than Kubernetes': its windows and periods "
            "took that much less real time. Seconds in the picture are real ones."
        )
    yield Block(kind="picture", text="autoscale")
    yield _list([evidence_sentence(one) for one in found.explanation])
    yield _text("As kubectl get hpa -w shows it:")
    yield Block(kind="code", text=transcript(found).rstrip())
    yield _text("What happened when:")
    yield _table(
        ("s", "type", "reason", "message"),
        [(f"{one.t:.0f}", one.type, one.reason, one.message) for one in found.events],
    )
    if found.conditions:
        yield _text("Conditions at the end:")
        yield _table(
            ("type", "status", "reason", "message"),
            [(one.type, one.status, one.reason, one.message) for one in found.conditions],
        )
    yield _text("The autoscaler as it was applied:")
    yield Block(kind="code", text=_yaml(found))


def _yaml(found: Autoscale) -> str:
    import yaml

    text: str = yaml.safe_dump(dict(found.manifest), sort_keys=False)
    return text.rstrip()


def _open_question(results: Results) -> Iterator[Block]:
    yield _text(
        "No. The autoscaler should add replicas when requests wait, and CPU does not tell when they do. rng waits 0.1 s "
        "in a sleep for each request, one at a time: its queue can be as long as it likes while its CPU stays idle."
    )
    facts = [one for one in (results.bottleneck.evidence if results.bottleneck else ()) if one.code == "cpu-idle"]
    facts += [
        one
        for one in (results.autoscale.explanation if results.autoscale else ())
        if one.code in ("above-target-before-load", "rest-replicas", "never-scaled")
    ]
    if facts:
        yield _text("This run shows it:")
        yield _list([evidence_sentence(one) for one in facts])
    yield _text(
        "So the exercise's target of 5 % is what makes CPU work at all, and where it comes to rest follows from the size "
        "of the CPU request: half the request would give twice the replicas for the same work. Better metrics:"
    )
    yield _list(
        (
            "Latency of a request (httplat's): it is what users feel, and it rises as soon as a queue forms. It falls "
            "steeply once there are enough replicas, so it needs a long scale-down window, or the count swings.",
            "Requests waiting or in progress for each replica: the queue itself, with a natural target of about 1.",
            "Requests per second and replica, with a target below the 10 that one rng can serve: steady, and known "
            "beforehand; it must be measured anew when the service changes.",
            "Memory says nothing here: rng's does not grow with its queue.",
        )
    )


def _about(results: Results) -> Iterator[Block]:
    environment = results.environment
    if results.quick:
        yield _note(
            "This was a quick run: windows of a few seconds, so the rates are only known to a few percent, and the "
            "autoscaler's clock at five times its speed."
        )
    if results.caveats:
        yield _text("Warnings about the measurement itself:")
        yield _list([f"{one.message} {one.hint}".strip() for one in results.caveats])
    rows = [
        ("engine", f"{results.engine} ({environment.engine_reason})"),
        ("command", results.command),
        ("started", results.started),
        ("finished", results.finished or "not finished"),
        ("dclab", environment.dclab),
        ("Python", environment.python),
        ("system", environment.system),
        ("CPUs", environment.cpus),
        ("memory", f"{environment.memory_mb} MB"),
        *((name, version) for name, version in sorted(environment.versions.items())),
    ]
    yield _table(("", ""), rows)
    if results.engine == "embedded":
        yield _text(
            "The embedded engine runs the app as processes of one machine, with the autoscaler's algorithm of Kubernetes; "
            "it is a rehearsal room, not a cluster: networks, limits and scheduling are not Kubernetes' own."
        )
    yield _text("Every figure here comes from results.json; the samples behind it are in raw/.")
