"""dclab list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli import completion
from dclab.cli.options import ContextOption, Engine
from dclab.cli.result import Result
from dclab.cli.verb import Call, verb
from dclab.paths import check_name

if TYPE_CHECKING:
    from dclab.lab import LabSummary

REMEDIES = {
    "crashed": "`dclab down {0}` removes what a crash has left of a lab; `dclab up {0}` starts it again.",
    "not answering": "A lab that does not answer may only be busy. `dclab down {0}` ends it, whatever state it is in.",
    "other version": "Another version of dclab has started that lab, and can use it. `dclab down {0}` ends it all the same.",
}


@verb
def list_(
    call: Call,
    name: Annotated[
        str | None,
        typer.Option(
            envvar="DCLAB_NAME",
            metavar="LAB",
            parser=check_name,
            autocompletion=completion.labs,
            help="List only the lab of this name.",
        ),
    ] = None,
    engine: Annotated[
        Engine, typer.Option(envvar="DCLAB_ENGINE", help="List only labs of this engine; auto lists all.")
    ] = "auto",
    context: ContextOption = None,
) -> Result:
    """List the labs and their states.

    Includes labs of the embedded engine, of dclab's own minikube, and of the cluster of --context. No other cluster is contacted.

    Example: dclab list
    """
    from dclab.engines.choose import list_labs

    found = list_labs(engine, context)
    return Result(_lines, labs=[one for one in found if name in (None, one.name)])


def _lines(labs: Sequence[LabSummary]) -> Iterator[Any]:
    from dclab.cli.terminal_text import table

    if not labs:
        yield "There is no such lab. `dclab up` starts one."
        return
    rows = [(one.name, one.engine, one.context or "–", one.state) for one in labs]
    yield table("lab", "engine", "context", "state", rows=rows)
    yield from remedies(labs)


def remedies(labs: Sequence[LabSummary]) -> Iterator[str]:
    """Yield what can be done about labs that cannot be used, once for each state."""
    if any(one.state == "stopped" for one in labs):
        yield "dclab's own cluster is stopped: `dclab up` starts it, `dclab down --cluster` deletes it and every lab in it."
    for state, said in REMEDIES.items():
        if found := [one.name for one in labs if one.state == state and one.engine == "embedded"]:
            yield said.format(f"--name {found[0]}")
