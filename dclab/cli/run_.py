"""dclab run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.options import ImagesOption, LanguageOption, YesOption, duration_option
from dclab.cli.result import Result
from dclab.cli.values import Duration
from dclab.cli.verb import ExperimentCall, verb
from dclab.errors import DclabError

if TYPE_CHECKING:
    from dclab.lab import Lab
    from dclab.results import Results

QUICK_CLOCK = 12.0


@verb
def run(
    call: ExperimentCall,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="In about 75 s on the embedded engine: fewer changes and requests, the autoscaler's clock ×12, all labelled.",
        ),
    ] = False,
    load_time: Annotated[
        Duration | None,
        duration_option(
            "time of the load test",
            "How long the load test lasts.",
            low=5,
            default="4m; with --quick 8s, on Kubernetes 90s",
        ),
    ] = None,
    images: ImagesOption = "build",
    yes: YesOption = False,
    language: LanguageOption = "en",
) -> Result:
    """Do the whole exercise and write its report.

    Sweep, latency, proof, load test, autoscaler, monitoring.

    Uses the running lab if there is one and leaves it running; otherwise starts one and stops it afterwards.

    Example: dclab run --quick
    """
    from dclab.cli.start import KubeOptions, start_lab
    from dclab.engines.embedded.wire import Settings
    from dclab.report.write import write_report
    from dclab.run_folder import drop_unused, new_folder

    faster = quick and call.place == "embedded"
    usual = 240 if not quick else 8 if faster else 90
    settings = Settings(name=call.name, clock_speed=QUICK_CLOCK if faster else 1.0)
    folder = new_folder(call.out, call.choice.engine)
    try:
        lab, started = start_lab(call, settings, KubeOptions(images=images, yes=yes))
        try:
            lab.ready()
            call.output.done(f"The lab is up on the {call.choice.engine} engine ({call.choice.reason}).")
            results, failed = _exercise(
                call, lab, folder, quick=quick, load_seconds=load_time or usual, started=started
            )
        finally:
            if started:
                call.output.step(f"ending {lab.name}")
                lab.down()
    except BaseException:
        drop_unused(folder)
        raise
    call.output.step("report")
    files = write_report(results, folder, language)
    fault = DclabError(f"Parts of the run failed: {', '.join(failed)}.", "The warnings say why.") if failed else None
    return Result(_lines, fault=fault, folder=str(folder), files=[str(one) for one in files], failed=failed)


def _lines(folder: str, **_: Any) -> Iterator[Any]:
    """The whole exercise on one screen, as the folder has it."""
    from dclab.cli.tables import summary_lines
    from dclab.run_folder import load_results

    yield from summary_lines(load_results(Path(folder)))
    yield f"Report: {folder}/report.html"


def _exercise(
    call: ExperimentCall, lab: Lab, folder: Path, *, quick: bool, load_seconds: float, started: bool
) -> tuple[Results, list[str]]:
    """Do every part; a lab that was there before gets back the workers that it had."""
    from dclab.experiments.exercise import exercise_settings, run_exercise
    from dclab.experiments.expected import exercise_seconds

    workers = lab.replicas("worker").desired
    settings = exercise_settings(quick=quick, siege_seconds=round(load_seconds), clock_speed=lab.clock_speed)
    try:
        expected = exercise_seconds(settings, lab)
        with call.recording(lab=lab, folder=folder, quick=quick, expected=expected) as recorder:
            failed = run_exercise(lab, settings, recorder)
    finally:
        if not started:
            with contextlib.suppress(DclabError):  # that a lab is gone has been said already
                lab.scale("worker", workers)
    return recorder.results, failed
