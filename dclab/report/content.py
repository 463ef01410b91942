"""What a report says, in blocks that Markdown and HTML render alike, in the order of the exercise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from dclab.measure.queueing import expected_wait_ms
from dclab.report.judge_metrics import metric_rows, metric_verdicts
from dclab.report.language import Words
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

MOST_ROWS = 60
"""Of a table of events; all of them are in results.json."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A piece of a section."""

    kind: Literal["text", "note", "list", "table", "picture", "code", "links"]
    text: str = ""
    """Of text, note and code; the name of a picture."""
    items: tuple[str, ...] = ()
    """Of a list; of links, each is text and address at once."""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    """Of a table."""
    prose: bool = False
    """Of a table: its cells are words, not figures."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading and what stands under it."""

    name: str
    """The section's anchor in the page."""
    title: str
    blocks: tuple[Block, ...]


def _text(text: str) -> Block:
    return Block(kind="text", text=text)


def _note(text: str) -> Block:
    return Block(kind="note", text=text)


def _list(items: Sequence[str]) -> Block:
    return Block(kind="list", items=tuple(items))


def _table(head: Sequence[str], rows: Sequence[Sequence[object]], *, prose: bool = False) -> Block:
    cells = tuple(tuple(str(cell) for cell in row) for row in rows)
    return Block(kind="table", head=tuple(head), rows=cells, prose=prose)


def _missing(words: Words, command: str) -> Block:
    return _note(words("This part was not measured. `{command}` measures it.", command=command))


def summary(results: Results, words: Words) -> list[str]:
    """The verdict, before everything else: how much faster, what holds it back, why, what to do."""
    lines = []
    if results.finished is None:
        lines.append(words("This run was interrupted or is not finished: what is missing below was not measured."))
    if results.sweep:
        lines += list(speedup_sentences(results.sweep, words))[:1]
    if results.bottleneck:
        service = results.bottleneck.service
        named = words("The bottleneck is {service}.", service=service)
        lines.append(named if service else words("No bottleneck could be proved."))
        why = ("probe-queues", "scaling-helps")
        found = {one.code: one for one in reversed(results.bottleneck.evidence)}
        lines += [evidence_sentence(found[code], words) for code in why if code in found]
        if service == "rng":
            lines.append(
                words(
                    "What to do: run more replicas of rng, or let it serve several requests at a time; more workers only "
                    "queue."
                )
            )
    if results.autoscale:
        wanted = ("scaled-up", "never-scaled", "rest-replicas", "not-at-rest")
        lines += [evidence_sentence(one, words) for one in results.autoscale.explanation if one.code in wanted]
    return lines or [words("Nothing was measured.")]


def sections(results: Results, words: Words, raw: Sequence[str] = ()) -> list[Section]:
    """All sections, in the exercise's order; a part that was not measured says so. `raw` are files to link to."""
    clock = results.autoscale.clock_speed if results.autoscale else 1.0
    faster = words(" (its clock ×{clock:g})", clock=clock) if clock != 1 else ""
    parts = (
        ("asked", words("What is asked, and where it is answered"), _checklist(results, words)),
        ("speed", words("1. Performance at different numbers of workers"), _speed(results, words)),
        ("latency", words("2. Latency and the bottleneck"), _latency(results, words)),
        ("monitoring", words("3. Monitoring"), _monitoring(results, words)),
        ("load", words("4. Load test"), _load(results, words)),
        ("autoscaler", words("5. The autoscaler at work") + faster, _autoscale(results, words)),
        ("metric", words("6. Is CPU a sensible metric?"), _open_question(results, words)),
        ("about", words("7. About these measurements"), _about(results, words, raw)),
    )
    return [Section(name=name, title=title, blocks=tuple(blocks)) for name, title, blocks in parts]


def _checklist(results: Results, words: Words) -> Iterator[Block]:
    def answered(*parts: object) -> str:
        return words("✓ answered") if all(parts) else words("✗ not measured") if not any(parts) else words("in part")

    asked = (
        (words("Performance with different numbers of workers"), 2, "1", results.sweep and results.sweep.points),
        (words("Latency of rng and hasher; which one is the bottleneck"), 2, "2", results.latency),
        (words("The autoscaler at work: Prometheus' graph, and the terminal"), 2, "3, 5", None),
        (words("Is CPU sensible, and what would be better"), 1, "6", results.autoscale),
    )
    rows = []
    for what, points, where, part in asked:
        state = (
            answered(part) if part is not None or where != "3, 5" else answered(results.monitoring, results.autoscale)
        )
        rows.append((what, points, words("section {where}", where=where), state))
    head = (words("asked by the exercise"), words("points"), words("answered in"), words("in this run"))
    yield _table(head, rows, prose=True)


def _speed(results: Results, words: Words) -> Iterator[Block]:
    sweep = results.sweep
    if sweep is None or not sweep.points:
        yield _missing(words, "dclab scale-sweep")
        return
    yield Block(kind="picture", text="sweep")
    yield _speed_table(sweep, words)
    if sweep.lost_workers:
        lost = ", ".join(str(one) for one in sweep.lost_workers)
        yield _note(words("Not measured, although asked for: {lost} workers.", lost=lost))
    yield _text(words("How much faster is it with more workers, and why not as many times?"))
    yield _list(list(speedup_sentences(sweep, words)) or [words("One point alone has no speedup.")])
    if sweep.models:
        yield _text(words("Which law does it follow?"))
        head = ("model", "AICc (the lower, the better)", "furthest off, hashes/s", "bends at, workers")
        yield _table(
            [words(one) for one in head],
            [
                (
                    one.name,
                    words("too few points") if one.aicc is None else f"{one.aicc:.1f}",
                    f"{max(abs(each) for each in one.residuals):.2f}",
                    "–" if one.knee is None else f"{one.knee:.1f}",
                )
                for one in sweep.models
            ],
        )
        yield _list(list(model_sentences(sweep, words)) or [words("There are too few points to tell.")])
    yield _text(
        words(
            "The rate is the slope of a line through ten readings a second of the hash counter, with its 95 % interval. "
            "The web UI's figure is the difference of two readings one second apart; the column shows the one that it "
            "showed most often. The last column is a check of each point: by Little's law, the rate and the waits "
            "account for so many workers."
        )
    )


def _speed_table(sweep: Sweep, words: Words) -> Block:
    points = sorted(sweep.points, key=lambda one: one.workers)
    base = points[0]
    rows = []
    for one in points:
        least = base.hashes_per_second.mean
        speedup = one.hashes_per_second.mean / least if least else float("nan")
        rows.append(
            (
                one.workers,
                interval(one.hashes_per_second),
                f"{one.webui_reading:.0f}",
                f"{speedup:.2f}" if least else "–",
                f"{100 * speedup * base.workers / one.workers:.0f} %" if least else "–",
                f"{one.seconds:.0f} s",
                "–" if one.littles_law is None else f"{one.littles_law:.1f}",
            )
        )
    head = (
        "workers",
        "hashes/s (95 % interval)",
        "web UI showed",
        "speedup",
        "efficiency",
        "sampled for",
        "accounted for",
    )
    return _table([words(one) for one in head], rows)


def _latency(results: Results, words: Words) -> Iterator[Block]:
    yield _text(
        words(
            "Why rng or hasher? A worker needs both for each hash, so one of them must be what holds ten workers back. A "
            "probe asks for / on a fresh connection, as httping does; neither service delays that answer, so what it takes "
            "is waiting. The real call is what the workers make (rng: 32 bytes; hasher: POST)."
        )
    )
    yield _text(
        words(
            "Why expose the services? A ClusterIP is reachable only from within the cluster, and httping runs outside of "
            "it. A NodePort opens the same service at a port of the node, so a probe from outside goes the way that the "
            "workers' requests go: through the service, to any ready replica."
        )
    )
    if not results.latency:
        yield _missing(words, "dclab latency")
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
        yield _table((first, "min", words("mean"), "p50", "p95", "p99", "max", "n", words("errors")), rows)
        wait = expected_wait_ms(workers)
        yield _text(words("Theory expects a wait of {wait:.0f} ms at one rng (Little's law).", wait=wait))
    if results.bottleneck:
        service = results.bottleneck.service or words("none could be proved")
        yield _text(words("Which service is the bottleneck? {service}.", service=service))
        yield _list([evidence_sentence(one, words) for one in results.bottleneck.evidence])
    if results.interventions:
        yield _text(words("The proof by experiment, at {workers} workers:", workers=results.interventions[0].workers))
        yield Block(kind="picture", text="proof")
        head = ("changed", "hashes/s (95 % interval)", "times", "predicted", "at most")
        yield _table(
            [words(one) for one in head],
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


def _monitoring(results: Results, words: Words) -> Iterator[Block]:
    found = results.monitoring
    if found is None:
        yield _missing(words, "dclab monitor")
    else:
        yield _text(
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
            yield _table(("ms", words("lowest"), words("mean"), words("highest")), rows)
    yield _text(words("Forwarding to a pod, or to a service: what is the difference?"))
    yield _list(
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


def _load(results: Results, words: Words) -> Iterator[Block]:
    load = results.loadtest
    if load is None:
        yield _missing(words, "dclab loadtest")
        return
    yield _text(
        words(
            "{users} users without think time on {url} for {seconds:g} s, made by {generator}, beside {workers} workers.",
            users=load.concurrent,
            url=load.url,
            seconds=load.requested_seconds,
            generator=load.generator,
            workers=load.workers,
        )
    )
    yield _table(("", ""), siege_rows(load), prose=True)
    if load.generator_cores is not None:
        yield _text(words("The generator itself took {cores:.2f} CPU cores.", cores=load.generator_cores))
    if load.url.rstrip("/").count("/") == 2:
        yield _text(
            words(
                "The address / answers without rng's delay of 0.1 s: its requests wait behind the workers' own, and cost "
                "CPU rather than time. With /32 the siege would take its turns from the workers instead."
            )
        )


def _autoscale(results: Results, words: Words) -> Iterator[Block]:
    found = results.autoscale
    if found is None:
        yield _missing(words, "dclab hpa-demo")
        return
    if found.clock_speed != 1:
        yield _note(
            words(
                "The autoscaler's clock ran {clock:g} times faster than Kubernetes': its windows and periods took that much "
                "less real time. Seconds in the picture are real ones.",
                clock=found.clock_speed,
            )
        )
    yield Block(kind="picture", text="autoscale")
    if found.explanation:
        yield _list([evidence_sentence(one, words) for one in found.explanation])
    yield _text(words("As kubectl get hpa -w shows it:"))
    yield Block(kind="picture", text="terminal")
    yield Block(kind="code", text=transcript(found).rstrip())
    yield from _events(found, words)
    if found.conditions:
        yield _text(words("Conditions at the end:"))
        yield _table(
            ("type", "status", "reason", "message"),
            [(one.type, one.status, one.reason, one.message) for one in found.conditions],
            prose=True,
        )
    yield _text(words("The autoscaler as it was applied:"))
    yield Block(kind="code", text=_yaml(found))


def _events(found: Autoscale, words: Words) -> Iterator[Block]:
    yield _text(words("What happened when, and each decision's reason:"))
    shown = found.events[:MOST_ROWS]
    yield _table(
        ("s", "type", "reason", "message"),
        [(f"{one.t:.0f}", one.type, one.reason, one.message) for one in shown],
        prose=True,
    )
    if len(shown) < len(found.events):
        yield _note(words("{n} more events are in results.json.", n=len(found.events) - len(shown)))


def _yaml(found: Autoscale) -> str:
    import yaml

    text: str = yaml.safe_dump(dict(found.manifest), sort_keys=False)
    return text.rstrip()


def _open_question(results: Results, words: Words) -> Iterator[Block]:
    yield _text(
        words(
            "No. The autoscaler should add replicas when requests wait, and CPU does not tell when they do. rng waits 0.1 s "
            "in a sleep for each request, one at a time: its queue can be as long as it likes while its CPU stays idle."
        )
    )
    facts = [one for one in (results.bottleneck.evidence if results.bottleneck else ()) if one.code == "cpu-idle"]
    found = results.autoscale
    facts += [
        one
        for one in (found.explanation if found else ())
        if one.code in ("above-target-before-load", "rest-replicas", "never-scaled")
    ]
    if facts:
        yield _text(words("This run shows it:"))
        yield _list([evidence_sentence(one, words) for one in facts])
    if found is None or not found.timeline:
        yield _missing(words, "dclab hpa-demo")
        return
    yield _text(words("What each metric showed of {target}, for each ready replica, on average:", target=found.target))
    head = ("", "baseline", "siege", "siege, autoscaled", "at the end")
    yield _table([words(one) if one else one for one in head], list(metric_rows(found, words)))
    yield _text(words("So, as a metric to scale on:"))
    yield _list(list(metric_verdicts(found, words)))


def _about(results: Results, words: Words, raw: Sequence[str]) -> Iterator[Block]:
    environment = results.environment
    if results.quick:
        yield _note(
            words(
                "This was a quick run: windows of a few seconds, so the rates are only known to a few percent, and on the "
                "embedded engine the autoscaler's clock at five times its speed."
            )
        )
    if results.caveats:
        yield _text(words("Warnings about the measurement itself, as they were recorded:"))
        yield _list([f"{one.message} {one.hint}".strip() for one in results.caveats])
    rows = [
        (words("engine"), f"{results.engine} ({environment.engine_reason})"),
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
    yield _table(("", ""), rows, prose=True)
    if results.engine == "embedded":
        yield _text(
            words(
                "The embedded engine runs the app as processes of one machine, with the autoscaler's algorithm of "
                "Kubernetes; it is a rehearsal room, not a cluster: networks, limits and scheduling are not Kubernetes' own."
            )
        )
    yield _text(
        words(
            "Nothing is seeded: probes come at random moments and services choose their replicas by chance, so a repetition "
            "gives other figures, within the intervals. Every figure here comes from results.json; the samples behind it:"
        )
    )
    yield Block(kind="links", items=("results.json", *raw))
