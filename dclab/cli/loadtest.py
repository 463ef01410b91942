"""dclab loadtest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.options import Target, TargetOption
from dclab.cli.result import Result
from dclab.cli.values import Duration, parse_count, parse_duration, parse_path
from dclab.cli.verb import ExperimentCall, verb

if TYPE_CHECKING:
    from dclab.results import LoadTest

__all__ = ["loadtest"]

MOST_USERS = 255
"""siege's own limit without a change of its configuration."""


@dataclass(frozen=True, kw_only=True)
class Loaded(Result):
    """A load test, and where it is kept."""

    folder: str
    loadtest: LoadTest

    def text(self) -> Iterator[Any]:
        """The generator's summary."""
        from dclab.cli.tables import load_lines

        yield from load_lines(self.loadtest)
        yield f"Results: {self.folder}"


@verb
def loadtest(
    call: ExperimentCall,
    target: TargetOption = Target.RNG,
    concurrent: Annotated[
        int,
        typer.Option(
            metavar="N",
            parser=parse_count("number of users", high=MOST_USERS),
            help="Users at the same time, without think time.",
        ),
    ] = 15,
    time: Annotated[Duration, typer.Option(metavar="TIME", parser=parse_duration("time"), help="How long.")] = Duration(
        240
    ),
    path: Annotated[
        str,
        typer.Option(
            metavar="PATH", parser=parse_path, help="What they ask for: / answers at once, /32 takes 0.1 s of rng."
        ),
    ] = "/",
) -> Loaded:
    """Run siege against a service, and read its summary.

    Example: dclab loadtest --target rng --concurrent 15 --time 4m --path /
    """
    from dclab.experiments.loadtest import run_loadtest
    from dclab.lab import LoadSpec

    spec = LoadSpec(target=target, path=path, concurrent=concurrent, seconds=round(time))
    with call.recording() as recorder:
        found = run_loadtest(call.lab, spec, recorder)
    return Loaded(folder=str(recorder.folder), loadtest=found)
