"""dclab rollout-demo."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from dclab.cli.options import duration_option
from dclab.cli.result import Result
from dclab.cli.values import Duration
from dclab.cli.verb import ExperimentCall, verb


class Updated(StrEnum):
    """What is updated."""

    WORKER = "worker"
    RNG = "rng"


@verb
def rollout_demo(
    call: ExperimentCall,
    target: Annotated[Updated, typer.Option(help="Deployment to update.")] = Updated.WORKER,
    seconds: Annotated[
        Duration,
        duration_option(
            "time to watch", "How long to measure with the bad image; before and after it, half as long.", low=4
        ),
    ] = Duration(20),
) -> Result:
    """Show a rolling update to a bad image, and its undo.

    Predicts and measures where the update stops and what the rate is meanwhile, how soon a deleted replica is replaced, and how
    many hashes are lost by workers that get SIGTERM and by those that are killed. The Deployment is restored afterwards.

    Example: dclab rollout-demo --target worker
    """
    from dclab.cli.tables import rollout_lines
    from dclab.experiments.rollout_demo import RolloutSettings, expected_seconds, run_rollout_demo

    settings = RolloutSettings(target=target.value, seconds=float(seconds))
    with call.recording(expected={"rollout demonstration": expected_seconds(settings)}) as recorder:
        found = run_rollout_demo(call.lab, settings, recorder)
    return recorder.result(rollout_lines, rollout=found)
