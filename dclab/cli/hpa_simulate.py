"""dclab hpa-simulate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.options import WorkersOption, duration_option, number_option
from dclab.cli.result import Result
from dclab.cli.values import Duration
from dclab.cli.verb import Call, verb
from dclab.errors import InvalidInput

if TYPE_CHECKING:
    from dclab.elasticity.closed_loop import Conditions
    from dclab.elasticity.simulate import Candidate
    from dclab.elasticity.tune import Tried
    from dclab.results import AutoscalerRun, Comparison, Results


class Metric(StrEnum):
    """What an autoscaler scales on."""

    CPU = "cpu"
    LATENCY = "latency"
    REQUESTS = "requests"
    INFLIGHT = "inflight"


@verb
def hpa_simulate(
    call: Call,
    hpa: Annotated[
        list[Path] | None,
        typer.Argument(metavar="HPA.yaml", help="Autoscalers to compare.", show_default="the six that dclab has"),
    ] = None,
    tune: Annotated[
        Metric | None, typer.Option(help="Instead: find the best figures for an autoscaler on this metric.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Take the demand, and the autoscalers, from this run of hpa-compare or hpa-demo; shows predicted beside measured.",
        ),
    ] = None,
    workers: WorkersOption = 10,
    slo: Annotated[
        float, number_option("objective", "ms", "Longest mean wait of a worker's call.", low=1, high=10_000, metavar="MS")
    ] = 100.0,
    scrape_seconds: Annotated[
        Duration, duration_option("scrape period", "Between two scrapes of the metrics; rates are taken over three.")
    ] = Duration(10),
) -> Result:
    """Predict in seconds how autoscalers follow a demand.

    The demand of hpa-compare (workers in steps, and the exercise's siege) on a simulated DockerCoins, with the delays of
    scrapes, rates and starting pods, ten times with other random numbers. The scores are those of hpa-compare.

    Example: dclab hpa-simulate my-hpa.yaml
    """
    from dclab.elasticity.closed_loop import Conditions
    from dclab.elasticity.profile import usual_profile
    from dclab.elasticity.simulate import compare_simulated, shipped

    _check(call, hpa, tune, run)
    if tune is not None:
        from dclab.elasticity.tune import LONGEST_WINDOW

        conditions = Conditions(
            profile=usual_profile(workers, LONGEST_WINDOW), slo_ms=slo, scrape_seconds=scrape_seconds
        )
        return _tuned(call, tune.value, conditions)
    candidates = [_candidate(one, hpa or []) for one in hpa or []]
    if run is not None:
        return Result(_lines, comparison=_beside(call, run, slo, candidates), measured=True)
    candidates = candidates or shipped()
    conditions = Conditions(
        profile=usual_profile(workers, _window(candidates)), slo_ms=slo, scrape_seconds=scrape_seconds
    )
    return Result(
        _lines, comparison=compare_simulated(candidates, conditions, progress=call.output.step), measured=False
    )


def _check(call: Call, hpa: Sequence[Path] | None, tune: Metric | None, run: Path | None) -> None:
    """Raise InvalidInput for what has no meaning together."""
    if tune is not None and (hpa or run):
        raise InvalidInput("--tune makes an autoscaler of its own.", "", "Omit the HPA files and --run.")
    for name in ("workers", "scrape_seconds"):
        if run is not None and call.from_command_line(name):
            flag = name.replace("_", "-")
            raise InvalidInput(f"--{flag} has no meaning with --run.", "The run says what it was.", f"Omit --{flag}.")


def _candidate(file: Path, all_files: Sequence[Path]) -> Candidate:
    from dclab.autoscaler import parse_autoscaler
    from dclab.cli.hpa_file import read_autoscaler
    from dclab.elasticity.simulate import Candidate, check_simulated

    manifest = read_autoscaler(file)
    check_simulated(parse_autoscaler(manifest))
    alone = sum(one.name == file.name for one in all_files) == 1
    if all_files.count(file) > 1:
        raise InvalidInput(f"{file} is named twice.", "Each autoscaler is simulated once.", "Omit the second one.")
    return Candidate(file.name if alone else str(file), manifest, "file")


def _window(candidates: Sequence[Candidate]) -> float:
    from dclab.autoscaler import parse_autoscaler
    from dclab.elasticity.settling import longest_window

    return max(longest_window(parse_autoscaler(one.manifest)) for one in candidates)


def _tuned(call: Call, metric: str, conditions: Conditions) -> Result:
    from dclab.elasticity.tune import tune

    tried = tune(
        metric, conditions, lambda done, total: call.output.step(f"simulated {done} of {total} runs of {metric}")
    )
    return Result(_tuned_lines, metric=metric, manifest=tried[0].manifest, cost=tried[0].cost, tried=_costs(tried))


def _costs(tried: Sequence[Tried]) -> list[dict[str, Any]]:
    return [{"spec": one.manifest["spec"], "cost": one.cost, "runs": len(one.runs)} for one in tried]


def _tuned_lines(metric: str, manifest: Mapping[str, Any], cost: float, tried: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    import yaml

    yield f"# On {metric}: the cheapest of {len(tried)} that were simulated, with a cost of {cost:.2f} replicas."
    yield yaml.safe_dump(manifest, sort_keys=False).rstrip()


def _beside(call: Call, folder: Path, slo: float, candidates: Sequence[Candidate]) -> Comparison:
    """Return the comparison of a recorded run with what the simulation makes of each autoscaler, and of these files."""
    from dclab.elasticity.closed_loop import POD_START
    from dclab.elasticity.simulate import predict_run, predicted_run
    from dclab.run_folder import load_results

    results = load_results(folder)
    found = _recorded(call, results, folder, slo)
    runs = []
    for one in found.runs:
        call.output.step(f"simulating {one.name}")
        prediction = predict_run(
            one.manifest,
            one.demand,
            one.seconds,
            slo_ms=found.slo_ms,
            clock_speed=found.clock_speed,
            scrape_seconds=found.scrape_seconds,
            pod_start=POD_START[results.engine],
        )
        runs.append(replace(one, predicted=prediction and prediction.scores))
    return replace(found, runs=tuple(runs))


def _recorded(call: Call, results: Results, folder: Path, slo: float) -> Comparison:
    from dclab.elasticity.recorded import demonstrated
    from dclab.results import Comparison

    if results.comparison is not None:
        if call.from_command_line("slo"):
            raise InvalidInput("--slo has no meaning with this run.", "It was compared with its own.", "Omit --slo.")
        return results.comparison
    demo = results.autoscale
    run = demo and demonstrated(demo, results.loadtest.concurrent if results.loadtest else 0, slo)
    if demo is None or run is None:
        raise InvalidInput(
            f"{folder} has no autoscaler's run.",
            "It holds neither a comparison nor a demonstration.",
            "Name a run of `dclab hpa-compare` or `dclab hpa-demo`.",
        )
    return Comparison(
        target=demo.target, slo_ms=slo, clock_speed=demo.clock_speed, scrape_seconds=10.0, runs=(run,)
    )


def _lines(comparison: Comparison, measured: bool) -> Iterator[Any]:
    from dclab.cli.scores import score_table

    rows = []
    for one in comparison.runs:
        if measured:
            rows.append((f"{one.name}, measured", one.scores))
        if one.predicted is not None:
            rows.append((f"{one.name}, predicted" if measured else one.name, one.predicted))
    yield score_table(rows)
