"""Messages about the states of a lab, the same on both engines.

*absent*, *not answering*, *of another dclab version*, *ended by the user*, *crashed*, and of one that runs: *held*. They
are derived each time from what is there, and written down nowhere. `where` are the options that name the lab in another
command, each behind a space, such as ` --name mine`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from dclab import __version__
from dclab.errors import LabCrashed, LabEnded, LabHeld, NoLab, NotAnswering, OtherVersion

__all__ = ["Holder", "absent", "crashed", "ended", "held", "not_answering", "other_version"]


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A command that holds a lab."""

    what: str
    """The command, such as `dclab scale-sweep`."""
    pid: int
    """Its process."""
    host: str = ""
    """The machine that it runs on; empty for this one."""
    since: float
    """Unix seconds."""


def absent(name: str, engine: str, where: str) -> NoLab:
    """Return the error for a lab that there is not."""
    return NoLab(
        f"No lab named {name!r} is running.",
        f"On the {engine} engine.",
        f"Start it with `dclab up{where}`; `dclab list` shows the labs that there are.",
    )


def not_answering(name: str, why: str, where: str, more: str = "") -> NotAnswering:
    """Return the error for a lab that is there and does not answer; `more` is where to look."""
    return NotAnswering(
        f"The lab {name!r} does not answer.",
        f"{why}.",
        f"Try again, or replace the lab: {_again(where)}. {more}".strip(),
    )


def other_version(name: str, version: str, where: str) -> OtherVersion:
    """Return the error for a lab that another dclab has started; no version is one before dclab wrote it."""
    return OtherVersion(
        f"The lab {name!r} runs with {f'dclab {version}' if version else 'an older dclab'}.",
        f"This is dclab {__version__}, and the two do not understand each other.",
        f"Use that version, or start the lab again: {_again(where)}.",
    )


def ended(name: str, where: str, by: str = "", *, replaced: bool = False) -> LabEnded:
    """Return the error for a lab that someone has ended while it was used.

    Args:
        name: of the lab.
        where: it was.
        by: who ended it, such as "`dclab down` (process 4242)"; empty where it is not known.
        replaced: another lab has its name now.
    """
    why = f"It was ended by {by or '`dclab down`, or with the command that had started it'}; it has not crashed."
    left = " Another lab has its name now, and was left alone." if replaced else ""
    hint = "Run the command again to use that one." if replaced else f"Start one with `dclab up{where}`."
    return LabEnded(f"The lab {name!r} was ended while this command used it.", f"{why}{left}", hint)


def crashed(name: str, why: str, where: str) -> LabCrashed:
    """Return the error for a lab of which what runs it has died; `why` is its last word, or empty."""
    return LabCrashed(
        f"The lab {name!r} has crashed.",
        why,
        f"`dclab up{where}` starts it again; `dclab down{where}` removes what is left of it.",
    )


def held(name: str, holder: Holder) -> LabHeld:
    """Return the error for a lab that another command holds."""
    there = f" on {holder.host}" if holder.host else ""
    since = time.strftime("%H:%M", time.localtime(holder.since))
    return LabHeld(
        f"The lab {name!r} is held by `{holder.what}` (process {holder.pid}{there}, since {since}).",
        "It measures, and a change from elsewhere would spoil its figures; nothing was changed.",
        f"Wait until it has ended, or end it with Ctrl-C{'' if holder.host else f' or `kill {holder.pid}`'}. "
        "`dclab status`, `dclab watch` and `dclab down` work meanwhile.",
    )


def _again(where: str) -> str:
    return f"`dclab down{where}`, then `dclab up{where}`"
