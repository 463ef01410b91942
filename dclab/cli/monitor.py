"""dclab monitor."""

from __future__ import annotations

from typing import Annotated

import typer

from dclab.cli.options import (
    ContextOption,
    EngineOption,
    JsonOption,
    NameOption,
    OutOption,
    QuietOption,
    VerboseOption,
    parse_duration,
)
from dclab.cli.session import recording, session

__all__ = ["monitor"]


def monitor(
    seconds: Annotated[str, typer.Option(help="How long to follow.")] = "30s",
    window: Annotated[str, typer.Option(help="The expression's window (the exercise: 2m).")] = "2m",
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
        from dclab.cli.remote import tunnel
        from dclab.cli.tables import monitoring_lines
        from dclab.engines.choose import find_lab
        from dclab.experiments.monitoring import follow, query, watch_latency
        from dclab.run_folder import new_folder

        duration = parse_duration(seconds, "time to follow", low=5)
        span = parse_duration(window, "window", low=5)
        lab, choice = find_lab(name, engine, context)
        folder = new_folder(out, lab.engine)
        url = lab.prometheus_url()
        command = f"dclab monitor --seconds {seconds} --window {window}"
        if url:
            output.show(f"Prometheus: {url}/graph", f"PromQL: {query(window)}")
            if line := tunnel(f"{url}/graph"):
                output.show(f"From your own machine: {line}")
        else:
            output.show("Prometheus is not installed (`dclab doctor` says how); reading the exporters themselves.")
        with recording(output, lab, choice.reason, folder, command=command) as recorder:
            found = follow(watch_latency(lab, span), duration, recorder)
        output.show(*monitoring_lines(found), f"Results: {folder}")
        output.result({"folder": str(folder), "prometheus": url, "monitoring": found})
