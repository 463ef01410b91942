"""Starting, finding and clearing embedded labs.

Whether a lab runs is never written down: it does when its supervisor answers. What a crash or a reboot
left is found by the mark that every process of a lab carries.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

from dclab.clock import wait_for
from dclab.engines.embedded.client import EmbeddedLab, ask
from dclab.engines.embedded.container import LAB_MARK
from dclab.engines.embedded.wire import Settings, socket_path
from dclab.errors import DclabError, InvalidInput, LabLost, MissingTool, TimedOut
from dclab.paths import lab_folder, labs_folder

__all__ = ["find_lab", "labs", "leftovers", "start", "stop"]

START_TIMEOUT = 20.0
SOCKET_PATH_LIMIT = 103
"""Longest path of a Unix socket that Linux (107) and macOS (103) both take, in bytes."""


def find_lab(name: str) -> EmbeddedLab | None:
    """The running lab of that name, or None."""
    folder = lab_folder(name)
    try:
        ask(folder, "about", dict)
    except LabLost:
        return None
    return EmbeddedLab(folder)


def labs() -> list[str]:
    """Names of all labs that have a folder, running or not."""
    return sorted(one.name for one in labs_folder().iterdir() if (one / "lab.json").exists())


def start(settings: Settings) -> tuple[EmbeddedLab, bool]:
    """The lab of that name: the running one as it is, else a new one, started in the background.

    Returns:
        The lab, and whether it had to be started. Its replicas may not be ready yet.

    Raises:
        InvalidInput: the web UI's port is taken.
        MissingTool: the folder for running labs cannot be used.
        TimedOut: the supervisor does not come up.
    """
    folder = lab_folder(settings.name)
    if len(os.fsencode(socket_path(folder))) > SOCKET_PATH_LIMIT:
        raise MissingTool(
            f"The folder for running labs, {folder.parent}, has too long a path for a socket.",
            f"At most {SOCKET_PATH_LIMIT} bytes are possible.",
            "Set XDG_RUNTIME_DIR or TMPDIR to a folder with a shorter path, or give the lab a shorter name.",
        )
    with _locked(settings.name):
        if lab := find_lab(settings.name):
            return lab, False
        _clear(folder)
        try:
            folder.mkdir(mode=0o700)
            (folder / "lab.json").write_bytes(msgspec.json.encode(settings))
            _spawn(folder, settings)
        except OSError as error:
            _clear(folder)
            raise MissingTool(
                f"The lab cannot be started in {folder}.",
                f"The system says: {error.strerror or error}.",
                "Make room or permission there, or set XDG_RUNTIME_DIR to another folder.",
            ) from error
        except BaseException:
            _clear(folder)
            raise
        return EmbeddedLab(folder), True


def stop(folder: Path) -> bool:
    """End the lab in that folder and clear what is left of it; returns whether there was anything."""
    if not folder.exists() and not leftovers(folder):
        return False
    with _locked(folder.name):
        with contextlib.suppress(DclabError):
            ask(folder, "down", type(None), timeout=15.0)
            wait_for(lambda: not leftovers(folder), 3.0, "The supervisor does not end.", poll=0.02)
        _clear(folder)
    return True


def leftovers(folder: Path) -> list[psutil.Process]:
    """Processes of this user that carry the mark of the lab in that folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.uids().real == os.getuid() and process.environ().get(LAB_MARK) == str(folder):
                found.append(process)
    return found


def _clear(folder: Path) -> None:
    """Kill what is left of a lab and remove its folder."""
    for process in leftovers(folder):
        with contextlib.suppress(psutil.Error):
            process.kill()
            process.wait(5)
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(name: str) -> Iterator[None]:
    """One start or stop of a lab at a time."""
    with (labs_folder() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _spawn(folder: Path, settings: Settings) -> None:
    """Start the supervisor in a session of its own; return once it listens."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as told, (folder / "supervisor.log").open("ab") as log:
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "dclab.engines.embedded.supervisor", str(folder), str(writer)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={
                    **os.environ,
                    LAB_MARK: str(folder),
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                },
                pass_fds=(writer,),
                start_new_session=True,
            )
        finally:
            os.close(writer)
        listening, _, _ = select.select([told], [], [], START_TIMEOUT)
        line = told.readline() if listening else b""
    answer = json.loads(line) if line else {"error": ""}
    if "error" not in answer:
        return
    if not listening:
        raise TimedOut(
            f"The lab's supervisor did not start within {START_TIMEOUT:.0f} s.",
            "This machine may be overloaded.",
            "Try again when it has less to do.",
        )
    with contextlib.suppress(subprocess.TimeoutExpired):  # what is left of it, the caller clears
        process.wait(START_TIMEOUT)
    last = (folder / "supervisor.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    if settings.webui_port and "ddress already in use" in answer["error"]:
        raise InvalidInput(
            f"Port {settings.webui_port} is in use.",
            "Another program, or another lab, listens there.",
            "Give another --port, or none for any free one.",
        )
    raise TimedOut("The lab's supervisor ended while starting.", answer["error"] or " ".join(last), "Try again.")
