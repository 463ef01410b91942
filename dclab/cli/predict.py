"""dclab predict."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dclab.cli.options import count_option, number_option
from dclab.cli.result import Result
from dclab.cli.values import MOST_SIMULATED
from dclab.cli.verb import Call, verb
from dclab.errors import InvalidInput
from dclab.measure.needs import needs_of

if TYPE_CHECKING:
    from dclab.measure.predict import Plan, Prediction, System

INSTEAD = "Instead: the hashes/s that are wanted; prints the fewest replicas."


@verb
def predict(
    call: Call,
    run: Annotated[
        Path | None, typer.Argument(help="Folder of a run.", show_default="the last one in reports/")
    ] = None,
    workers: Annotated[
        int, count_option("number of workers", "How many workers there would be.", high=MOST_SIMULATED)
    ] = 10,
    rng: Annotated[
        int, count_option("number of rngs", "How many replicas of rng there would be.", high=MOST_SIMULATED)
    ] = 1,
    hasher: Annotated[
        int, count_option("number of hashers", "How many replicas of hasher there would be.", high=MOST_SIMULATED)
    ] = 1,
    rate: Annotated[float | None, number_option("rate", "hashes/s", INSTEAD, low=0.001, high=500)] = None,
) -> Result:
    """Predict the rate for other numbers of replicas.

    Uses the model that fits the run's sweep, and a simulation of how calls queue when each goes to a random rng. The sweep must
    have been measured with one rng.

    Example: dclab predict --workers 20 --rng 4
    """
    from dclab.measure import predict as what_if
    from dclab.measure.models import fit_models
    from dclab.run_folder import latest_run, load_results

    typed = next((one for one in ("workers", "rng", "hasher") if call.from_command_line(one)), None)
    if rate is not None and typed:
        raise InvalidInput(f"--rate finds the numbers of replicas, and --{typed} sets one.", "", "Omit one of them.")
    sweep = load_results(run or latest_run()).sweep
    system = what_if.system_of(sweep, fit_models(sweep.points) if sweep else ())
    if rate is not None:
        return Result(_plan_lines, system=system, wanted=rate, plan=what_if.cheapest(system, rate))
    return Result(_lines, system=system, prediction=what_if.predict(system, workers, rng, hasher))


def _plan_lines(system: System, wanted: float, plan: Plan) -> Iterator[str]:
    yield (
        f"{plan.workers} workers and {plan.rng} rng{_with_hashers(plan.hasher)} make {plan.hashes_per_second:.1f} hashes/s; "
        f"{wanted:g} cannot be reached with fewer replicas."
    )


def _lines(system: System, prediction: Prediction) -> Iterator[str]:
    rate = prediction.hashes_per_second
    yield (
        f"{prediction.workers} workers and {prediction.rng} rng{_with_hashers(prediction.hasher)} would make {rate.mean:.1f} hashes/s (95 %: "
        f"{rate.ci95_low:.1f} to {rate.ci95_high:.1f}), and never more than {prediction.at_most:.1f}."
    )
    yield (
        f"By this run's sweep a worker takes {1000 * system.cycle:.1f} ms for a hash, of which rng takes {1000 * system.service:.1f} ms."
    )
    yield str(needs_of(prediction.workers))
    yield from _resources(prediction)


def _with_hashers(count: int) -> str:
    """Words for more than the one that there usually is."""
    return f", with {count} hasher," if count > 1 else ""


def _resources(found: Prediction) -> Iterator[str]:
    """What these replicas take of a machine, and ask a cluster for."""
    from dclab import manifests
    from dclab.engines.embedded.room import HASH_CPU_SECONDS, REPLICA_MB

    counts = {"worker": found.workers, "rng": found.rng, "hasher": found.hasher}
    cores = found.hashes_per_second.mean * HASH_CPU_SECONDS
    yield (
        f"On the embedded engine they take about {sum(counts.values()) * REPLICA_MB / 1000:.1f} GB of memory and {cores:.1f} "
        "cores."
    )
    objects = manifests.of_kind(manifests.load(), "Deployment")
    asked = [(counts[one.name], one) for each in objects if (one := manifests.workload(each)).name in counts]
    yield (
        f"On Kubernetes they ask for {sum(n * one.cpu_request_millicores for n, one in asked) / 1000:.1f} cores and "
        f"{sum(n * (one.resources.memory_request_mib or 0.0) for n, one in asked) / 1024:.1f} GiB, in {sum(counts.values())} pods."
    )
