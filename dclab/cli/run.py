"""dclab run."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

import typer

from dclab.cli.options import (
    EngineOption,
    JsonOption,
    NameOption,
    OutOption,
    QuietOption,
    VerboseOption,
    parse_duration,
)
from dclab.cli.session import recording, session
from dclab.errors import DclabError, ExitCode

if TYPE_CHECKING:
    from dclab.results import Results

__all__ = ["run"]

QUICK_CLOCK = 5.0


def run(
    quick: Annotated[
        bool, typer.Option("--quick", help="In about 95 s: shorter windows, the autoscaler's clock ×5, all labelled.")
    ] = False,
    load_time: Annotated[str | None, typer.Option(help="How long the siege lasts (4m; with --quick 14s).")] = None,
    name: NameOption = "dclab",
    engine: EngineOption = "auto",
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Do the whole exercise and write its report.

    Sweep, latency, proof, load test, autoscaler, monitoring.

    A lab that runs already is used and left as it was; else one is started and ended.

    Example: dclab run --quick
    """
    with session("run", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.cli.tables import summary_lines
        from dclab.engines.choose import choose_engine
        from dclab.engines.embedded import launch
        from dclab.engines.embedded.wire import Settings
        from dclab.experiments.exercise import exercise_settings, run_exercise
        from dclab.paths import check_name
        from dclab.report import write_report
        from dclab.run_folder import new_folder

        siege = parse_duration(load_time or ("14s" if quick else "4m"), "time of the siege", low=5)
        choice = choose_engine(engine)
        wanted = Settings(name=check_name(name), clock_speed=QUICK_CLOCK if quick else 1.0)
        folder = new_folder(out, choice.engine)
        output.step(f"starting {name} on the {choice.engine} engine")
        lab, started = launch.start(wanted)
        try:
            lab.ready()
            output.done(f"The lab is up on the {choice.engine} engine ({choice.reason}).")
            workers = lab.replicas("worker").desired
            settings = exercise_settings(quick=quick, siege_seconds=round(siege), clock_speed=lab.clock_speed)
            command = f"dclab run{' --quick' * quick}{f' --load-time {load_time}' if load_time else ''}"
            try:
                with recording(output, lab, choice.reason, folder, command=command, quick=quick) as recorder:
                    failed = run_exercise(lab, settings, recorder)
            finally:
                if not started:
                    with contextlib.suppress(DclabError):  # a lab that is gone has been told of already
                        lab.scale("worker", workers)
        finally:
            if started:
                output.step(f"ending {name}")
                lab.down()
        results: Results = recorder.run.results
        output.step("report")
        files = write_report(results, folder)
        output.show(*summary_lines(results), f"Report: {folder / 'report.html'}")
        code = ExitCode.ERROR if failed else ExitCode.OK
        output.result({"folder": str(folder), "files": [str(one) for one in files], "failed": failed}, code)
    if failed:
        raise typer.Exit(code)
