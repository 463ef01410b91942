"""dclab webui."""

from __future__ import annotations

import os
import sys
from typing import Any

from dclab.cli.options import AddressOption
from dclab.cli.result import Result
from dclab.cli.verb import LabCall, verb


@verb
def webui(call: LabCall, address: AddressOption = None) -> Result:
    """Open the page that shows the speed.

    Prints its address where no browser can be opened.

    Example: dclab webui
    """
    from dclab.cli.page import Page

    page = Page(call.lab, call.lab.url("webui"), address)
    opened = False
    screen = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if screen and sys.stdout.isatty() and not call.output.as_json:
        import webbrowser

        opened = webbrowser.open(page.url)
    page.explain(call.output)
    call.afterwards(lambda: page.stay(call.output))
    return Result(_lines, url=page.url, opened=opened)


def _lines(url: str, **_: Any) -> list[str]:
    return [url]
