"""dclab webui."""

from __future__ import annotations

import os
import sys
import threading

from dclab.cli.options import ContextOption, EngineOption, JsonOption, NameOption, QuietOption, VerboseOption
from dclab.cli.session import session

__all__ = ["webui"]


def webui(
    name: NameOption = None,
    engine: EngineOption = "auto",
    context: ContextOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Open the page that shows the speed.

    Where there is no screen its address is printed.

    Example: dclab webui
    """
    with session("webui", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.cli.remote import tunnel
        from dclab.engines.choose import find_lab

        lab, _ = find_lab(name, engine, context)
        url = lab.url("webui")
        opened = False
        screen = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        if screen and sys.stdout.isatty() and not as_json:
            import webbrowser

            opened = webbrowser.open(url)
        output.show(url)
        if line := tunnel(url):
            output.note(f"From your own machine: {line}")
        output.result({"url": url, "opened": opened})
        if "webui" not in lab.addresses():
            output.note("It is forwarded by this command; Ctrl-C ends it.")
            threading.Event().wait()
