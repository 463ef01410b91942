"""dclab latency."""

from __future__ import annotations

from typing import Annotated

import typer

from dclab.cli.options import (
    EngineOption,
    JsonOption,
    NameOption,
    OutOption,
    QuietOption,
    VerboseOption,
    parse_count,
    parse_targets,
)
from dclab.cli.session import recording, session

__all__ = ["latency"]


def latency(
    target: Annotated[list[str] | None, typer.Option(help="rng or hasher; may be given twice.")] = None,
    count: Annotated[str, typer.Option(help="How many requests of each kind.")] = "15",
    workers: Annotated[str, typer.Option(help="How many workers run meanwhile.")] = "10",
    name: NameOption = "dclab",
    engine: EngineOption = "auto",
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Measure rng and hasher; name the bottleneck.

    Each is asked as httping asks (GET / on a fresh connection) and as the workers call it.

    Example: dclab latency --target rng --target hasher --count 15
    """
    with session("latency", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.cli.tables import bottleneck_lines, latency_lines
        from dclab.engines.choose import find_lab
        from dclab.experiments.bottleneck import find_bottleneck
        from dclab.experiments.exercise import cpu_per_replica
        from dclab.experiments.latency import LatencySettings, run_latency
        from dclab.run_folder import new_folder

        settings = LatencySettings(
            targets=parse_targets(target or ["rng", "hasher"]),
            count=parse_count(count, "number of requests", high=10_000),
            workers=parse_count(workers, "number of workers"),
        )
        lab, choice = find_lab(name, engine)
        folder = new_folder(out, lab.engine)
        command = f"dclab latency --target {' --target '.join(settings.targets)} --count {count} --workers {workers}"
        with recording(output, lab, choice.reason, folder, command=command) as recorder:
            found = run_latency(lab, settings, recorder)
            bottleneck = find_bottleneck(found, cpu=cpu_per_replica(lab, settings.targets))
            recorder.keep(bottleneck=bottleneck)
        output.show(*latency_lines(found), *bottleneck_lines(bottleneck), f"Results: {folder}")
        output.result({"folder": str(folder), "latency": found, "bottleneck": bottleneck})
