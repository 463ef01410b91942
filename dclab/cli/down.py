"""dclab down."""

from __future__ import annotations

from typing import Annotated

import typer

from dclab.cli.options import ContextOption, EngineOption, JsonOption, NameOption, QuietOption, VerboseOption
from dclab.cli.session import session

__all__ = ["down"]


def down(
    name: NameOption = None,
    engine: EngineOption = "auto",
    context: ContextOption = None,
    cluster: Annotated[bool, typer.Option("--cluster", help="Delete the minikube that dclab has made, too.")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """End the lab and all that it started.

    Also what a crash has left. On Kubernetes it removes what carries dclab's labels, and nothing else.

    Example: dclab down
    """
    with session("down", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.engines.choose import choose_engine, lab_name

        choice = choose_engine(engine, context)
        known = lab_name(name, choice.engine)
        output.step(f"ending {known}")
        kept: list[str] = []
        if choice.engine == "kube":
            from dclab.engines.kube.launch import end

            ended, kept = end(context, known, cluster=cluster)
        else:
            from dclab.engines.embedded import launch
            from dclab.paths import lab_folder

            ended = launch.stop(lab_folder(known))
        output.done(f"The lab {known!r} is down." if ended else f"There was no lab {known!r}; nothing was changed.")
        if kept:
            output.show(f"The namespace stays, since it also holds what is not dclab's: {', '.join(kept)}.")
        output.result({"name": known, "engine": choice.engine, "ended": ended, "kept": kept})
