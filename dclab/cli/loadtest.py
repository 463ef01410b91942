"""dclab loadtest."""

from __future__ import annotations

from typing import Annotated

import typer

from dclab.cli.options import Target, TargetOption, count_option, duration_option
from dclab.cli.result import Result
from dclab.cli.values import Duration, parse_path
from dclab.cli.verb import ExperimentCall, verb

MOST_USERS = 255
"""siege's own limit without a change of its configuration."""


@verb
def loadtest(
    call: ExperimentCall,
    target: TargetOption = Target.RNG,
    concurrent: Annotated[
        int, count_option("number of users", "Users at the same time, without think time.", high=MOST_USERS)
    ] = 15,
    time: Annotated[Duration, duration_option("time", "How long the load test lasts.")] = Duration(240),
    path: Annotated[
        str,
        typer.Option(
            metavar="PATH", parser=parse_path, help="Path to request: rng answers / at once, and /32 after 0.1 s."
        ),
    ] = "/",
) -> Result:
    """Run siege against a service, and read its summary.

    Example: dclab loadtest --target rng --concurrent 15 --time 4m --path /
    """
    from dclab.cli.tables import load_lines
    from dclab.experiments.loadtest import run_loadtest
    from dclab.lab import LoadSpec

    spec = LoadSpec(target=target.value, path=path, concurrent=concurrent, seconds=round(time))
    with call.recording() as recorder:
        found = run_loadtest(call.lab, spec, recorder)
    return recorder.result(load_lines, loadtest=found)
