"""dclab scale-sweep."""

from __future__ import annotations

from typing import Annotated

from dclab.cli.options import ForceOption, SecondsOption, counts_option
from dclab.cli.result import Result
from dclab.cli.values import Counts, Duration
from dclab.cli.verb import ExperimentCall, verb


@verb
def scale_sweep(
    call: ExperimentCall,
    workers: Annotated[Counts, counts_option("Numbers of workers.")] = Counts((1, 2, 3, 4, 5, 10)),
    seconds: SecondsOption = Duration(30),
    force: ForceOption = False,
) -> Result:
    """Measure hashes/s at each number of workers.

    Answers the exercise's question: how much faster is DockerCoins with ten times the workers, and why?

    Example: dclab scale-sweep --workers 1,2,3,4,5,10 --seconds 30
    """
    from dclab.cli.tables import sweep_lines
    from dclab.experiments.expected import sweep_seconds
    from dclab.experiments.sweep import SweepSettings, run_sweep

    call.check_room(max(workers), force=force)
    settings = SweepSettings(workers=workers, seconds=seconds)
    rngs = max(1, call.lab.states()["rng"].counts.ready)
    with call.recording(expected={"sweep": sweep_seconds(settings, rngs)}) as recorder:
        sweep = run_sweep(call.lab, settings, recorder)
    return recorder.result(sweep_lines, sweep=sweep)
