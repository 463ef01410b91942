"""dclab webui."""

from __future__ import annotations

import os
import sys

from dclab.cli.options import EngineOption, JsonOption, NameOption, QuietOption, VerboseOption
from dclab.cli.session import session

__all__ = ["webui"]


def webui(
    name: NameOption = "dclab",
    engine: EngineOption = "auto",
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Open the page that shows the speed.

    Where there is no screen its address is printed.

    Example: dclab webui
    """
    with session("webui", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.engines.choose import find_lab

        lab, _ = find_lab(name, engine)
        url = lab.url("webui")
        opened = False
        screen = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        if screen and sys.stdout.isatty() and not as_json:
            import webbrowser

            opened = webbrowser.open(url)
        output.show(url)
        output.result({"url": url, "opened": opened})
