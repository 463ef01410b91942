"""dclab latency."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

import typer

from dclab.cli.options import (
    ContextOption,
    EngineOption,
    JsonOption,
    NameOption,
    OutOption,
    QuietOption,
    VerboseOption,
    parse_count,
    parse_counts,
    parse_rate,
    parse_targets,
    parse_url,
)
from dclab.cli.session import recording, session
from dclab.errors import InvalidInput

if TYPE_CHECKING:
    from dclab.lab import ProbeSpec
    from dclab.output import Output
    from dclab.results import LatencySummary

__all__ = ["latency"]


def latency(
    target: Annotated[list[str] | None, typer.Option(help="rng or hasher; may be given twice.")] = None,
    url: Annotated[
        list[str] | None, typer.Option(help="Any HTTP URL instead, as httping takes it; needs no lab.")
    ] = None,
    count: Annotated[str, typer.Option(help="How many requests of each kind.")] = "15",
    workers: Annotated[str, typer.Option(help="How many workers run meanwhile; several with commas.")] = "10",
    rate: Annotated[
        str | None,
        typer.Option(help="Open loop: so many requests a second, timed from when each is due; a stall is not hidden."),
    ] = None,
    name: NameOption = None,
    engine: EngineOption = "auto",
    context: ContextOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Measure rng and hasher; name the bottleneck.

    Each is asked as httping asks (GET / on a fresh connection) and as the workers call it. Without --rate each request
    waits for the one before (a closed loop), with jittered pauses.

    Example: dclab latency --target rng --target hasher --count 15
    """
    with session("latency", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.cli.tables import bottleneck_lines, latency_lines
        from dclab.engines.choose import find_lab
        from dclab.experiments.bottleneck import find_bottleneck
        from dclab.experiments.latency import LatencySettings, run_latency
        from dclab.experiments.rule_out import cpu_per_replica
        from dclab.lab import ProbeSpec
        from dclab.run_folder import new_folder

        number = parse_count(count, "number of requests", high=10_000)
        per_second = parse_rate(rate) if rate is not None else None
        if url:
            if target or name or context or out:
                raise InvalidInput(
                    "--url measures without a lab.", "", "Leave --target, --name, --context, --out away."
                )
            _urls(output, [parse_url(one) for one in url], ProbeSpec(count=number, rate=per_second))
            return
        settings = LatencySettings(
            targets=parse_targets(target or ["rng", "hasher"]),
            count=number,
            workers=parse_counts(workers, "number of workers", low=0),
            rate=per_second,
        )
        lab, choice = find_lab(name, engine, context)
        folder = new_folder(out, lab.engine)
        command = f"dclab latency --target {' --target '.join(settings.targets)} --count {count} --workers {workers}"
        command += f" --rate {rate}" if rate is not None else ""
        with recording(output, lab, choice.reason, folder, command=command) as recorder:
            found = run_latency(lab, settings, recorder)
            bottleneck = find_bottleneck(found, cpu=cpu_per_replica(lab, settings.targets))
            recorder.record(bottleneck=bottleneck)
        by_workers = recorder.run.results.latency_by_workers
        output.show(*latency_lines(*(by_workers or (found,))), *bottleneck_lines(bottleneck), f"Results: {folder}")
        output.result(
            {"folder": str(folder), "latency": found, "latency_by_workers": by_workers, "bottleneck": bottleneck}
        )


def _urls(output: Output, urls: list[str], spec: ProbeSpec) -> None:
    """Ask each URL; what was measured until Ctrl-C is shown, too."""
    from dclab.cli.tables import url_lines
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
                output.step(f"{url} {len(samples)}/{spec.count}: {took}")
        for caveat in probe_caveats(samples, spec, url):
            output.warn(caveat)
        found[url] = summarise(samples, spec.rate)
        if len(samples) < spec.count:  # Ctrl-C
            break
    output.show(*url_lines(found))
    output.result({"urls": found})
