"""dclab predict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dclab.cli.options import JsonOption, QuietOption, VerboseOption, parse_count
from dclab.cli.session import session
from dclab.errors import InvalidInput

__all__ = ["predict"]


def predict(
    run: Annotated[Path | None, typer.Argument(help="A run's folder; the last one in reports/ if left away.")] = None,
    workers: Annotated[str, typer.Option(help="How many workers there would be.")] = "10",
    rng: Annotated[str, typer.Option(help="How many rngs.")] = "1",
    rate: Annotated[
        str | None, typer.Option(help="Instead: the hashes/s that are wanted; prints the fewest replicas.")
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Say what other numbers of replicas would give.

    From the model that the run's sweep bears out, and a simulation of how calls queue when each goes to a random rng. The
    sweep must have been made with one rng.

    Example: dclab predict --workers 20 --rng 4
    """
    with session("predict", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.measure import predict as what_if
        from dclab.measure.models import fit_models
        from dclab.run_folder import latest_run, load_results

        counts = parse_count(workers, "number of workers", high=200), parse_count(rng, "number of rngs")
        wanted = _rate(rate) if rate is not None else None
        sweep = load_results(run or latest_run()).sweep
        system = what_if.system_of(sweep, fit_models(sweep.points) if sweep else ())
        if wanted is not None:
            plan = what_if.cheapest(system, wanted)
            output.show(
                f"{plan.workers} workers and {plan.rng} rng make {plan.hashes_per_second:.1f} hashes/s: no fewer replicas "
                f"in all reach {wanted:g}."
            )
            output.result({"system": system, "wanted": wanted, "plan": plan})
            return
        found = what_if.predict(system, *counts)
        expected = found.hashes_per_second
        output.show(
            f"{found.workers} workers and {found.rng} rng would make {expected.mean:.1f} hashes/s "
            f"(95 %: {expected.ci95_low:.1f} to {expected.ci95_high:.1f}), and never more than {found.at_most:.1f}.",
            f"From a cycle of {1000 * system.cycle:.1f} ms a worker and {1000 * system.service:.1f} ms of rng a hash, as "
            "this run's sweep shows them.",
        )
        output.result({"system": system, "prediction": found})


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 500:
        raise InvalidInput(f"{text!r} is not a possible rate.", "It must be a number of hashes/s up to 500.")
    return value
