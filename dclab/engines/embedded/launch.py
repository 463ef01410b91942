"""Finding, listing, starting and ending embedded labs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from dclab.engines.embedded import lifecycle
from dclab.engines.embedded.ask import Gone, OtherVersion, ask
from dclab.engines.embedded.client import EmbeddedLab
from dclab.engines.embedded.lifecycle import leftovers
from dclab.engines.embedded.questions import AskAbout
from dclab.engines.embedded.wire import Settings
from dclab.errors import DclabError, InvalidInput
from dclab.lab import LabSummary
from dclab.paths import check_name, lab_folder, labs_folder

__all__ = ["find_lab", "labs", "leftovers", "start", "stop"]

LOOK_SECONDS = 0.15
"""For a supervisor to answer when all labs are listed."""


def find_lab(name: str) -> EmbeddedLab | None:
    """Return the running lab of that name, or None.

    Raises:
        NotAnswering, Unreadable, OtherVersion: there is one, and it cannot be used.
    """
    folder = lab_folder(name)
    try:
        ask(folder, AskAbout())
    except Gone:
        return None
    return EmbeddedLab(folder)


def labs() -> list[LabSummary]:
    """Return every lab of this user that has a folder, with whether it answers at once."""
    return [
        LabSummary(name=folder.name, engine=EmbeddedLab.engine, state=_state(folder))
        for folder in sorted(labs_folder().iterdir())
        if folder.is_dir() and _is_name(folder.name)
    ]


def start(settings: Settings) -> tuple[EmbeddedLab, bool]:
    """Return the lab of that name, started if need be (`lifecycle.ensure_running`), and whether it had to be."""
    started = lifecycle.ensure_running(settings)
    return EmbeddedLab(lab_folder(settings.name)), started


def stop(folder: Path) -> bool:
    """End the lab in that folder, whatever state it is in; return whether there was anything."""
    return lifecycle.end(folder)


def _state(folder: Path) -> Literal["running", "not answering", "crashed"]:
    try:
        ask(folder, AskAbout(), within=LOOK_SECONDS)
    except OtherVersion:
        return "running"
    except Gone:
        return "crashed"
    except DclabError:
        return "not answering"
    return "running"


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except InvalidInput:
        return False
    return True
