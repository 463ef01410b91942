"""Finding, listing, starting and ending embedded labs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from dclab.clock import POLL
from dclab.engines.embedded import lifecycle
from dclab.engines.embedded.ask import Gone, ask
from dclab.engines.embedded.client import EmbeddedLab
from dclab.engines.embedded.held import Lease
from dclab.engines.embedded.look import leftovers, why_gone
from dclab.engines.embedded.questions import AskAbout
from dclab.engines.embedded.wire import Settings
from dclab.errors import DclabError, InvalidInput, LabEnded, NotAnswering, OtherVersion
from dclab.lab import LabSummary
from dclab.paths import check_name, lab_folder, labs_folder

__all__ = ["find_lab", "labs", "leftovers", "start", "stop"]

LOOK_SECONDS = 0.15
"""For a supervisor to answer when all labs are listed."""

STARTING_SECONDS = 3.0
"""For a supervisor that is just starting to listen."""


def find_lab(name: str) -> EmbeddedLab | None:
    """Return the running lab of that name, or None when there is none.

    Raises:
        LabCrashed, NotAnswering, OtherVersion, Unreadable: there is one, and it cannot be used.
    """
    folder = lab_folder(name)
    end = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            return EmbeddedLab(folder, ask(folder, AskAbout()).settings)
        except LabEnded:
            return None
        except Gone:
            why = why_gone(folder)
        if not isinstance(why, NotAnswering) or time.monotonic() > end:
            break
        time.sleep(POLL)
    if why:
        raise why
    return None


def labs() -> list[LabSummary]:
    """Return every lab of this user that has a folder, with whether it answers at once."""
    return [
        LabSummary(name=folder.name, engine=EmbeddedLab.engine, state=state)
        for folder in sorted(labs_folder().iterdir())
        if folder.is_dir() and _is_name(folder.name) and (state := _state(folder))
    ]


def start(
    settings: Settings, *, leased: bool = False, held_by: str = "", say: Callable[[str], None] = lambda _: None
) -> tuple[EmbeddedLab, bool]:
    """Return the lab of that name, started if need be, and whether it had to be.

    Args:
        settings: of a lab that has to be started.
        leased: such a lab ends with this process, however it ends.
        held_by: holds such a lab from before another command can find it (`Lab.hold`), to its end; empty for nothing.
        say: takes a line about what is waited for.

    Raises:
        DclabError: as `lifecycle.ensure_running`.
    """
    folder = lab_folder(settings.name)
    lease = Lease() if leased else None
    started: list[EmbeddedLab] = []

    def first(settled: Settings) -> None:
        lab = EmbeddedLab(folder, settled, lease)
        started.append(lab)
        if held_by:
            lab.take_hold(held_by)

    try:
        lifecycle.ensure_running(settings, lease, say, first)
    finally:
        if lease and not started:
            lease.end()
    if started:
        return started[0], True
    return EmbeddedLab(folder, ask(folder, AskAbout()).settings), False


def stop(folder: Path, say: Callable[[str], None] = lambda _: None) -> bool:
    """End the lab in that folder, whatever state it is in; return whether there was anything."""
    return lifecycle.end(folder, say=say)


def _state(folder: Path) -> Literal["running", "not answering", "other version", "crashed"] | None:
    try:
        ask(folder, AskAbout(), within=LOOK_SECONDS)
    except OtherVersion:
        return "other version"
    except LabEnded:
        return None
    except Gone:
        why = why_gone(folder)
        if why is None:
            return None
        return "not answering" if isinstance(why, NotAnswering) else "crashed"
    except DclabError:
        return "not answering"
    return "running"


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except InvalidInput:
        return False
    return True
