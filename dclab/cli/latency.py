"""dclab latency."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.options import Target
from dclab.cli.result import Result
from dclab.cli.values import FASTEST, Counts, parse_count, parse_counts, parse_rate, parse_url
from dclab.cli.verb import ExperimentCall, verb
from dclab.errors import InvalidInput

if TYPE_CHECKING:
    from dclab.lab import ProbeSpec
    from dclab.results import Bottleneck, LatencySummary, TargetLatency

__all__ = ["latency"]


@dataclass(frozen=True, kw_only=True)
class Latency(Result):
    """Latencies of a lab's services, and the bottleneck that they show."""

    folder: str
    latency: Mapping[str, TargetLatency]
    latency_by_workers: Sequence[Mapping[str, TargetLatency]]
    bottleneck: Bottleneck

    def text(self) -> Iterator[Any]:
        """A table and the verdict."""
        from dclab.cli.tables import bottleneck_lines, latency_lines

        yield from latency_lines(*(self.latency_by_workers or (self.latency,)))
        yield from bottleneck_lines(self.bottleneck)
        yield f"Results: {self.folder}"


@dataclass(frozen=True, kw_only=True)
class UrlLatency(Result):
    """Latencies of any URLs."""

    urls: Mapping[str, LatencySummary]

    def text(self) -> Iterator[Any]:
        """A table."""
        from dclab.cli.tables import url_lines

        yield from url_lines(self.urls)


@verb
def latency(
    call: ExperimentCall,
    target: Annotated[
        list[Target] | None, typer.Option(help="Which service; may be given twice.", show_default="both")
    ] = None,
    url: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", parser=parse_url, help="Any HTTP URL instead, as httping takes it; needs no lab."),
    ] = None,
    count: Annotated[
        int,
        typer.Option(
            metavar="N", parser=parse_count("number of requests", high=10_000), help="How many requests of each kind."
        ),
    ] = 15,
    workers: Annotated[
        Counts,
        typer.Option(
            metavar="N,N,…",
            parser=parse_counts("number of workers", low=0),
            help="How many workers run meanwhile; several with commas.",
        ),
    ] = Counts((10,)),
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="PER-SECOND",
            parser=parse_rate("rate", "a second", low=0.1, high=FASTEST),
            help="Open loop: so many requests a second, timed from when each is due; a stall is not hidden.",
        ),
    ] = None,
) -> Latency | UrlLatency:
    """Measure rng and hasher; name the bottleneck.

    Each is asked as httping asks (GET / on a fresh connection) and as the workers call it. Without --rate each request
    waits for the one before (a closed loop), with jittered pauses.

    Example: dclab latency --target rng --target hasher --count 15
    """
    from dclab.lab import ProbeSpec

    if url:
        for option in ("target", "workers", "name", "context", "engine", "out"):
            if call.from_command_line(option):
                raise InvalidInput("--url measures without a lab.", "", f"Omit --{option}.")
        return _of_urls(call, url, ProbeSpec(count=count, rate=rate))
    from dclab.experiments.bottleneck import find_bottleneck
    from dclab.experiments.latency import LatencySettings, run_latency
    from dclab.experiments.rule_out import cpu_per_replica

    targets = tuple(dict.fromkeys(one.value for one in target or Target))
    settings = LatencySettings(targets=targets, count=count, workers=workers, rate=rate)
    with call.recording() as recorder:
        found = run_latency(call.lab, settings, recorder)
        bottleneck = find_bottleneck(found, cpu=cpu_per_replica(call.lab, targets))
        recorder.record(bottleneck=bottleneck)
    return Latency(
        folder=str(recorder.folder),
        latency=found,
        latency_by_workers=recorder.results.latency_by_workers,
        bottleneck=bottleneck,
    )


def _of_urls(call: ExperimentCall, urls: Sequence[str], spec: ProbeSpec) -> UrlLatency:
    """Ask each URL; what was measured until Ctrl-C is shown, too."""
    from dclab.lab import ProbeSample
    from dclab.measure.caveats import probe_caveats
    from dclab.measure.latency import summarise
    from dclab.measure.probe import probe_url

    found: dict[str, LatencySummary] = {}
    for url in urls:
        samples: list[ProbeSample] = []
        with contextlib.suppress(KeyboardInterrupt):
            for one in probe_url(url, spec):
                samples.append(one)
                took = one.error if one.total_ms is None else f"{one.total_ms:.2f} ms"
                call.output.step(f"{url} {len(samples)}/{spec.count}: {took}")
        for caveat in probe_caveats(samples, spec, url):
            call.output.warn(caveat)
        found[url] = summarise(samples, spec.rate)
        if len(samples) < spec.count:  # Ctrl-C
            break
    return UrlLatency(urls=found)
