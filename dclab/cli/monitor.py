"""dclab monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dclab.cli.options import (
    AddressOption,
    ContextOption,
    EngineOption,
    JsonOption,
    NameOption,
    OutOption,
    QuietOption,
    VerboseOption,
    parse_address,
    parse_duration,
)
from dclab.cli.session import recording, session

if TYPE_CHECKING:
    from dclab.engines.kube.lab.prometheus import Source
    from dclab.lab import Lab
    from dclab.output import Output

__all__ = ["monitor"]


def monitor(
    seconds: Annotated[str, typer.Option(help="How long to follow.")] = "30s",
    window: Annotated[str, typer.Option(help="The expression's window (the exercise: 2m).")] = "2m",
    keep: Annotated[
        bool, typer.Option("--keep", help="Then keep Prometheus' page reachable for other commands, until Ctrl-C.")
    ] = False,
    address: AddressOption = None,
    prometheus: Annotated[
        str | None,
        typer.Option(help="On Kubernetes: manifest or helm.", show_default="the one that is there, or manifest"),
    ] = None,
    chart: Annotated[
        str | None,
        typer.Option(help="For helm: folder, archive or reference of a chart.", show_default="prometheus-community's"),
    ] = None,
    name: NameOption = None,
    engine: EngineOption = "auto",
    context: ContextOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Follow latencies with the exercise's PromQL.

    Prometheus stays up afterwards, for its own page; without it the exporters are read.

    Example: dclab monitor --seconds 30s
    """
    with session("monitor", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.cli.page import Page
        from dclab.cli.tables import monitoring_lines
        from dclab.engines.choose import find_lab
        from dclab.experiments.monitoring import follow, query, watch_latency
        from dclab.run_folder import new_folder

        duration = parse_duration(seconds, "time to follow", low=5)
        span = parse_duration(window, "window", low=5)
        listen = parse_address(address)
        source = _source(prometheus, chart)
        lab, choice = find_lab(name, engine, context)
        if source:
            _install(output, lab, source)
        folder = new_folder(out, lab.engine)
        url = lab.prometheus_url()
        page = Page(lab, url, listen) if url else None
        command = f"dclab monitor --seconds {seconds} --window {window}"
        if page:
            page.show(output, "/graph", label="Prometheus: ")
            output.show(f"PromQL: {query(window)}")
        else:
            output.show("Prometheus is not installed (`dclab doctor` says how); reading the exporters themselves.")
        with recording(output, lab, choice.reason, folder, command=command) as recorder:
            found = follow(watch_latency(lab, span), duration, recorder)
        output.show(*monitoring_lines(found), f"Results: {folder}")
        output.result({"folder": str(folder), "prometheus": page.url if page else None, "monitoring": found})
        if page and keep:
            page.keep(output)


def _source(kind: str | None, chart: str | None) -> Source | None:
    """Where Prometheus is wanted from; None when the user does not care."""
    if kind is None and chart is None:
        return None
    from dclab.engines.kube.lab.prometheus import parse_source

    return parse_source(kind, chart)


def _install(output: Output, lab: Lab, source: Source) -> None:
    from dclab.engines.kube.lab.client import KubeLab
    from dclab.engines.kube.lab.prometheus import ensure_prometheus
    from dclab.errors import InvalidInput

    if not isinstance(lab, KubeLab):
        raise InvalidInput(
            "The embedded engine's Prometheus is the one that is installed on this machine.",
            "--prometheus and --chart are for a cluster.",
            "Leave them out, or use --engine kube.",
        )
    output.step(f"Prometheus from {'a chart' if source.kind == 'helm' else 'our manifest'}")
    ensure_prometheus(lab.api, lab.name, source)
