"""dclab loadtest."""

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
    parse_path,
    parse_target,
)
from dclab.cli.session import recording, session

__all__ = ["MOST_USERS", "loadtest"]

MOST_USERS = 255
"""siege's own limit without a change of its configuration."""


def loadtest(
    target: Annotated[str, typer.Option(help="rng or hasher.")] = "rng",
    concurrent: Annotated[str, typer.Option(help="Users at the same time, without think time.")] = "15",
    time: Annotated[str, typer.Option(help="How long.")] = "4m",
    path: Annotated[str, typer.Option(help="What they ask for: / answers at once, /32 takes 0.1 s of rng.")] = "/",
    name: NameOption = None,
    engine: EngineOption = "auto",
    context: ContextOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Lay siege to a service and read siege's summary.

    Example: dclab loadtest --target rng --concurrent 15 --time 4m --path /
    """
    with session("loadtest", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.cli.tables import load_lines
        from dclab.engines.choose import find_lab
        from dclab.experiments.loadtest import run_loadtest
        from dclab.lab import LoadSpec
        from dclab.run_folder import new_folder

        spec = LoadSpec(
            target=parse_target(target),
            path=parse_path(path),
            concurrent=parse_count(concurrent, "number of users", high=MOST_USERS),
            seconds=round(parse_duration(time, "time")),
        )
        lab, choice = find_lab(name, engine, context)
        folder = new_folder(out, lab.engine)
        command = f"dclab loadtest --target {target} --concurrent {concurrent} --time {time} --path {path}"
        with recording(output, lab, choice.reason, folder, command=command) as recorder:
            found = run_loadtest(lab, spec, recorder)
        output.show(*load_lines(found), f"Results: {folder}")
        output.result({"folder": str(folder), "loadtest": found})
