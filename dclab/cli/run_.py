"""dclab run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.hpa_compare import COMPARE_CLOCK
from dclab.cli.options import CourseOption, ForceOption, ImagesOption, LanguageOption, YesOption, duration_option
from dclab.cli.result import Result
from dclab.cli.values import Duration
from dclab.cli.verb import ExperimentCall, verb
from dclab.errors import DclabError, LabEnded

if TYPE_CHECKING:
    from dclab.lab import Lab
    from dclab.results import Results

WORKERS = 10
"""The most that the exercise has at a time."""

QUICK_CLOCK = 12.0
QUICK_LOAD = 96.0
"""Seconds of the load test of `--quick`, on the autoscaler's clock of an embedded lab."""


class RunMetric(StrEnum):
    """Autoscalers of a run: the exercise's, or that and those on every metric."""

    CPU = "cpu"
    ALL = "all"


@verb
def run(
    call: ExperimentCall,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Take about 75 s on the embedded engine: fewer changes and requests, the autoscaler's clock ×12. The report says so.",
        ),
    ] = False,
    load_time: Annotated[
        Duration | None,
        duration_option(
            "time of the load test",
            "Length of the load test.",
            low=5,
            default="4m; with --quick 8s, on Kubernetes 90s",
        ),
    ] = None,
    metric: Annotated[
        RunMetric,
        typer.Option(
            help="all: also compare six autoscalers on CPU, latency, requests and requests in flight, about 18 minutes each; "
            "with --quick on the embedded engine about 4, the clock at ×5."
        ),
    ] = RunMetric.CPU,
    images: ImagesOption = "build",
    yes: YesOption = False,
    force: ForceOption = False,
    language: LanguageOption = "en",
    course: CourseOption = None,
) -> Result:
    """Do the whole exercise and write its report.

    Measures sweep, latency, proof, load test, autoscaler and monitoring; with --metric all it also compares autoscalers.

    Uses the running lab if there is one and leaves it running; otherwise starts one and stops it afterwards.

    Example: dclab run --quick
    """
    from dclab.cli.start import KubeOptions, start_lab
    from dclab.courses.sheet import load_sheet
    from dclab.engines.embedded.wire import Settings
    from dclab.report.write import write_report
    from dclab.run_folder import drop_unused, new_folder

    sheet = load_sheet(course) if course else None
    faster = quick and call.place == "embedded"
    compares = metric is RunMetric.ALL
    clock_speed = 1.0 if not faster else COMPARE_CLOCK if compares else QUICK_CLOCK
    usual = 240 if not quick else round(QUICK_LOAD / clock_speed) if faster else 90
    settings = Settings(name=call.name, clock_speed=clock_speed)
    folder = new_folder(call.out, call.choice.engine)
    made = _Made(call, folder, quick=quick, compares=compares, load_seconds=load_time or usual)
    try:
        lab, made.started = start_lab(call, settings, KubeOptions(images=images, yes=yes), leased=True)
        try:
            with call.holding(lab):
                lab.ready()
                call.check_room(WORKERS, force=force, lab=lab)
                call.output.done(f"The lab is up on the {call.choice.engine} engine ({call.choice.reason}).")
                made.do(lab)
        finally:
            if made.started and not isinstance(made.fault, LabEnded):
                call.output.step(f"ending {lab.name}")
                lab.down()
    except DclabError as error:
        if made.results is None:
            drop_unused(folder)
            raise
        made.fault = made.fault or error
    except BaseException:
        drop_unused(folder)
        raise
    assert made.results is not None
    call.output.step("report")
    files = write_report(made.results, folder, language, sheet)
    return Result(_lines, fault=made.fault, folder=str(folder), files=[str(one) for one in files], failed=made.failed)


def _lines(folder: str, **_: Any) -> Iterator[Any]:
    """The whole exercise on one screen, as the folder has it."""
    from dclab.cli.tables import summary_lines
    from dclab.run_folder import load_results

    yield from summary_lines(load_results(Path(folder)))
    yield f"Report: {folder}/report.html"


class _Made:
    """What the exercise has come to so far."""

    def __init__(self, call: ExperimentCall, folder: Path, *, quick: bool, compares: bool, load_seconds: float) -> None:
        self.call = call
        self.folder = folder
        self.quick = quick
        self.compares = compares
        self.load_seconds = load_seconds
        self.started = False
        """Whether the lab was started for it."""
        self.results: Results | None = None
        """None before anything was recorded."""
        self.failed: list[str] = []
        self.fault: DclabError | None = None

    def do(self, lab: Lab) -> None:
        """Do every part; a lab that was there before gets back the workers that it had.

        What ends it early becomes its fault: what was measured until then has its report all the same.
        """
        from dclab.experiments.exercise import exercise_settings, run_exercise
        from dclab.experiments.expected import exercise_seconds

        workers = lab.replicas("worker").desired
        settings = exercise_settings(
            quick=self.quick,
            siege_seconds=round(self.load_seconds),
            clock_speed=lab.clock_speed,
            compares=self.compares,
        )
        expected = exercise_seconds(settings, lab)
        recorder = None
        try:
            with self.call.recording(lab=lab, folder=self.folder, quick=self.quick, expected=expected) as recorder:
                self.failed = run_exercise(lab, settings, recorder)
            if self.failed:
                parts = ", ".join(self.failed)
                self.fault = DclabError(f"Parts of the run failed: {parts}.", "The warnings say why.")
        except DclabError as error:
            if recorder is None:
                raise
            self.fault = error
        finally:
            if not self.started and not isinstance(self.fault, LabEnded):
                with contextlib.suppress(DclabError):  # that a lab is gone has been said already
                    lab.scale("worker", workers)
        self.results = recorder.results
