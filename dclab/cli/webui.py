"""dclab webui."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from dclab.cli.options import AddressOption
from dclab.cli.result import Result
from dclab.cli.verb import LabCall, verb

__all__ = ["webui"]


@dataclass(frozen=True, kw_only=True)
class WebUi(Result):
    """Where the page is."""

    url: str
    opened: bool
    """Whether a browser shows it."""

    def text(self) -> Iterator[str]:
        """Its address."""
        yield self.url


@verb
def webui(call: LabCall, address: AddressOption = None) -> WebUi:
    """Open the page that shows the speed.

    Where there is no screen its address is printed.

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
    return WebUi(url=page.url, opened=opened)
