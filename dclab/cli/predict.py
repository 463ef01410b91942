"""dclab predict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dclab.cli.result import Result
from dclab.cli.values import parse_count, parse_rate
from dclab.cli.verb import Call, verb

if TYPE_CHECKING:
    from dclab.measure.predict import Plan, Prediction, System

__all__ = ["predict"]


@dataclass(frozen=True, kw_only=True)
class Predicted(Result):
    """What other numbers of replicas would give."""

    system: System
    prediction: Prediction

    def text(self) -> Iterator[str]:
        """The rate with its interval, and where it comes from."""
        found, expected = self.prediction, self.prediction.hashes_per_second
        yield (
            f"{found.workers} workers and {found.rng} rng would make {expected.mean:.1f} hashes/s "
            f"(95 %: {expected.ci95_low:.1f} to {expected.ci95_high:.1f}), and never more than {found.at_most:.1f}."
        )
        yield (
            f"From a cycle of {1000 * self.system.cycle:.1f} ms a worker and {1000 * self.system.service:.1f} ms of rng a "
            "hash, as this run's sweep shows them."
        )


@dataclass(frozen=True, kw_only=True)
class Planned(Result):
    """The fewest replicas that reach a rate."""

    system: System
    wanted: float
    plan: Plan

    def text(self) -> Iterator[str]:
        """In a sentence."""
        plan = self.plan
        yield (
            f"{plan.workers} workers and {plan.rng} rng make {plan.hashes_per_second:.1f} hashes/s: no fewer replicas "
            f"in all reach {self.wanted:g}."
        )


@verb
def predict(
    call: Call,
    run: Annotated[
        Path | None, typer.Argument(help="Folder of a run.", show_default="the last one in reports/")
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            metavar="N", parser=parse_count("number of workers", high=200), help="How many workers there would be."
        ),
    ] = 10,
    rng: Annotated[int, typer.Option(metavar="N", parser=parse_count("number of rngs"), help="How many rngs.")] = 1,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="PER-SECOND",
            parser=parse_rate("rate", "hashes/s", low=0.001, high=500),
            help="Instead: the hashes/s that are wanted; prints the fewest replicas.",
        ),
    ] = None,
) -> Predicted | Planned:
    """Say what other numbers of replicas would give.

    From the model that the run's sweep bears out, and a simulation of how calls queue when each goes to a random rng. The
    sweep must have been made with one rng.

    Example: dclab predict --workers 20 --rng 4
    """
    from dclab.measure import predict as what_if
    from dclab.measure.models import fit_models
    from dclab.run_folder import latest_run, load_results

    sweep = load_results(run or latest_run()).sweep
    system = what_if.system_of(sweep, fit_models(sweep.points) if sweep else ())
    if rate is not None:
        return Planned(system=system, wanted=rate, plan=what_if.cheapest(system, rate))
    return Predicted(system=system, prediction=what_if.predict(system, workers, rng))
