"""dclab hpa-demo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.options import Target, TargetOption, WorkersOption
from dclab.cli.result import Result
from dclab.cli.values import Duration, parse_duration
from dclab.cli.verb import ExperimentCall, verb

if TYPE_CHECKING:
    from dclab.results import Autoscale, LoadTest

__all__ = ["hpa_demo"]


@dataclass(frozen=True, kw_only=True)
class Demonstrated(Result):
    """A demonstration of the autoscaler, and where it is kept."""

    folder: str
    loadtest: LoadTest
    autoscale: Autoscale

    def text(self) -> Iterator[Any]:
        """The load test's summary, the transcript, and what it shows."""
        from dclab.cli.tables import autoscale_lines, load_lines

        yield from load_lines(self.loadtest)
        yield from autoscale_lines(self.autoscale)
        yield f"Results: {self.folder}"


@verb
def hpa_demo(
    call: ExperimentCall,
    target: TargetOption = Target.RNG,
    workers: WorkersOption = 10,
    load_time: Annotated[
        Duration,
        typer.Option(
            metavar="TIME",
            parser=parse_duration("time of the load test", low=5),
            help="How long the load test lasts (the exercise: 4m).",
        ),
    ] = Duration(240),
) -> Demonstrated:
    """Show the autoscaler at work under a load test.

    From the baseline over the load test and its end until the autoscaler has reached its steady state.

    Example: dclab hpa-demo --target rng --workers 10
    """
    from dclab.experiments.expected import demo_seconds
    from dclab.experiments.hpa_demo import demo_settings, run_hpa_demo

    settings = demo_settings(target, workers, round(load_time), call.lab.clock_speed)
    expected = {"autoscaler demonstration": demo_seconds(settings, call.lab)}
    with call.recording(expected=expected) as recorder:
        found, load = run_hpa_demo(call.lab, settings, recorder)
    return Demonstrated(folder=str(recorder.folder), loadtest=load, autoscale=found)
