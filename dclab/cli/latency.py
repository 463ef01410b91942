"""dclab latency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from dclab.cli.interrupts import until_ctrl_c
from dclab.cli.options import ForceOption, Target, count_option, counts_option, number_option
from dclab.cli.result import Result
from dclab.cli.values import FASTEST, Counts, parse_url
from dclab.cli.verb import ExperimentCall, verb
from dclab.errors import Interrupted, InvalidInput

if TYPE_CHECKING:
    from dclab.lab import ProbeSpec
    from dclab.results import LatencySummary

OPEN_LOOP = "Open loop: requests per second, each measured from its scheduled start, so that a stall is not hidden."


@verb
def latency(
    call: ExperimentCall,
    target: Annotated[
        list[Target] | None, typer.Option(help="Target service; may be given twice.", show_default="both")
    ] = None,
    url: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", parser=parse_url, help="Measure any HTTP URL instead, as httping does; needs no lab."
        ),
    ] = None,
    count: Annotated[int, count_option("number of requests", "How many requests of each kind.", high=10_000)] = 15,
    workers: Annotated[Counts, counts_option("How many workers run meanwhile; several with commas.", low=0)] = Counts(
        (10,)
    ),
    rate: Annotated[float | None, number_option("rate", "a second", OPEN_LOOP, low=0.1, high=FASTEST)] = None,
    force: ForceOption = False,
) -> Result:
    """Measure rng and hasher; name the bottleneck.

    Sends each service the requests that httping sends (GET / on a fresh connection) and those that the workers send. Without --rate
    each request waits for the one before (a closed loop), with random pauses between them.

    Example: dclab latency --target rng --target hasher --count 15
    """
    from dclab.lab import ProbeSpec

    if url:
        return _of_urls(call, url, ProbeSpec(count=count, rate=rate))
    from dclab.cli.tables import latency_lines
    from dclab.experiments.bottleneck import find_bottleneck
    from dclab.experiments.latency import LatencySettings, run_latency
    from dclab.experiments.rule_out import cpu_per_replica

    call.check_room(max(workers), force=force)
    targets = tuple(dict.fromkeys(one.value for one in target or Target))
    settings = LatencySettings(targets=targets, count=count, workers=workers, rate=rate)
    with call.recording() as recorder:
        found = run_latency(call.lab, settings, recorder)
        bottleneck = find_bottleneck(found, cpu=cpu_per_replica(call.lab, targets))
        recorder.record(bottleneck=bottleneck)
    by_workers = recorder.results.latency_by_workers
    return recorder.result(latency_lines, latency=found, latency_by_workers=by_workers, bottleneck=bottleneck)


def _of_urls(call: ExperimentCall, urls: Sequence[str], spec: ProbeSpec) -> Result:
    """Ask each URL; what was measured until Ctrl-C is shown, too."""
    from dclab.cli.tables import url_lines
    from dclab.lab import ProbeSample
    from dclab.measure.caveats import probe_caveats
    from dclab.measure.latency import summarise
    from dclab.measure.probe import probe_url
    from dclab.results import Caveat

    for option in ("target", "workers", "name", "context", "engine", "out"):
        if call.from_command_line(option):
            raise InvalidInput("--url measures without a lab.", "", f"Omit --{option}.")
    found: dict[str, LatencySummary] = {}
    for url in urls:
        samples: list[ProbeSample] = []
        with until_ctrl_c():
            for one in probe_url(url, spec):
                samples.append(one)
                took = one.error if one.total_ms is None else f"{one.total_ms:.2f} ms"
                call.output.step(f"{url} {len(samples)}/{spec.count}: {took}")
        if not samples:  # Ctrl-C before the first answer
            break
        for caveat in probe_caveats(samples, spec, url):
            call.output.warn(caveat)
        if len(samples) < spec.count:
            call.output.warn(
                Caveat(
                    code="probes-cut-off",
                    message=f"Only {len(samples)} of {spec.count} requests of {url} were answered before Ctrl-C.",
                    hint="The figures are those of these.",
                )
            )
        found[url] = summarise(samples, spec.rate)
        if len(samples) < spec.count:  # Ctrl-C
            break
    if not found:
        raise Interrupted("Interrupted.", "No request had been answered yet.")
    return Result(url_lines, urls=found)
