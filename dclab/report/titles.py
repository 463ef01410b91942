"""The message of each picture in one line, computed from the data; it stands above the picture, in both languages."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence

from dclab.measure.latency import shown_figures
from dclab.measure.ratio import Ratio, decided_by
from dclab.report.charts import COLORS
from dclab.report.language import Words
from dclab.report.latency_words import milliseconds
from dclab.report.speedup_words import speedup_outcome
from dclab.report.titles_further import autoscalers_title, probes_title, responses_title, rollout_title
from dclab.report.wording import interval
from dclab.results import Autoscale, Bottleneck, Evidence, Intervention, Monitoring, Results, Sweep, TargetLatency

__all__ = ["LATENCY", "PROOF", "SCALED", "THEN", "titles"]

LATENCY = {
    "probe-queues": "{title}: requests queue at {service}",
    "queue-at-either": "{title}: requests queue at {service} and {other}",
    "queue-cannot-tell": "{title}: whether requests queue at {service} cannot be told",
    "no-queue": "{title}: no service keeps a probe waiting",
}
"""What the bottleneck's evidence adds to the figures, by its code."""
PROOF = {
    "scaling-helps": (
        "{service} limits the rate: {replicas:.0f} replicas of it gave {to_rate:.1f} hashes/s instead of {from_rate:.1f}"
    ),
    "threads-help": (
        "{service} limits the rate: {threads:.0f} requests at a time gave {to_rate:.1f} hashes/s instead of {from_rate:.1f}"
    ),
}
SCALED = {
    "scaled-up": "{target}: from {from_replicas:.0f} to {to_replicas:.0f} replicas within {seconds:.0f} s",
    "scaled-up-unready": "{target}: {to_replicas:.0f} replicas asked for, no more than {ready_replicas:.0f} ready",
    "never-scaled": "{target}: never scaled up",
    "never-scaled-unknown": "{target}: never scaled up, its metric was never known",
    "never-scaled-queued": "{target}: never scaled up, while a probe waited {latency_ms:.0f} ms",
}
THEN = {
    "latency-fell": "{title}; latency fell from {before_ms:.0f} to {after_ms:.0f} ms",
    "rest-replicas": "{title}; settled at {replicas:.0f}",
    "not-at-rest": "{title}; not settled after {seconds:.0f} s",
}


def titles(results: Results, words: Words) -> dict[str, str]:
    """Return the message of each picture that the results have data for, by the picture's name."""
    return {
        name: re.sub(r"\b1 (replica|worker)s\b", r"1 \1", said if results.finished else unfinished(said, words))
        for name, said in _titles(results, words)
    }


def unfinished(title: str, words: Words) -> str:
    """Return the title of a picture of a run that was cut off or goes on: more may be missing than it shows."""
    return words("{title} (run not finished)", title=title)


def _titles(results: Results, words: Words) -> Iterator[tuple[str, str]]:
    if results.sweep and results.sweep.points:
        yield "sweep", sweep_title(results.sweep, words)
    if results.latency:
        yield "latency", latency_title(results.latency, results.bottleneck, words)
    if results.interventions:
        yield "proof", proof_title(results.interventions, results.bottleneck, words)
    if results.autoscale and results.autoscale.timeline:
        yield "autoscale", autoscale_title(results.autoscale, words)
    if results.comparison and results.comparison.runs:
        yield "autoscalers", autoscalers_title(results.comparison, words)
        yield "responses", responses_title(results.comparison, words)
    if results.probes:
        yield "probes", probes_title(results.probes, words)
    if results.rollout:
        yield "rollout", rollout_title(results.rollout, words)
    if results.monitoring and any(results.monitoring.series.values()):
        yield "monitoring", monitoring_title(results.monitoring, words)


def sweep_title(sweep: Sweep, words: Words) -> str:
    """Return how much faster it got beside how many times the workers, and what was not measured."""
    points = sorted(sweep.points, key=lambda one: one.workers)
    few, many = points[0], points[-1]
    title = _speedup(sweep, words)
    if title is None:
        rate = interval(many.hashes_per_second)
        title = words("{workers} workers: {rate} hashes/s", workers=many.workers, rate=rate)
        if few is not many:
            first = words(
                "{workers} workers: {rate} hashes/s", workers=few.workers, rate=interval(few.hashes_per_second)
            )
            title = f"{first}; {title}"
    if sweep.lost_workers:
        lost = words.listed(map(str, sweep.lost_workers))
        title = words("{title}; not measured: {lost} workers", title=title, lost=lost)
    return title


def _speedup(sweep: Sweep, words: Words) -> str | None:
    if sweep.speedup is None:
        return None
    workers = sorted(one.workers for one in sweep.points)
    few, many = workers[0], workers[-1]
    values: dict[str, object] = {"times": many / few, "speedup": sweep.speedup}
    values["workers"] = (
        words("{many} workers", many=many) if few == 1 else words("{many} instead of {few} workers", many=many, few=few)
    )
    low, high = sweep.speedup_ci95_low, sweep.speedup_ci95_high
    if low is None or high is None:
        return words("{workers}: {speedup:.1f} ×", **values)
    found = Ratio(sweep.speedup, low, high)
    match speedup_outcome(found, many / few):
        case "as many":
            return words("{workers}: {speedup:.1f} ×, within 10 % of {times:.4g} ×", **values)
        case "fewer":
            return words("{workers}: {speedup:.1f} ×, not {times:.4g} ×", **values)
        case "more":
            return words("{workers}: {speedup:.1f} ×, more than {times:.4g} ×", **values)
    low, high = decided_by(found)
    return words(
        "{workers}: {low:.1f} to {high:.1f} × (99.9 %); whether it is {times:.4g} × cannot be told",
        low=max(0.0, low),
        high=high,
        **values,
    )


def latency_title(latency: Mapping[str, TargetLatency], bottleneck: Bottleneck | None, words: Words) -> str:
    """Return how long a probe of each service takes, and whether requests queue there."""
    parts = [
        words("{ms} ms at {service}", ms=milliseconds(shown_figures(one.probe)["mean"]), service=name)
        if one.probe.count
        else words("no answer at {service}", service=name)
        for name, one in latency.items()
    ]
    workers = next(iter(latency.values())).workers
    title = words("{workers} workers: a probe takes {times}", workers=workers, times=words(", ").join(parts))
    evidence = bottleneck.evidence if bottleneck else ()
    return next(_added(title, evidence, LATENCY, words), title)


def proof_title(interventions: Sequence[Intervention], bottleneck: Bottleneck | None, words: Words) -> str:
    """Return what limits the rate, as far as a change has proved it."""
    if bottleneck is None:
        return words("Hashes/s under each change, at {workers} workers", workers=interventions[0].workers)
    if bottleneck.service is None:
        return words("What limits the rate could not be determined")
    if bottleneck.certainty == "suspected":
        return words("The limit is probably {service}; no change has proved it", service=bottleneck.service)
    evidence = [one for one in bottleneck.evidence if one.values.get("service") == bottleneck.service]
    return next(_added("", evidence, PROOF, words), words("{service} limits the rate", service=bottleneck.service))


def autoscale_title(found: Autoscale, words: Words) -> str:
    """Return what the autoscaler did: how far it scaled, what became of the latency, where it settled."""
    most = max(one.desired for one in found.timeline)
    least = words("{target}: {most} replicas at most", target=found.target, most=most)
    title = next(_added("", found.explanation, SCALED, words, target=found.target), least)
    for code, template in THEN.items():
        title = next(_added(title, found.explanation, {code: template}, words), title)
    return title


def monitoring_title(found: Monitoring, words: Words) -> str:
    """Return the range of each series."""
    series = [(name, [ms for _, ms in points]) for name, points in sorted(found.series.items()) if points]
    parts = [
        words("{name} {low:.3g} to {high:.3g} ms", name=name, low=min(values), high=max(values))
        for name, values in series[: len(COLORS)]
    ]
    return words("Latency over the run: {ranges}", ranges=words(", ").join(parts))


def _added(
    title: str, evidence: Sequence[Evidence], templates: Mapping[str, str], words: Words, **values: object
) -> Iterator[str]:
    """Yield the title with what each fact adds; a fact of an older file may lack a value."""
    for one in evidence:
        if one.code in templates:
            with contextlib.suppress(KeyError, ValueError, TypeError):
                yield words(templates[one.code], **{"title": title, **values, **one.values})
