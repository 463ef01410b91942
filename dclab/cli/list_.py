"""dclab list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dclab.cli.result import Result
from dclab.cli.verb import PlacedCall, verb

if TYPE_CHECKING:
    from dclab.lab import LabSummary

__all__ = ["list_"]


@verb
def list_(call: PlacedCall) -> Result:
    """List the labs that run.

    Those of the embedded engine, of dclab's own minikube, and of the cluster of --context. No other cluster is contacted.

    Example: dclab list
    """
    from dclab.engines.choose import list_labs

    name = call.name if call.from_command_line("name") else None
    found = list_labs(call.context, call.choice if call.from_command_line("engine") else None)
    return Result(_lines, labs=[one for one in found if name in (None, one.name)])


def _lines(labs: Sequence[LabSummary]) -> Iterator[Any]:
    from dclab.cli.output import table

    if not labs:
        yield "No lab is running. `dclab up` starts one."
        return
    rows = [(one.name, one.engine, one.context or "–", one.state) for one in labs]
    yield table("lab", "engine", "context", "state", rows=rows)
