"""Where things are: the files dclab ships, and the private folders of running labs."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

from dclab.errors import InvalidInput, MissingTool

__all__ = ["check_name", "lab_folder", "labs_folder", "shipped", "state_folder", "state_home"]

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")


def shipped() -> Path:
    """Folder that holds `apps/` and `manifests/`: inside the wheel, or the top of a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "_data"
    return inside if inside.is_dir() else package.parent


def check_name(name: str) -> str:
    """Return the lab's name when it is one; else InvalidInput."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot name a lab.",
            "A name has 1 to 32 lower-case letters, digits and dashes, with no dash at its ends.",
            "Try --name dclab.",
        )
    return name


def labs_folder() -> Path:
    """The folder of all running labs: private to this user, and gone after a reboot.

    Raises:
        MissingTool: when it cannot be made, or is not private to this user.
    """
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    # The XDG specification has a relative path ignored; it would also name another folder in each directory.
    folder = runtime / "dclab" if runtime.is_absolute() else Path(tempfile.gettempdir()) / f"dclab-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise MissingTool(
            f"The folder for running labs, {folder}, cannot be made.",
            f"The system says: {error.strerror or error}.",
            "Make room or permission there, or set XDG_RUNTIME_DIR to a folder of your own.",
        ) from error
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077:
        raise MissingTool(
            f"The folder for running labs, {folder}, is not private to you.",
            "Someone else owns it or may write to it, so a lab in it could be tampered with.",
            "Remove it, or set XDG_RUNTIME_DIR to a folder of your own.",
        )
    return folder


def lab_folder(name: str) -> Path:
    """The folder of one lab (it need not exist)."""
    return labs_folder() / check_name(name)


def state_home() -> Path:
    """Return the folder of what outlives a lab (it need not exist). A relative XDG_STATE_HOME is ignored, as XDG says."""
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if os.path.isabs(state) else Path(os.path.expanduser("~/.local/state"))
    return base / "dclab"


def state_folder(name: str) -> Path:
    """Return where a lab keeps what may grow: logs and Prometheus' data (it need not exist).

    The runtime folder is memory on most machines, and small. Two labs with one name are possible, in two runtime folders
    (a login has one, a cron job another); so the folder's name says which one it is of.
    """
    labs = labs_folder()
    of = hashlib.sha256(os.fsencode(labs)).hexdigest()[:8]
    return state_home() / "labs" / f"{check_name(name)}.{of}"
