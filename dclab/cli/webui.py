"""dclab webui."""

from __future__ import annotations

import os
import sys

from dclab.cli.options import (
    AddressOption,
    ContextOption,
    EngineOption,
    JsonOption,
    NameOption,
    QuietOption,
    VerboseOption,
    parse_address,
)
from dclab.cli.session import session

__all__ = ["webui"]


def webui(
    address: AddressOption = None,
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
        from dclab.cli.page import Page
        from dclab.engines.choose import find_lab

        listen = parse_address(address)
        lab, _ = find_lab(name, engine, context)
        page = Page(lab, lab.url("webui"), listen)
        opened = False
        screen = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        if screen and sys.stdout.isatty() and not as_json:
            import webbrowser

            opened = webbrowser.open(page.url)
        page.show(output)
        output.result({"url": page.url, "opened": opened})
        page.keep(output)
