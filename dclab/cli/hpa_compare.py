"""dclab hpa-compare."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dclab.cli.options import EMBEDDED, ForceOption, Metric, ScrapeOption, SloOption, Target, TargetOption, count_option
from dclab.cli.result import Result
from dclab.cli.verb import ExperimentCall, verb
from dclab.errors import InvalidInput, LabEnded

if TYPE_CHECKING:
    from dclab.lab import Lab

COMPARE_CLOCK = 5.0
"""Of `--quick`: faster, and what a queue needs to build up or drain would take as long as a pass of the autoscaler."""


@verb
def hpa_compare(
    call: ExperimentCall,
    metric: Annotated[
        list[Metric] | None,
        typer.Option(
            help="Compare dclab's autoscalers on this metric, the course's and a tuned one; may be given several times.",
            show_default="all, without --hpa",
        ),
    ] = None,
    hpa: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Your own HorizontalPodAutoscaler; may be given several times."),
    ] = None,
    target: TargetOption = Target.RNG,
    workers: Annotated[int, count_option("number of workers", "The most workers that run.")] = 10,
    slo: SloOption = 100.0,
    scrape_seconds: ScrapeOption = 10.0,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Take a fifth of the time: start a lab whose autoscaler's clock runs ×5, and stop it afterwards.",
        ),
        EMBEDDED,
    ] = False,
    force: ForceOption = False,
) -> Result:
    """Compare autoscalers under the same demand.

    Runs them one after the other, each for at least 15 minutes on its clock: with few workers, with all of them, with siege's
    users on top, with half of the workers, and with all of them again. Scores say how well the replicas follow what the objective
    needs (see docs/en/reference/scores.md). To try autoscalers in seconds first, use dclab hpa-simulate.

    Example: dclab hpa-compare --hpa before.yaml --hpa after.yaml --quick
    """
    from dclab.cli.live import DEMAND, PREDICTION
    from dclab.cli.score_table import comparison_lines
    from dclab.experiments.autoscalers import from_files, shipped_for
    from dclab.experiments.expected import comparison_seconds
    from dclab.experiments.hpa_compare import check_candidates, compare_settings, run_hpa_compare

    metrics = metric if metric or hpa else list(Metric)
    candidates = (*shipped_for(target.value, metrics or ()), *from_files(hpa or (), target.value))
    check_candidates(candidates)
    with _lab(call, quick=quick) as lab:
        call.check_room(workers, force=force, lab=lab)
        settings = compare_settings(
            candidates, workers=workers, clock_speed=lab.clock_speed, slo_ms=slo, scrape_seconds=scrape_seconds
        )
        expected = {DEMAND: 0.0, **comparison_seconds(settings, lab), PREDICTION: 0.0}
        with call.recording(lab=lab, quick=quick, expected=expected) as recorder:
            found = run_hpa_compare(lab, settings, recorder)
    return recorder.result(comparison_lines, comparison=found)


@contextlib.contextmanager
def _lab(call: ExperimentCall, *, quick: bool) -> Iterator[Lab]:
    """The running lab; or one with a fast clock, started if need be, which then ends with the command."""
    if not quick:
        yield call.lab
        return
    from dclab.cli.start import KubeOptions, start_lab
    from dclab.engines.embedded.wire import Settings

    lab, started = start_lab(call, Settings(name=call.name, clock_speed=COMPARE_CLOCK), KubeOptions(), leased=True)
    if not started and lab.clock_speed != COMPARE_CLOCK:
        raise InvalidInput(
            f"The lab {call.name!r} is running with its clock at ×{lab.clock_speed:g}, not ×{COMPARE_CLOCK:g}.",
            "The clock is set when a lab starts; nothing was changed.",
            f"Omit --quick to use the lab as it is, run `dclab down{call.again}` first, or give another --name.",
        )
    try:
        lab.ready()
        yield lab
    except LabEnded:
        started = False  # there is nothing left to end
        raise
    finally:
        if started:
            call.output.step(f"ending {lab.name}")
            lab.down()
