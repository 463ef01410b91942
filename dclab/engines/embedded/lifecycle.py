"""The supervisor process of a lab: its start, its end, and what a crash has left of it.

Whether a lab runs is never written down: it does when its supervisor answers. What a crash or a reboot left is found
by the mark that every process of a lab carries.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dclab.clock import POLL, wait_for
from dclab.engines.embedded import wire
from dclab.engines.embedded.ask import Gone, OtherVersion, ask, read_line
from dclab.engines.embedded.questions import AskAbout, Down
from dclab.engines.embedded.wire import LAB_MARK, SOCKET_PATH_LIMIT, Settings, socket_path
from dclab.errors import DclabError, MissingTool, TimedOut
from dclab.paths import lab_folder, labs_folder, state_folder

if TYPE_CHECKING:
    import psutil

__all__ = ["end", "ensure_running", "leftovers"]

START_TIMEOUT = 20.0
LOCK_TIMEOUT = 60.0
"""Seconds to wait while another command starts or ends a lab; either takes less than 30."""

DOWN_TIMEOUT = 15.0
"""Seconds that a supervisor may take to end everything: jobs have 5, replicas twice 2."""


def ensure_running(settings: Settings) -> bool:
    """Start the supervisor of the lab of that name in the background, unless one answers.

    Returns:
        Whether it had to be started. Its replicas may not be ready yet.

    Raises:
        InvalidInput: the web UI's port is taken.
        MissingTool: the folder for running labs cannot be used.
        NotAnswering, OtherVersion: there is a supervisor, and it cannot be used.
        TimedOut: the supervisor does not come up.
    """
    folder = lab_folder(settings.name)
    if len(os.fsencode(socket_path(folder))) > SOCKET_PATH_LIMIT:
        raise MissingTool(
            f"The folder for running labs, {folder.parent}, has too long a path for a socket.",
            f"At most {SOCKET_PATH_LIMIT} bytes are possible.",
            "Set XDG_RUNTIME_DIR or TMPDIR to a folder with a shorter path, or give the lab a shorter name.",
        )
    with _locked():
        with contextlib.suppress(Gone):
            ask(folder, AskAbout())
            return False
        _clear(folder)
        try:
            folder.mkdir(mode=0o700)
            _make_state_folder(folder)
            wire.write_settings(folder, settings)
            _spawn(folder)
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
        return True


def end(folder: Path) -> bool:
    """End the lab in that folder, whatever state it is in, and clear what is left of it.

    Returns:
        Whether there was anything.
    """
    if not folder.exists() and not leftovers(folder):
        return False
    with _locked():
        with contextlib.suppress(DclabError):
            with contextlib.suppress(OtherVersion):
                ask(folder, AskAbout(), within=2.0)  # one that hangs is not waited for any longer
            ask(folder, Down(), within=DOWN_TIMEOUT)
            wait_for(lambda: not leftovers(folder), 3.0, "The supervisor does not end.", poll=POLL)
        _clear(folder)
    return True


def leftovers(folder: Path) -> list[psutil.Process]:
    """Return the processes of this user that carry the mark of the lab in that folder."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.uids().real == os.getuid() and process.environ().get(LAB_MARK) == str(folder):
                found.append(process)
    return found


def _clear(folder: Path) -> None:
    """Kill what is left of a lab and remove its folder."""
    import psutil

    for process in leftovers(folder):
        with contextlib.suppress(psutil.Error):
            process.kill()
            process.wait(5)
    kept = wire.grows(folder).resolve()
    if kept.parent.name == "labs" and kept.name == state_folder(folder.name).name:  # wherever XDG_STATE_HOME was
        shutil.rmtree(kept, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(state_folder(folder.name), ignore_errors=True)


def _make_state_folder(folder: Path) -> None:
    """Make the place for what may grow: on disk, or in the lab's folder where the user's home cannot be written to."""
    link, kept = wire.grows(folder), state_folder(folder.name)
    try:
        kept.mkdir(mode=0o700, parents=True)
        link.symlink_to(kept)
    except OSError:
        link.mkdir(mode=0o700)


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Start or end one lab at a time. The folder itself is locked: a lock file would stay, or race with its removal."""
    descriptor = os.open(labs_folder(), os.O_RDONLY | os.O_DIRECTORY)

    def taken() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        wait_for(
            taken,
            LOCK_TIMEOUT,
            "Another dclab command is starting or ending a lab.",
            hint="Wait for it, or stop it, and try again.",
            poll=POLL,
        )
        yield
    finally:
        os.close(descriptor)


def _spawn(folder: Path) -> None:
    """Start the supervisor in a session of its own; return once it listens."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as told, wire.supervisor_log(folder).open("ab") as log:
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
        try:
            line = read_line(told.fileno(), lambda size: os.read(told.fileno(), size), time.monotonic() + START_TIMEOUT)
            wire.decode_answer(wire.decode_reply(line), type(None))
        except TimeoutError as error:
            raise TimedOut(
                f"The lab's supervisor did not start within {START_TIMEOUT:.0f} s.",
                "This machine may be overloaded.",
                "Try again when it has less to do.",
            ) from error
        except EOFError as error:
            with contextlib.suppress(subprocess.TimeoutExpired):  # what is left of it, the caller clears
                process.wait(5)
            raise TimedOut("The lab's supervisor ended while starting.", _last_words(folder), "Try again.") from error
        except ValueError as error:
            raise TimedOut(
                "The lab's supervisor did not start as it should.",
                f"Its first line cannot be read: {error}.",
                "Try again.",
            ) from error


def _last_words(folder: Path) -> str:
    """Return the last line of the supervisor's log."""
    with contextlib.suppress(OSError):
        lines = wire.supervisor_log(folder).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""
    return ""
