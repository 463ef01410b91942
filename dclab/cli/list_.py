"""dclab list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dclab.cli.result import Result
from dclab.cli.verb import PlacedCall, verb

if TYPE_CHECKING:
    from dclab.lab import LabSummary

__all__ = ["list_"]


@dataclass(frozen=True, kw_only=True)
class Labs(Result):
    """Every lab that dclab can know of without contacting a cluster that nobody named."""

    labs: Sequence[LabSummary]

    def text(self) -> Iterator[Any]:
        """A row for each."""
        from dclab.cli.output import table

        if not self.labs:
            yield "No lab is running. `dclab up` starts one."
            return
        rows = [(one.name, one.engine, one.context or "–", one.state) for one in self.labs]
        yield table("lab", "engine", "context", "state", rows=rows)


@verb
def list_(call: PlacedCall) -> Labs:
    """List the labs that run.

    Those of the embedded engine, of dclab's own minikube, and of the cluster of --context. No other cluster is contacted.

    Example: dclab list
    """
    from dclab.engines.choose import list_labs

    name = call.name if call.from_command_line("name") else None
    found = list_labs(call.context, call.choice if call.from_command_line("engine") else None)
    return Labs(labs=[one for one in found if name in (None, one.name)])
