"""What `minikube --output=json` prints while it works: a CloudEvent a line, and why it failed.

Of an error there are several events: tips without a name, the error itself with its name and exit code, a box that asks for a
report (pkg/minikube/out/out_reason.go and out.go). What an advice has in double braces was never filled in.
"""

from __future__ import annotations

import msgspec

__all__ = ["Events"]

KEPT_LINES = 5
MOST_SAID = 600
"""Letters of an error that are shown: some hold the whole output of kubeadm."""
BOX = "╭╮╰╯│─"
"""What minikube draws boxes with."""
DONE = "Done"
"""Name of the last step, which says that kubectl is configured: that is true of dclab's own kubeconfig only."""


class _Data(msgspec.Struct, frozen=True):
    message: str = ""
    name: str = ""
    advice: str = ""
    artifact: str = ""


class _Event(msgspec.Struct, frozen=True):
    type: str
    data: _Data


class Events:
    """The lines of one command, as they come."""

    def __init__(self) -> None:
        self._error = _Data()
        self._tip = ""
        self._lines: list[str] = []

    def read(self, line: str) -> str:
        """Take a line; return what is to be shown of it, or nothing."""
        try:
            event = msgspec.json.decode(line, type=_Event)
        except (msgspec.MsgspecError, RecursionError):
            self._lines = [*self._lines, *filter(None, [line.strip()])][-KEPT_LINES:]
            return ""
        kind, data = event.type.rpartition(".minikube.")[2], event.data
        if kind == "step":
            return "" if data.name == DONE else _one_line(data.message)
        if kind == "download":
            return f"Downloading {data.artifact}"
        if kind == "error" and data.name:
            self._error = data
        elif kind == "error" and data.message.strip().strip(BOX):
            self._tip = self._tip if data.message.strip()[0] in BOX else _one_line(data.message)
        return ""

    @property
    def failure(self) -> str:
        """Why it failed, in minikube's words."""
        if self._error.name:
            return f"{self._error.name}: {_one_line(self._error.message)}"
        return self._tip or " | ".join(self._lines)

    @property
    def advice(self) -> str:
        """What minikube says to do about it; empty where it says nothing that can be done."""
        said = _one_line(self._error.advice)
        return "" if "{{" in said else said


def _one_line(text: str) -> str:
    said = " ".join(text.split())
    return said if len(said) <= MOST_SAID else f"{said[:MOST_SAID]} …"
