"""dclab hpa-demo."""

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
    parse_count,
    parse_duration,
    parse_target,
)
from dclab.cli.session import recording, session

__all__ = ["hpa_demo"]


def hpa_demo(
    target: Annotated[str, typer.Option(help="rng or hasher.")] = "rng",
    workers: Annotated[str, typer.Option(help="How many workers run meanwhile.")] = "10",
    load_time: Annotated[str, typer.Option(help="How long the siege lasts (the exercise: 4m).")] = "4m",
    name: NameOption = None,
    engine: EngineOption = "auto",
    context: ContextOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Show the autoscaler at work under a siege.

    From the baseline over the siege and its end until the autoscaler has come to rest.

    Example: dclab hpa-demo --target rng --workers 10
    """
    with session("hpa-demo", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.cli.tables import autoscale_lines, load_lines
        from dclab.engines.choose import find_lab
        from dclab.experiments.expected import demo_seconds
        from dclab.experiments.hpa_demo import demo_settings, run_hpa_demo
        from dclab.run_folder import new_folder

        chosen = parse_target(target)
        count = parse_count(workers, "number of workers")
        seconds = round(parse_duration(load_time, "time of the siege", low=5))
        lab, choice = find_lab(name, engine, context)
        settings = demo_settings(chosen, count, seconds, lab.clock_speed)
        folder = new_folder(out, lab.engine)
        command = f"dclab hpa-demo --target {target} --workers {workers} --load-time {load_time}"
        expected = {"autoscaler demonstration": demo_seconds(settings, lab)}
        with recording(output, lab, choice.reason, folder, command=command, expected=expected) as recorder:
            found, load = run_hpa_demo(lab, settings, recorder)
        output.show(*load_lines(load), *autoscale_lines(found), f"Results: {folder}")
        output.result({"folder": str(folder), "loadtest": load, "autoscale": found})
