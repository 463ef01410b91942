"""dclab logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import typer

from dclab.cli import completion
from dclab.cli.interrupts import until_ctrl_c
from dclab.cli.options import count_option
from dclab.cli.result import Result
from dclab.cli.verb import LabCall, verb
from dclab.errors import InvalidInput


@verb
def logs(
    call: LabCall,
    deployment: Annotated[
        str | None,
        typer.Argument(
            metavar="DEPLOYMENT",
            autocompletion=completion.deployments,
            help=completion.DEPLOYMENTS,
            show_default="all of them",
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show new lines as they come, until Ctrl-C.")] = False,
    tail: Annotated[
        int, count_option("number of lines", "Number of lines of each replica.", high=100_000, metavar="LINES")
    ] = 50,
) -> Result:
    """Show the output of the replicas.

    Example: dclab logs worker -f
    """
    if follow and call.output.as_json:
        raise InvalidInput("--follow has no end, and --json prints one document at the end.", "", "Omit one of them.")
    lab = call.lab
    names = [deployment] if deployment else lab.deployments()
    if follow:
        with until_ctrl_c():
            for line in lab.follow_logs(names, tail):
                call.output.line(f"{line.replica}: {line.text}")
        return Result()
    return Result(_lines, log=[line._asdict() for name in names for line in lab.logs(name, tail)])


def _lines(log: Sequence[Mapping[str, str]]) -> Iterator[str]:
    yield from (f"{line['replica']}: {line['text']}" for line in log)
