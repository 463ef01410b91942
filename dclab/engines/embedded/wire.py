"""What the client and the supervisor of an embedded lab say to each other, and how it is read.

One JSON line each way, one connection a question, over a Unix socket in the lab's private folder. Every line names the
version of dclab that wrote it; `questions` says what can be asked. What the other side sent is foreign until it is
decoded here: a line that is not what it should be is a `ValueError` with the reason.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from dclab import __version__
from dclab.errors import (
    DclabError,
    InvalidInput,
    LabEnded,
    LabHeld,
    LabLost,
    MissingTool,
    NoLab,
    NotSupported,
    OtherVersion,
    Refused,
    TimedOut,
)

__all__ = [
    "LAB_MARK",
    "LOAD_BALANCING_POLICIES",
    "SOCKET_PATH_LIMIT",
    "DamagedLab",
    "Envelope",
    "Fault",
    "Reply",
    "Settings",
    "answer_line",
    "decode_answer",
    "decode_arguments",
    "decode_envelope",
    "decode_reply",
    "envelope_line",
    "fault_line",
    "grows",
    "log_file",
    "log_in",
    "parse_settings",
    "read_settings",
    "settings_file",
    "settings_text",
    "socket_path",
    "supervisor_log",
    "write_settings",
]

LOAD_BALANCING_POLICIES = ("random", "round robin", "better of two")
"""Load-balancing policies of a service: as kube-proxy does; in turn; of two random ones the one with less to do."""

LAB_MARK = "DCLAB_LAB"
"""Every process of a lab carries this variable, with the lab's folder: that is how leftovers are found."""

SOCKET_PATH_LIMIT = 103
"""Longest path of a Unix socket that Linux (107) and macOS (103) both take, in bytes."""

FAULTS = {
    kind.code: kind
    for kind in (
        DclabError,
        InvalidInput,
        LabEnded,
        LabHeld,
        LabLost,
        MissingTool,
        NoLab,
        NotSupported,
        OtherVersion,
        Refused,
        TimedOut,
    )
}
"""Errors that a supervisor may report, by their codes; one with another code becomes a DclabError."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a lab is to be started; kept as `lab.json` in its folder."""

    name: str
    clock_speed: Annotated[float, msgspec.Meta(ge=1, le=1000)] = 1.0
    """1, or how many times faster than Kubernetes' the autoscaler's clock runs."""
    sync_seconds: Annotated[float, msgspec.Meta(gt=0)] = 15.0
    """Between two decisions of the autoscaler, on its clock (kube-controller-manager's default)."""
    metric_resolution_seconds: Annotated[float, msgspec.Meta(gt=0)] = 15.0
    """Between two usage samples, on the autoscaler's clock (metrics-server's default)."""
    webui_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """Port of the web UI; 0 takes any free one."""
    instance: str = ""
    """Random letters that tell this lab from another with its name; kept when a crashed lab is started again."""


class DamagedLab(LabLost):
    """The lab's folder does not hold what dclab has put there."""


class Envelope(msgspec.Struct, frozen=True):
    """A question as it travels. `verb` and `arguments` keep their names and `down` its meaning in every version."""

    verb: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")
    version: str = ""
    """Of the client's dclab; empty before dclab wrote it."""
    pid: int = 0
    """Of the client, to name it."""
    instance: str = ""
    """The lab that is meant (`Settings.instance`); empty for any lab with its name. Another one does nothing but say so."""
    hold: str = ""
    """Token of the hold under which the client changes the lab; empty for none."""


class Fault(msgspec.Struct, frozen=True):
    """A DclabError on its way from the supervisor to the client."""

    code: str
    what: str
    why: str = ""
    hint: str = ""


class Reply(msgspec.Struct, frozen=True):
    """What comes back: an answer or a fault."""

    version: str = ""
    """Of the supervisor's dclab; empty before dclab wrote it."""
    answer: msgspec.Raw = msgspec.Raw()
    fault: Fault | None = None


def log_file(folder: Path, replica: str) -> Path:
    """Return the path of everything that a replica or a job printed, over all its restarts."""
    return log_in(grows(folder), replica)


def log_in(place: Path, replica: str) -> Path:
    """Return the path of a log where it lies; the supervisor knows the place, and needs no link that may be removed."""
    return place / "logs" / f"{replica}.log"


def supervisor_log(folder: Path) -> Path:
    """Return the path of what the supervisor says of itself."""
    return grows(folder) / "supervisor.log"


def grows(folder: Path) -> Path:
    """Return where a lab keeps what may grow, through a link that leads to its state folder.

    By a link, so that a command finds it whose XDG_STATE_HOME is another.
    """
    return folder / "state"


def socket_path(folder: Path) -> Path:
    """Return the path of the supervisor's socket."""
    return folder / "control"


def settings_file(folder: Path) -> Path:
    """Return the path of the lab's `lab.json`, which is there until someone ends the lab."""
    return folder / "lab.json"


def write_settings(folder: Path, settings: Settings) -> None:
    """Write the lab's `lab.json`."""
    partial = folder / ".lab.json"
    partial.write_text(settings_text(settings))
    partial.replace(settings_file(folder))


def settings_text(settings: Settings) -> str:
    """Return settings as JSON."""
    return msgspec.json.encode(settings).decode()


def parse_settings(text: str) -> Settings:
    """Return the settings that a text holds; ValueError when it holds none."""
    return _decode(text.encode(), Settings)


def read_settings(folder: Path) -> Settings:
    """Return what the lab's `lab.json` says; DamagedLab when it is missing, damaged or of another lab."""
    file = settings_file(folder)
    try:
        if not file.is_file():  # also: a pipe would block the process that opens it
            raise ValueError("it is no file" if file.exists() else "it is missing")
        settings = _decode(file.read_bytes(), Settings)
        if settings.name != folder.name:
            raise ValueError(f"it is of the lab {settings.name!r}")
    except (OSError, ValueError) as error:
        raise DamagedLab(
            f"The settings of the lab {folder.name!r} cannot be read.",
            f"{file}: {error}.",
            f"`dclab down --name {folder.name}` removes the lab, whatever state it is in.",
        ) from error
    return settings


def envelope_line(verb: str, arguments: Any, *, instance: str = "", hold: str = "") -> bytes:
    """Return a question as a line, from this process."""
    packed = msgspec.Raw(msgspec.json.encode(arguments))
    return msgspec.json.encode(Envelope(verb, packed, __version__, os.getpid(), instance, hold)) + b"\n"


def decode_envelope(line: bytes) -> Envelope:
    """Return the question that a line holds; ValueError when it is none."""
    return _decode(line, Envelope)


def decode_arguments(envelope: Envelope, question: type[T]) -> T:
    """Return the question with its arguments; ValueError when they are not its own."""
    return _decode(bytes(envelope.arguments), question)


def answer_line(answer: Any) -> bytes:
    """Return an answer as a line."""
    return msgspec.json.encode({"version": __version__, "answer": answer}) + b"\n"


def fault_line(error: DclabError) -> bytes:
    """Return an error as a line."""
    fault = Fault(error.code, error.what, error.why, error.hint)
    return msgspec.json.encode({"version": __version__, "fault": fault}) + b"\n"


def decode_reply(line: bytes) -> Reply:
    """Return the reply that a line holds, its answer still encoded; ValueError when it is none."""
    reply = _decode(line, Reply)
    if reply.fault is None and not bytes(reply.answer):
        raise ValueError("it holds neither an answer nor a fault")
    return reply


def decode_answer(reply: Reply, kind: type[T]) -> T:
    """Return the answer of a reply, or raise the error that it reports; ValueError when it is of another type."""
    if reply.fault is not None:
        fault = reply.fault
        raise FAULTS.get(fault.code, DclabError)(fault.what, fault.why, fault.hint)
    return _decode(bytes(reply.answer), kind)


def _decode(line: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
