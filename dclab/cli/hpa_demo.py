"""dclab hpa-demo."""

from __future__ import annotations

from typing import Annotated

from dclab.cli.options import Target, TargetOption, WorkersOption, duration_option
from dclab.cli.result import Result
from dclab.cli.values import Duration
from dclab.cli.verb import ExperimentCall, verb


@verb
def hpa_demo(
    call: ExperimentCall,
    target: TargetOption = Target.RNG,
    workers: WorkersOption = 10,
    load_time: Annotated[
        Duration, duration_option("time of the load test", "How long the load test lasts (the exercise: 4m).", low=5)
    ] = Duration(240),
) -> Result:
    """Show the autoscaler at work under a load test.

    From the baseline over the load test and its end until the autoscaler has reached its steady state.

    Example: dclab hpa-demo --target rng --workers 10
    """
    from dclab.cli.tables import demo_lines
    from dclab.experiments.expected import demo_seconds
    from dclab.experiments.hpa_demo import demo_settings, run_hpa_demo

    settings = demo_settings(target.value, workers, round(load_time), call.lab.clock_speed)
    expected = {"autoscaler demonstration": demo_seconds(settings, call.lab)}
    with call.recording(expected=expected) as recorder:
        found, load = run_hpa_demo(call.lab, settings, recorder)
    return recorder.result(demo_lines, loadtest=load, autoscale=found)
