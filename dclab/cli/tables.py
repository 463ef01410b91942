"""What the terminal shows of each result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dclab.cli.terminal_text import table
from dclab.experiments.pod_facts import pod_facts
from dclab.measure.needs import needs_of
from dclab.report.language import Words
from dclab.report.latency_words import FIGURES, figures, median_range, notes
from dclab.report.wording import evidence_sentence, interval
from dclab.results import (
    Autoscale,
    Bottleneck,
    Intervention,
    LatencySummary,
    LoadTest,
    Monitoring,
    ProbeDemo,
    Results,
    RolloutDemo,
    Sweep,
    TargetLatency,
)

__all__ = [
    "demo_lines",
    "latency_lines",
    "load_lines",
    "monitoring_lines",
    "probe_lines",
    "proof_lines",
    "rollout_lines",
    "summary_lines",
    "sweep_lines",
    "url_lines",
]


def sweep_lines(sweep: Sweep) -> Iterator[Any]:
    """The exercise's table, and its question answered."""
    from dclab.report.speedup_words import model_sentences, speedup_sentences

    points = sorted(sweep.points, key=lambda one: one.workers)
    base = points[0]
    rows = []
    for one in points:
        speedup = one.hashes_per_second.mean / base.hashes_per_second.mean
        efficiency = 100 * speedup * base.workers / one.workers
        shown = f"{one.webui_reading:.0f}"
        rows.append((one.workers, interval(one.hashes_per_second), shown, f"{speedup:.2f}", f"{efficiency:.0f} %"))
    yield table("workers", "hashes/s (95 %)", "web UI showed", "speedup", "efficiency", rows=rows)
    yield from speedup_sentences(sweep)
    yield from model_sentences(sweep)


def latency_lines(
    latency: Mapping[str, TargetLatency],
    latency_by_workers: Sequence[Mapping[str, TargetLatency]] = (),
    bottleneck: Bottleneck | None = None,
) -> Iterator[Any]:
    """Milliseconds of every target, at each number of workers; the verdict and its reasons."""
    by_workers = latency_by_workers or (latency,)
    measured = [
        (f"{name}{f' at {found.workers}' if len(by_workers) > 1 else ''} {what}", one)
        for each in by_workers
        for name, found in each.items()
        for what, one in (("GET /", found.probe), ("real call", found.call))
    ]
    yield from _figure_tables(measured)
    yield from bottleneck_lines(bottleneck)


def _figure_tables(measured: Sequence[tuple[str, LatencySummary]]) -> Iterator[Any]:
    """Two tables, since one with all of it is wider than 80 columns; then what their signs mean."""
    yield table("ms", *FIGURES, rows=[(label, *figures(one)) for label, one in measured])
    rows = [
        (
            label,
            one.count,
            f"{one.errors} ({one.timeouts} late)" if one.timeouts else one.errors,
            median_range(one),
            *("–" if ms is None else f"{ms:.2f}" for ms in (one.connect, one.first_byte)),
        )
        for label, one in measured
    ]
    yield table("", "n", "errors", "p50, 95 %", "connect, ms", "first byte, ms", rows=rows)
    yield from notes([one for _, one in measured], Words())


def url_lines(urls: Mapping[str, LatencySummary]) -> Iterator[Any]:
    """Milliseconds of any URLs, whole and by phases."""
    # A URL may be wider than the screen, and would be cut in a table.
    yield from (f"{number}: {url}" for number, url in enumerate(urls, 1))
    yield from _figure_tables([(str(number), one) for number, one in enumerate(urls.values(), 1)])
    for one in urls.values():
        loop = "closed: each request waited for the one before" if one.rate is None else f"open, {one.rate:g} a second"
        yield f"Loop: {loop}."
        break


SURE = {"proved": "proved", "suspected": "suspected, not proved"}


def bottleneck_lines(found: Bottleneck | None) -> Iterator[str]:
    """The verdict and its reasons; nothing where there is none."""
    if found is None:
        return
    certainty = f" ({SURE[found.certainty]})" if found.certainty else ""
    yield f"Bottleneck: {found.service or 'none could be proved'}{certainty}"
    yield from (f"  {evidence_sentence(one)}" for one in found.evidence)


def proof_lines(interventions: Sequence[Intervention], bottleneck: Bottleneck | None = None) -> Iterator[Any]:
    """What each change did to the rate, beside what theory allows; the verdict and its reasons."""
    from dclab.report.wording import times_as_fast

    rows = []
    for one in interventions:
        waits = (f"{one.probe_ms[name]:.1f}" if name in one.probe_ms else "–" for name in ("rng", "hasher"))
        theory = (f"{value:.1f}" if value is not None else "–" for value in (one.predicted, one.at_most))
        rows.append((one.name, interval(one.hashes_per_second), times_as_fast(one, interventions), *theory, *waits))
    head = ("changed", "hashes/s (95 %)", "times", "predicted", "at most", "rng waits, ms", "hasher waits, ms")
    yield table(*head, rows=rows)
    if interventions:
        yield str(needs_of(interventions[0].workers))
    yield from bottleneck_lines(bottleneck)


def load_lines(loadtest: LoadTest) -> Iterator[Any]:
    """Siege's summary, in its own words."""
    from dclab.report.wording import siege_rows

    yield f"Load test by {loadtest.generator}: {loadtest.concurrent} users on {loadtest.url}"
    yield table("", "", rows=[(label, value) for label, value in siege_rows(loadtest)])


def demo_lines(loadtest: LoadTest, autoscale: Autoscale) -> Iterator[Any]:
    """The load test's summary, the autoscaler's transcript and what it shows."""
    from dclab.report.transcript import transcript

    yield from load_lines(loadtest)
    yield transcript(autoscale).rstrip()
    yield from (f"  {evidence_sentence(one)}" for one in autoscale.explanation)


def monitoring_lines(monitoring: Monitoring, prometheus: str | None) -> Iterator[Any]:
    """The page of Prometheus, and the last value of each series."""
    if prometheus:
        yield f"Prometheus: {prometheus}/graph"
    else:
        yield "Prometheus is not installed (`dclab doctor` says how), so the exporters were read."
    yield f"{monitoring.query}   (by {monitoring.source})"
    series = sorted(monitoring.series.items())
    rows = [(name, f"{points[-1][1]:.1f}", len(points)) for name, points in series if points]
    yield table("target", "ms, last", "points", rows=rows)


def probe_lines(probes: ProbeDemo) -> Iterator[Any]:
    """What was predicted of a health probe, what it did, and the figures of each phase."""
    from dclab.report.health_words import phase_rows, probe_sentences

    yield from probe_sentences(probes)
    yield table("", "s", "hashes", "hashes/s", "times out", "s without", "restarts", rows=phase_rows(probes))


def rollout_lines(rollout: RolloutDemo) -> Iterator[Any]:
    """Where a rolling update was to hang, where it did, the figures of each phase, and what was lost."""
    from dclab.report.rollout_words import loss_rows, phase_rows, rollout_sentences

    yield from rollout_sentences(rollout)
    yield table("", "s", "hashes", "hashes/s", "fewest ready", "failed calls", rows=phase_rows(rollout))
    if rollout.losses:
        yield table("ended by", "workers", "made", "counted", "lost", "predicted", rows=loss_rows(rollout))


def summary_lines(results: Results) -> Iterator[Any]:
    """The whole exercise on one screen."""
    if results.sweep and results.sweep.points:
        yield from sweep_lines(results.sweep)
    if results.latency:
        yield from latency_lines(results.latency, bottleneck=results.bottleneck)
    yield from (f"  {evidence_sentence(one)}" for one in pod_facts(results))
    if results.loadtest:
        yield from load_lines(results.loadtest)
    if results.autoscale:
        yield from (f"  {evidence_sentence(one)}" for one in results.autoscale.explanation)
