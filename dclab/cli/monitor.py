"""dclab monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from dclab.cli.options import KUBE, AddressOption, duration_option
from dclab.cli.result import Result
from dclab.cli.values import Duration
from dclab.cli.verb import ExperimentCall, verb

if TYPE_CHECKING:
    from dclab.engines.kube.lab.client import KubeLab


@verb
def monitor(
    call: ExperimentCall,
    seconds: Annotated[Duration, duration_option("time to follow", "How long to follow.", low=5)] = Duration(30),
    window: Annotated[
        Duration, duration_option("window", "The expression's window (the exercise: 2m).", low=5)
    ] = Duration(120),
    keep: Annotated[
        bool, typer.Option("--keep", help="Then keep Prometheus' page reachable for other commands, until Ctrl-C.")
    ] = False,
    address: AddressOption = None,
    prometheus: Annotated[
        Literal["manifest", "helm"] | None,
        typer.Option(help="How to install Prometheus.", show_default="the one that is there, or manifest"),
        KUBE,
    ] = None,
    chart: Annotated[
        str | None,
        typer.Option(
            metavar="CHART",
            help="Chart for helm: a folder, an archive or a reference.",
            show_default="prometheus-community's",
        ),
        KUBE,
    ] = None,
) -> Result:
    """Follow latencies with the exercise's PromQL.

    Uses Prometheus where it is installed, and leaves it running with the lab; otherwise reads the exporters.

    Example: dclab monitor --seconds 30s
    """
    from dclab.cli.page import Page
    from dclab.cli.tables import monitoring_lines
    from dclab.experiments.monitoring import follow, query, watch_latency

    lab, output = call.lab, call.output
    if prometheus or chart:
        from dclab.engines.kube.lab.prometheus import ensure_prometheus, parse_source

        source = parse_source(prometheus, chart)
        output.step(f"Prometheus from {'a chart' if source.kind == 'helm' else 'our manifest'}")
        ensure_prometheus(cast("KubeLab", lab).api, lab.name, source)
    url = lab.prometheus_url()
    page = Page(lab, url, address) if url else None
    if page:
        output.note(f"Prometheus: {page.url}/graph")
        page.explain(output, "/graph")
        output.note(f"PromQL: {query(str(window))}")
    with call.recording(holds=False) as recorder:
        found = follow(watch_latency(lab, window), seconds, recorder)
    if page and keep:
        call.afterwards(lambda: page.stay(output))
    return recorder.result(monitoring_lines, prometheus=page.url if page else None, monitoring=found)
