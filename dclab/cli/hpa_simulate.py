"""dclab hpa-simulate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.options import Metric, ScrapeOption, SloOption, count_option
from dclab.cli.result import Result
from dclab.cli.values import MOST_SIMULATED
from dclab.cli.verb import Call, verb
from dclab.errors import InvalidInput

if TYPE_CHECKING:
    from dclab.results import Comparison, Results


@verb
def hpa_simulate(
    call: Call,
    hpa: Annotated[
        list[Path] | None,
        typer.Argument(metavar="HPA.yaml", help="Autoscalers of rng.", show_default="dclab's six"),
    ] = None,
    tune: Annotated[
        Metric | None,
        typer.Option(help="Instead: find the best target, windows and policies for an autoscaler on this metric."),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Simulate what this run of hpa-compare or hpa-demo measured, and show both.",
        ),
    ] = None,
    workers: Annotated[
        int, count_option("number of workers", "How many workers run meanwhile.", high=MOST_SIMULATED)
    ] = 10,
    slo: SloOption = 100.0,
    scrape_seconds: ScrapeOption = 10.0,
) -> Result:
    """Predict in seconds how autoscalers follow a demand.

    Simulates hpa-compare ten times with different random numbers: the same demand (workers in steps, and the exercise's siege), the
    same scores, and the delays of scrapes, rates and starting pods.

    Example: dclab hpa-simulate my-hpa.yaml
    """
    from dclab.elasticity.closed_loop import Conditions
    from dclab.elasticity.metrics import METRICS
    from dclab.elasticity.profile import usual_profile
    from dclab.elasticity.simulate import TARGET, compare_simulated
    from dclab.experiments.autoscalers import from_files, shipped_for

    _check(call, hpa or (), tune, run)
    if run is not None:
        return _beside(call, run, slo)
    if tune is not None:
        return _tuned(call, tune.value, workers, slo, scrape_seconds)
    candidates = from_files(hpa, TARGET) if hpa else shipped_for(TARGET, METRICS)
    conditions = Conditions(
        profile=usual_profile(workers, max(one.window for one in candidates)),
        slo_ms=slo,
        scrape_seconds=scrape_seconds,
    )
    found = compare_simulated(candidates, conditions, progress=call.output.step)
    return Result(_lines, comparison=found, measured=False)


def _check(call: Call, hpa: Sequence[Path], tune: Metric | None, run: Path | None) -> None:
    """Raise InvalidInput for what has no meaning together."""
    if tune is not None and (hpa or run):
        raise InvalidInput("--tune makes its own autoscaler.", "", "Omit the HPA files and --run.")
    if run is not None and hpa:
        raise InvalidInput("--run simulates the run's own autoscalers.", "", "Omit the HPA files, or --run.")
    for name in ("workers", "scrape_seconds"):
        if run is not None and call.from_command_line(name):
            flag = name.replace("_", "-")
            raise InvalidInput(f"--{flag} has no meaning with --run.", "The run says what it was.", f"Omit --{flag}.")


def _tuned(call: Call, metric: str, workers: int, slo: float, scrape_seconds: float) -> Result:
    from dclab.elasticity.closed_loop import Conditions
    from dclab.elasticity.profile import usual_profile
    from dclab.elasticity.tune import LONGEST_WINDOW, tune

    conditions = Conditions(profile=usual_profile(workers, LONGEST_WINDOW), slo_ms=slo, scrape_seconds=scrape_seconds)
    tried = tune(metric, conditions, lambda done, total: call.output.step(f"tuning {metric}: run {done} of {total}"))
    costs = [{"spec": one.manifest["spec"], "cost": one.cost, "runs": len(one.runs)} for one in tried]
    return Result(_tuned_lines, metric=metric, manifest=tried[0].manifest, tried=costs)


def _tuned_lines(metric: str, manifest: Mapping[str, Any], tried: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    import yaml

    best = tried[0]
    yield (
        f"# On {metric}: the cheapest of {len(tried)} candidates, at {best['cost']:.2f} replicas over {best['runs']} runs of "
        "the simulation."
    )
    yield yaml.safe_dump(manifest, sort_keys=False).rstrip()


def _beside(call: Call, folder: Path, slo: float) -> Result:
    """Simulate each autoscaler of a run under the demand that it had."""
    from dclab.elasticity.closed_loop import POD_START
    from dclab.elasticity.simulate import predict_run
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
        runs.append(
            replace(one, predicted=prediction.scores, spread=one.spread or prediction.spread) if prediction else one
        )
    return Result(_lines, comparison=replace(found, runs=tuple(runs)), measured=True)


def _recorded(call: Call, results: Results, folder: Path, slo: float) -> Comparison:
    """Return the comparison of a run, or its demonstration as one.

    Raises:
        InvalidInput: it has neither; or --slo was given, and it has an objective of its own.
    """
    from dclab.elasticity.recorded import demonstrated

    if results.comparison is not None:
        if call.from_command_line("slo"):
            raise InvalidInput("--slo has no meaning with this run.", "It has an objective of its own.", "Omit --slo.")
        return results.comparison
    found = demonstrated(results, slo)
    if found is None:
        raise InvalidInput(
            f"{folder} has no autoscaler's run.",
            "It holds neither a comparison nor a demonstration.",
            "Name a run of `dclab hpa-compare` or `dclab hpa-demo`.",
        )
    return found


def _lines(comparison: Comparison, measured: bool) -> Iterator[Any]:
    from dclab.cli.score_table import comparison_lines, score_tables

    if not measured:
        repeats = max((one.spread["cost"].repeats for one in comparison.runs if "cost" in one.spread), default=1)
        yield f"Simulated {repeats} times each: scores are means, and where one settled is that of its median run."
        runs = tuple(replace(one, scores=one.predicted or one.scores) for one in comparison.runs)
        yield from comparison_lines(replace(comparison, runs=runs))
        return
    rows = []
    for one in comparison.runs:
        rows.append((f"{one.name}, measured", one.scores))
        if one.predicted is not None:
            rows.append((f"{one.name}, simulated", one.predicted))
    yield from score_tables(rows)
