"""A page of the lab for people: where it is, and how long it is there."""

from __future__ import annotations

import ipaddress
import socket
import threading
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dclab.cli.interrupts import until_ctrl_c
from dclab.cli.remote import tunnel
from dclab.loopback import is_loopback
from dclab.results import Caveat

if TYPE_CHECKING:
    from dclab.cli.output import Output
    from dclab.lab import Lab

__all__ = ["Page"]


class Page:
    """A page, reached as the engine reaches it, or (`address`) through a port of this machine's own."""

    def __init__(self, lab: Lab, url: str, address: str | None = None) -> None:
        """Find the page.

        Args:
            lab: whose page it is.
            url: where this process reaches it.
            address: of this machine, to listen at.

        Raises:
            InvalidInput: this machine does not have that address.
        """
        self.address = address
        self.ends_with_us = address is not None or url not in lab.addresses().values()
        """Whether it is forwarded by this process."""
        self.url = url if address is None else _forwarded(url, address)

    def explain(self, output: Output, path: str = "") -> None:
        """Say how it is seen from elsewhere, and who can see it."""
        if self.address and not is_loopback(self.address):
            output.warn(
                Caveat(
                    code="open-to-others",
                    message=f"Everybody who reaches this machine at {self.address} can use the page, without a password.",
                    hint="Without --address it is for this machine alone; `ssh -L` brings it to another one.",
                )
            )
        elif line := tunnel(f"{self.url}{path}"):
            output.note(f"From your own machine: {line}")

    def stay(self, output: Output) -> None:
        """Wait for Ctrl-C if the page would end with this command."""
        if not self.ends_with_us:
            return
        output.note("It is forwarded by this command; Ctrl-C ends it.")
        with until_ctrl_c():
            threading.Event().wait()


def _forwarded(url: str, address: str) -> str:
    """URL of a port of this machine behind which is what is at `url`."""
    from dclab.engines.forward import Forward, tcp

    parts = urlsplit(url)
    forward = Forward(partial(tcp, parts.hostname or "", parts.port or 80), address)
    if not ipaddress.ip_address(address).is_unspecified:
        return forward.url
    return f"http://{socket.gethostname()}:{urlsplit(forward.url).port}"
