"""dclab down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from dclab.cli.options import OWN_MINIKUBE
from dclab.cli.result import Result
from dclab.cli.verb import PlacedCall, verb

__all__ = ["down"]


@dataclass(frozen=True, kw_only=True)
class Down(Result):
    """What became of a lab."""

    name: str
    engine: str
    ended: bool
    """Whether there was anything to end."""
    kept: Sequence[str]
    """What is not dclab's and keeps the namespace."""

    def confirmation(self) -> str:
        """Whether there was a lab."""
        return (
            f"The lab {self.name!r} is down." if self.ended else f"There was no lab {self.name!r}; nothing was changed."
        )

    def text(self) -> Iterator[str]:
        """What stays."""
        if self.kept:
            yield f"The namespace stays, since it also holds what is not dclab's: {', '.join(self.kept)}."


@verb
def down(
    call: PlacedCall,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Delete the minikube that dclab has made, too."), OWN_MINIKUBE
    ] = False,
) -> Down:
    """Stop the lab and everything that it started.

    Also what a crash has left. On Kubernetes it removes what carries dclab's labels, and nothing else.

    Example: dclab down
    """
    name, kept = call.name, list[str]()
    call.output.step(f"ending {name}")
    if call.choice.engine == "kube":
        from dclab.engines.kube.launch import end

        ended, kept = end(call.context, name, cluster=cluster)
    else:
        from dclab.engines.embedded import launch
        from dclab.paths import lab_folder

        ended = launch.stop(lab_folder(name))
    return Down(name=name, engine=call.choice.engine, ended=ended, kept=kept)
