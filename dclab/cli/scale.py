"""dclab scale."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from dclab.cli import completion
from dclab.cli.options import ForceOption
from dclab.cli.result import Result
from dclab.cli.values import parse_count
from dclab.cli.verb import LabCall, verb
from dclab.errors import InvalidInput


@verb
def scale(
    call: LabCall,
    deployment: Annotated[
        str, typer.Argument(metavar="DEPLOYMENT", autocompletion=completion.deployments, help=completion.DEPLOYMENTS)
    ],
    replicas: Annotated[
        int,
        typer.Argument(metavar="REPLICAS", parser=parse_count("number of replicas", low=0), help="Number of replicas."),
    ],
    force: ForceOption = False,
) -> Result:
    """Scale a deployment, and wait for it.

    Returns when exactly that many replicas are ready and none is terminating.

    Example: dclab scale worker 10
    """
    if deployment == "redis":
        raise InvalidInput(
            "redis cannot be scaled.", "It holds the only counter; two of them would each count half.", "Scale worker."
        )
    lab = call.lab
    states = lab.states()
    if deployment in states and replicas > states[deployment].counts.desired:
        call.check_room(replicas, force=force, deployment=deployment)
    call.output.step(f"scaling {deployment} to {replicas}")
    begin = time.monotonic()
    lab.scale(deployment, replicas)
    seconds = time.monotonic() - begin
    done = f"{deployment} has {replicas} ready, after {seconds:.1f} s."
    return Result(done=done, deployment=deployment, replicas=replicas, seconds=seconds)
