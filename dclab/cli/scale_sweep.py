"""dclab scale-sweep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.options import SecondsOption
from dclab.cli.result import Result
from dclab.cli.values import Counts, Duration, parse_counts
from dclab.cli.verb import ExperimentCall, verb

if TYPE_CHECKING:
    from dclab.results import Sweep

__all__ = ["scale_sweep"]


@dataclass(frozen=True, kw_only=True)
class Swept(Result):
    """A sweep, and where it is kept."""

    folder: str
    sweep: Sweep

    def text(self) -> Iterator[Any]:
        """The exercise's table, and its question answered."""
        from dclab.cli.tables import sweep_lines

        yield from sweep_lines(self.sweep)
        yield f"Results: {self.folder}"


@verb
def scale_sweep(
    call: ExperimentCall,
    workers: Annotated[
        Counts,
        typer.Option(
            metavar="N,N,…",
            parser=parse_counts("number of workers"),
            help="Numbers of workers.",
        ),
    ] = Counts((1, 2, 3, 4, 5, 10)),
    seconds: SecondsOption = Duration(30),
) -> Swept:
    """Measure hashes/s at each number of workers.

    And answer the exercise's question: how much faster is it with ten times the workers, and why.

    Example: dclab scale-sweep --workers 1,2,3,4,5,10 --seconds 30
    """
    from dclab.experiments.expected import sweep_seconds
    from dclab.experiments.sweep import SweepSettings, run_sweep

    settings = SweepSettings(workers=workers, seconds=seconds)
    with call.recording(expected={"sweep": sweep_seconds(settings)}) as recorder:
        sweep = run_sweep(call.lab, settings, recorder)
    return Swept(folder=str(recorder.folder), sweep=sweep)
