"""dclab down."""

from __future__ import annotations

from dclab.cli.options import JsonOption, NameOption, QuietOption, VerboseOption
from dclab.cli.session import session

__all__ = ["down"]


def down(
    name: NameOption = "dclab",
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """End the lab and all that it started.

    Also what a crash has left.

    Example: dclab down
    """
    with session("down", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.engines.embedded import launch
        from dclab.paths import lab_folder

        folder = lab_folder(name)
        output.step(f"ending {name}")
        ended = launch.stop(folder)
        output.done(f"The lab {name!r} is down." if ended else f"There was no lab {name!r}; nothing was changed.")
        output.result({"name": name, "ended": ended})
