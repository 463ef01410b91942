"""dclab scale."""

from __future__ import annotations

from typing import Annotated

import typer

from dclab.cli.options import (
    ContextOption,
    EngineOption,
    JsonOption,
    NameOption,
    QuietOption,
    VerboseOption,
    parse_count,
)
from dclab.cli.session import session

__all__ = ["scale"]


def scale(
    deployment: Annotated[str, typer.Argument(help="worker, rng, hasher, …")],
    replicas: Annotated[str, typer.Argument(help="How many.")],
    name: NameOption = None,
    engine: EngineOption = "auto",
    context: ContextOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Scale a deployment, and wait for it.

    Returns when so many replicas are ready and none is terminating.

    Example: dclab scale worker 10
    """
    with session("scale", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        import time

        from dclab.engines.choose import find_lab
        from dclab.errors import InvalidInput

        count = parse_count(replicas, "number of replicas", low=0)
        if deployment == "redis":
            raise InvalidInput(
                "redis is not scaled.", "It holds the one counter; two of them would each count half.", "Scale worker."
            )
        lab, _ = find_lab(name, engine, context)
        output.step(f"scaling {deployment} to {count}")
        begin = time.monotonic()
        lab.scale(deployment, count)
        seconds = time.monotonic() - begin
        output.done(f"{deployment} has {count} ready, after {seconds:.1f} s.")
        output.result({"deployment": deployment, "replicas": count, "seconds": seconds})
