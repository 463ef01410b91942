"""dclab logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from dclab.cli import completion
from dclab.cli.result import Result
from dclab.cli.values import parse_count
from dclab.cli.verb import LabCall, verb
from dclab.errors import InvalidInput

__all__ = ["logs"]


@dataclass(frozen=True, kw_only=True)
class Logs(Result):
    """The last lines of replicas' logs."""

    log: Sequence[Mapping[str, str]]
    """Lines with the name of their `replica` and their `text`."""

    def text(self) -> Iterator[str]:
        """Each behind its replica's name."""
        yield from (_shown(**line) for line in self.log)


def _shown(replica: str, text: str) -> str:
    return f"{replica}: {text}"


@verb
def logs(
    call: LabCall,
    deployment: Annotated[
        str | None,
        typer.Argument(
            metavar="DEPLOYMENT",
            autocompletion=completion.deployments,
            help="worker, rng, hasher, redis, webui or an httplat.",
            show_default="all of them",
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines, until Ctrl-C.")] = False,
    tail: Annotated[
        int, typer.Option(metavar="LINES", parser=parse_count("number of lines", high=100_000), help="Of each replica.")
    ] = 50,
) -> Logs:
    """Show what the replicas have printed.

    Example: dclab logs worker -f
    """
    if follow and call.output.as_json:
        raise InvalidInput("--follow has no end, and --json prints one document at the end.", "", "Omit one of them.")
    lab = call.lab
    names = [deployment] if deployment else lab.deployments()
    if follow:
        for line in lab.follow_logs(names, tail):
            call.output.line(_shown(*line))
    return Logs(log=[line._asdict() for name in names for line in lab.logs(name, tail)])
