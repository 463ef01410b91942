"""Small file systems of the campaign's own, that can be full or read-only without any other program noticing."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.faults.fault import CannotGive

_PRIVATE = "DCLAB_FAULTS_PRIVATE_MOUNTS"


def private_mounts(module: str, arguments: list[str]) -> None:
    """As root, run this module again in a mount namespace of its own; returns there, and where there is no root."""
    if os.geteuid() or os.environ.get(_PRIVATE) or not shutil.which("unshare"):
        return
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        return  # a container whose root may not
    os.environ[_PRIVATE] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", module, *arguments])


def mounts_are_private() -> bool:
    """Whether this process may mount what nobody else sees."""
    return bool(os.environ.get(_PRIVATE))


def mount(place: Path, *arguments: str) -> None:
    """Mount something at a folder."""
    subprocess.run(["mount", *arguments, str(place)], check=True, capture_output=True)


@contextlib.contextmanager
def full_disk(base: Path, name: str) -> Iterator[None]:
    """A while in which a folder of a room has not a byte left."""
    if not mounts_are_private():
        raise CannotGive("a disk of its own needs root")
    ballast = base / name / ".ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def read_only(base: Path, name: str) -> Iterator[None]:
    """A while in which nothing can be written into a folder of a room."""
    if not mounts_are_private():
        raise CannotGive("a disk of its own needs root")
    place = base / name
    # The file system itself cannot be made read-only while a log in it is open; a mount of it can.
    mount(place, "--bind", str(place))
    mount(place, "-o", "remount,bind,ro")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
