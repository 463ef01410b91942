"""dclab run."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from dclab.cli.options import (
    ContextOption,
    EngineOption,
    ImagesOption,
    JsonOption,
    LanguageOption,
    NameOption,
    OutOption,
    QuietOption,
    VerboseOption,
    YesOption,
    parse_duration,
)
from dclab.cli.session import recording, session
from dclab.errors import DclabError, ExitCode

__all__ = ["run"]

QUICK_CLOCK = 5.0


def run(
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="In under two minutes on the embedded engine: shorter windows, the autoscaler's clock ×5, all labelled.",
        ),
    ] = False,
    load_time: Annotated[
        str | None, typer.Option(help="How long the siege lasts (4m; with --quick 14s, on Kubernetes 90s).")
    ] = None,
    name: NameOption = None,
    engine: EngineOption = "auto",
    context: ContextOption = None,
    images: ImagesOption = "build",
    yes: YesOption = False,
    language: LanguageOption = "en",
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
        from dclab.cli.start import KubeOptions, start_lab
        from dclab.cli.tables import summary_lines
        from dclab.engines.choose import choose_engine, lab_name
        from dclab.engines.embedded.wire import Settings
        from dclab.experiments.exercise import exercise_settings, run_exercise
        from dclab.experiments.expected import exercise_seconds
        from dclab.report import write_report
        from dclab.report.language import Words
        from dclab.run_folder import drop_unused, new_folder

        Words(language)  # says so at once when there is no such language
        choice = choose_engine(engine, context)
        faster = quick and choice.engine == "embedded"
        wanted = Settings(name=lab_name(name, choice.engine), clock_speed=QUICK_CLOCK if faster else 1.0)
        usual = "4m" if not quick else "14s" if faster else "90s"
        siege = parse_duration(load_time or usual, "time of the siege", low=5)
        folder = new_folder(out, choice.engine)
        try:
            lab, started = start_lab(output, choice, wanted, KubeOptions(context=context, images=images, yes=yes))
        except (DclabError, KeyboardInterrupt):
            drop_unused(folder)
            raise
        try:
            lab.ready()
            output.done(f"The lab is up on the {choice.engine} engine ({choice.reason}).")
            workers = lab.replicas("worker").desired
            settings = exercise_settings(quick=quick, siege_seconds=round(siege), clock_speed=lab.clock_speed)
            command = f"dclab run{' --quick' * quick}{f' --load-time {load_time}' if load_time else ''}"
            try:
                expected = exercise_seconds(settings, lab)
                with recording(
                    output, lab, choice.reason, folder, command=command, quick=quick, expected=expected
                ) as recorder:
                    failed = run_exercise(lab, settings, recorder)
            finally:
                if not started:
                    with contextlib.suppress(DclabError):  # a lab that is gone has been told of already
                        lab.scale("worker", workers)
        finally:
            if started:
                output.step(f"ending {lab.name}")
                lab.down()
        output.step("report")
        files = write_report(recorder.run.results, folder, language)
        output.show(*summary_lines(recorder.run.results), f"Report: {folder / 'report.html'}")
        code = ExitCode.ERROR if failed else ExitCode.OK
        output.result({"folder": str(folder), "files": [str(one) for one in files], "failed": failed}, code)
    if failed:
        raise typer.Exit(code)
