"""dclab scale-sweep."""

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
    parse_counts,
    parse_duration,
)
from dclab.cli.session import recording, session

__all__ = ["scale_sweep"]


def scale_sweep(
    workers: Annotated[str, typer.Option(help="Numbers of workers, with commas between them.")] = "1,2,3,4,5,10",
    seconds: Annotated[str, typer.Option(help="Longest time to sample each; less, once ±2 % are reached.")] = "30s",
    name: NameOption = None,
    engine: EngineOption = "auto",
    context: ContextOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Measure hashes/s at each number of workers.

    And answer the exercise's question: how much faster is it with ten times the workers, and why.

    Example: dclab scale-sweep --workers 1,2,3,4,5,10 --seconds 30
    """
    with session("scale-sweep", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.cli.tables import sweep_lines
        from dclab.engines.choose import find_lab
        from dclab.experiments.expected import sweep_seconds
        from dclab.experiments.sweep import SweepSettings, run_sweep
        from dclab.run_folder import new_folder

        settings = SweepSettings(
            workers=parse_counts(workers, "number of workers"), seconds=parse_duration(seconds, "time to sample", low=3)
        )
        lab, choice = find_lab(name, engine, context)
        folder = new_folder(out, lab.engine)
        command = f"dclab scale-sweep --workers {workers} --seconds {seconds}"
        expected = {"sweep": sweep_seconds(settings)}
        with recording(output, lab, choice.reason, folder, command=command, expected=expected) as recorder:
            sweep = run_sweep(lab, settings, recorder)
        output.show(*sweep_lines(sweep), f"Results: {folder}")
        output.result({"folder": str(folder), "sweep": sweep})
