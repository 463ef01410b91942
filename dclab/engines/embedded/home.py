"""The two folders of a lab: the private one that it runs in, and the one for files that can grow.

The supervisor makes them and removes them, so that nothing is left of a start whose client was killed. `lab.json` is there
from the start of a lab until someone ends it: a folder with one and no supervisor is that of a lab that has crashed.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from dclab.engines.embedded import wire
from dclab.engines.embedded.wire import Settings
from dclab.paths import state_folder

__all__ = ["declare_ended", "is_there", "last_words", "make", "remove"]


def make(folder: Path, settings: Settings) -> None:
    """Make both folders; of a crashed lab nothing but the supervisor's log is kept.

    Raises:
        OSError: they cannot be made.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    wire.write_settings(folder, settings)
    wire.socket_path(folder).unlink(missing_ok=True)
    kept = wire.grows(folder)
    if kept.is_dir():
        for old in kept.iterdir():
            if old != wire.supervisor_log(folder):
                shutil.rmtree(old, ignore_errors=True)
        return
    place = state_folder(folder.name)
    shutil.rmtree(place, ignore_errors=True)  # a reboot has left it
    try:
        place.mkdir(mode=0o700, parents=True)
        kept.unlink(missing_ok=True)
        kept.symlink_to(place)
    except OSError:  # the user's home cannot be written to
        kept.mkdir(mode=0o700)


def is_there(folder: Path) -> bool:
    """Whether there is one of the two folders."""
    return folder.exists() or state_folder(folder.name).exists()


def declare_ended(folder: Path) -> None:
    """Make it known that the lab is being ended: whatever becomes of its processes now, it has not crashed."""
    with contextlib.suppress(OSError):
        wire.settings_file(folder).unlink()


def remove(folder: Path) -> None:
    """Remove both folders, as far as they are there."""
    declare_ended(folder)
    kept, place = wire.grows(folder).resolve(), state_folder(folder.name)
    if kept.parent.name == place.parent.name and kept.name == place.name:  # wherever XDG_STATE_HOME was
        shutil.rmtree(kept, ignore_errors=True)
    shutil.rmtree(place, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def last_words(folder: Path) -> str:
    """Return the last line of the supervisor's log; empty where there is none."""
    with contextlib.suppress(OSError):
        lines = wire.supervisor_log(folder).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""
    return ""
