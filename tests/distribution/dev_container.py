"""The dev container without Docker: its commands in a Debian of its own, on a copy of this checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from tests.conftest import CHECKOUT
from tests.distribution.places import USER, Place

FOLDER = CHECKOUT / ".devcontainer"


def described() -> Mapping[str, Any]:
    """Return devcontainer.json, which has no comments here."""
    return json.loads((FOLDER / "devcontainer.json").read_text())


def copy(place: Place) -> str:
    """Copy what git tracks into the home of a place; return the folder as seen there."""
    folder = place.home / "dclab"
    names = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, target)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER)
    return place.inside(folder)


def environment(folder: str) -> dict[str, str]:
    """Return the variables that the description gives a terminal; PATH ends as the place has it."""
    wanted = described()["remoteEnv"]
    return {
        name: value.replace("${containerWorkspaceFolder}", folder).replace(
            "${containerEnv:PATH}", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        )
        for name, value in wanted.items()
    }


def create(place: Place) -> str:
    """Do in a place what is done when the container is made; return the folder of the checkout there.

    Raises:
        AssertionError: it fails.
    """
    folder = copy(place)
    done = place.run([f"{folder}/{described()['postCreateCommand']}"], cwd=folder, seconds=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def quick_run(place: Place, folder: str) -> str:
    """Run the exercise there as a terminal of the container would; return what it printed."""
    done = place.run(
        ["dclab", "run", "--quick", "--out", "run"],
        cwd=folder,
        REMOTE_CONTAINERS="true",
        **environment(folder),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (place.home / "dclab" / "run" / "report.html").stat().st_size
    return done.stdout
