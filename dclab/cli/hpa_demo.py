"""dclab hpa-demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dclab.cli.options import ForceOption, Metric, ScrapeOption, Target, TargetOption, WorkersOption, duration_option
from dclab.cli.result import Result
from dclab.cli.values import Duration
from dclab.cli.verb import ExperimentCall, verb
from dclab.errors import InvalidInput


@verb
def hpa_demo(
    call: ExperimentCall,
    target: TargetOption = Target.RNG,
    workers: WorkersOption = 10,
    load_time: Annotated[
        Duration, duration_option("time of the load test", "How long the load test lasts (the exercise: 4m).", low=5)
    ] = Duration(240),
    metric: Annotated[
        Metric, typer.Option(help="Metric of the autoscaler; its manifest is in manifests/optional/.")
    ] = (Metric.CPU),
    hpa: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your own HorizontalPodAutoscaler instead, for the same target.")
    ] = None,
    scrape_seconds: ScrapeOption = 10.0,
    force: ForceOption = False,
) -> Result:
    """Show the autoscaler at work under a load test.

    Measures a baseline, runs the load test, and goes on until the number of replicas has settled. The autoscaler scales on CPU
    or, with --metric, on the latency of probes, or on each replica's requests per second or requests in flight.

    Example: dclab hpa-demo --target rng --workers 10 --metric inflight
    """
    from dclab.cli.tables import demo_lines
    from dclab.experiments.autoscalers import from_file, shipped
    from dclab.experiments.expected import demo_seconds
    from dclab.experiments.hpa_demo import demo_settings, run_hpa_demo

    if hpa is not None and call.is_given("metric"):
        raise InvalidInput("--metric and --hpa exclude each other.", "The file names its metric.", "Omit one of them.")
    autoscaler = from_file(hpa, target.value) if hpa else shipped(target.value, metric.value)
    call.check_room(workers, force=force)
    settings = demo_settings(
        target.value, workers, round(load_time), call.lab.clock_speed, autoscaler, scrape_seconds=scrape_seconds
    )
    expected = {"autoscaler demonstration": demo_seconds(settings, call.lab)}
    with call.recording(expected=expected) as recorder:
        found, load = run_hpa_demo(call.lab, settings, recorder)
    return recorder.result(demo_lines, loadtest=load, autoscale=found)
