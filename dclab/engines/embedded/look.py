"""Derive the state of a lab whose supervisor does not listen, and find the processes that belong to it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dclab.engines import states
from dclab.engines.embedded import home, wire
from dclab.engines.embedded.wire import LAB_MARK, DamagedLab
from dclab.errors import DclabError

if TYPE_CHECKING:
    import psutil

__all__ = ["SUPERVISOR", "instance_of", "leftovers", "supervisor_of", "why_gone"]

ENDING_SECONDS = 2.0
"""From when a supervisor that ends listens no more until it is gone."""

SUPERVISOR = "dclab.engines.embedded.supervise"
"""The module that a supervisor runs."""


def why_gone(folder: Path, instance: str = "", by: str = "") -> DclabError | None:
    """Return why no supervisor answers in that folder; None when there is no lab.

    Args:
        folder: of the lab.
        instance: the lab that was used there, which someone must have ended if it is not there now; empty for none.
        by: who has ended it, as far as it is known.
    """
    # In this order: a supervisor that is asked to end removes lab.json first, one that dies leaves it.
    running, now = supervisor_of(folder), instance_of(folder)
    name, where = folder.name, f" --name {folder.name}"
    if now is None and not (running and _stays(running)):
        return states.ended(name, where, by) if instance else None
    if instance and now and now != instance:
        return states.ended(name, where, by, replaced=True)
    if running:
        why = f"Its supervisor (process {running.pid}) does not listen at {wire.socket_path(folder)}"
        return states.not_answering(name, why, where, f"Its log is {wire.supervisor_log(folder)}.")
    return states.crashed(name, f"Its supervisor is gone. {_said(folder)}".strip(), where)


def _stays(supervisor: psutil.Process) -> bool:
    """Whether it does not end now: one whose folder someone has removed does not know it."""
    import psutil

    try:
        supervisor.wait(ENDING_SECONDS)
    except psutil.TimeoutExpired:
        return True
    return False


def _said(folder: Path) -> str:
    """Return what a supervisor has said last, as a sentence; empty when it has said nothing."""
    words = home.last_words(folder)
    return f"Its log ends with: {words}" if words else ""


def instance_of(folder: Path) -> str | None:
    """Return the lab whose folder it is; empty when its `lab.json` does not say, None when there is none."""
    if not wire.settings_file(folder).exists():
        return None
    try:
        return wire.read_settings(folder).instance
    except DamagedLab:
        return ""


def supervisor_of(folder: Path) -> psutil.Process | None:
    """Return the process that runs the lab in that folder, if there is one."""
    import psutil

    for process in leftovers(folder):
        with contextlib.suppress(psutil.Error, OSError):
            if SUPERVISOR in process.cmdline():
                return process
    return None


def leftovers(folder: Path) -> list[psutil.Process]:
    """Return the processes of this user that carry the mark of the lab in that folder."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.uids().real == os.getuid() and process.environ().get(LAB_MARK) == str(folder):
                found.append(process)
    return found
