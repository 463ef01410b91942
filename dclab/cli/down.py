"""dclab down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from dclab.cli.options import OWN_MINIKUBE
from dclab.cli.result import Result
from dclab.cli.verb import PlacedCall, verb

STOPPED = (
    "dclab's own cluster is stopped already; nothing was changed. A lab that is in it runs again once it is started: "
    "`dclab down --cluster` deletes both, `dclab up` starts them."
)
DELETED = "The minikube that dclab has made is deleted, and every lab in it."
NO_CLUSTER = "There was no minikube that dclab has made; nothing was changed."


@verb
def down(
    call: PlacedCall,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Also delete the minikube that dclab has made."), OWN_MINIKUBE
    ] = False,
) -> Result:
    """Stop the lab and everything that it started.

    Also removes what a crash has left behind. On Kubernetes it removes only what carries dclab's labels.

    Example: dclab down
    """
    name, kept = call.name, list[str]()
    call.output.step(f"stopping {name}")
    done = ""
    if call.choice.engine == "kube":
        from dclab.engines.kube.launch import end

        ended, kept, of_cluster = end(call.context, name, cluster=cluster)
        if of_cluster:
            done = STOPPED if of_cluster == "was stopped" else DELETED if ended else NO_CLUSTER
    else:
        from dclab.engines.embedded import launch
        from dclab.paths import lab_folder

        ended = launch.stop(lab_folder(name), call.output.step)
    done = done or (f"The lab {name!r} is down." if ended else f"There was no lab {name!r}; nothing was changed.")
    return Result(_lines, done=done, name=name, engine=call.choice.engine, ended=ended, kept=kept)


def _lines(kept: Sequence[str], **_: Any) -> Iterator[str]:
    if kept:
        yield f"The namespace stays, since it also holds what is not dclab's: {', '.join(kept)}."
