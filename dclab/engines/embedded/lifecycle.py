"""The supervisor process of a lab: its start, its end, and what a crash has left of it.

Whether a lab runs is never written down: it does when its supervisor answers. What a crash or a reboot left is found
by the mark that every process of a lab carries.
"""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

from dclab.clock import POLL, wait_for
from dclab.engines import states
from dclab.engines.embedded import home, wire
from dclab.engines.embedded.ask import Gone, ask, read_line
from dclab.engines.embedded.held import Lease
from dclab.engines.embedded.lock import locked
from dclab.engines.embedded.look import SUPERVISOR, instance_of, leftovers, supervisor_of, why_gone
from dclab.engines.embedded.questions import AskAbout, Down
from dclab.engines.embedded.wire import LAB_MARK, SOCKET_PATH_LIMIT, Settings, socket_path
from dclab.errors import DclabError, LabCrashed, LabEnded, MissingTool, NotSupported, OtherVersion, TimedOut
from dclab.paths import lab_folder, labs_folder, state_folder
from dclab.platforms import wsl_version

__all__ = ["end", "ensure_running", "restart"]

START_TIMEOUT = 20.0

KILL_SECONDS = 5.0

DOWN_TIMEOUT = 15.0
"""Seconds that a supervisor may take to end everything: jobs have 5, replicas twice 2."""


def _silent(_: str) -> None:
    pass


def ensure_running(
    settings: Settings,
    lease: Lease | None = None,
    say: Callable[[str], None] = _silent,
    first: Callable[[Settings], None] = lambda _: None,
) -> None:
    """Start the supervisor of the lab of that name in the background, unless one answers.

    Args:
        settings: of a lab that has to be started.
        lease: ends such a lab; None where nothing but `down` does.
        say: takes a line about what is waited for.
        first: is called with the settings of a lab that was started, before another command can find it. Its replicas may
            not be ready yet.

    Raises:
        InvalidInput: the web UI's port is taken.
        MissingTool: the folder for running labs cannot be used.
        NotAnswering, OtherVersion: there is a supervisor, and it cannot be used.
        NotSupported: this is WSL 1.
        TimedOut: the supervisor does not come up, or another command starts or ends a lab for too long.
    """
    if wsl_version(platform.release()) == 1:
        raise NotSupported(
            "The embedded engine does not run on WSL 1.",
            "WSL 1 translates system calls and has no Linux kernel.",
            "Convert it in Windows' terminal: `wsl --set-version NAME 2`, with the NAME that `wsl --list` shows.",
        )
    folder = lab_folder(settings.name)
    if len(os.fsencode(socket_path(folder))) > SOCKET_PATH_LIMIT:
        raise MissingTool(
            f"The folder for running labs, {folder.parent}, has too long a path for a socket.",
            f"At most {SOCKET_PATH_LIMIT} bytes are possible.",
            "Set XDG_RUNTIME_DIR or TMPDIR to a folder with a shorter path, or give the lab a shorter name.",
        )
    with locked(labs_folder(), say):
        if _runs(folder):
            return
        # That of a crashed lab comes back as the same one.
        settings = replace(settings, instance=instance_of(folder) or secrets.token_hex(8))
        _start(folder, settings, lease)
        first(settings)


def restart(settings: Settings, lease: Lease | None) -> None:
    """Start the supervisor of that lab again if it has crashed; settings are those that it was started with.

    Raises:
        LabEnded: the lab is not there any more; nothing was started.
        DamagedLab: its `lab.json` does not say which lab it was.
        DclabError: as `ensure_running`.
    """
    folder = lab_folder(settings.name)
    with locked(labs_folder(), _silent):
        try:
            ask(folder, AskAbout(), instance=settings.instance)
            return
        except Gone:
            why = why_gone(folder, settings.instance)
        if not isinstance(why, LabCrashed):
            raise why or states.ended(settings.name, f" --name {settings.name}")
        wire.read_settings(folder)
        _start(folder, settings, lease)


def end(folder: Path, instance: str = "", say: Callable[[str], None] = _silent) -> bool:
    """End the lab in that folder, whatever state it is in, and clear what is left of it.

    Args:
        folder: of the lab.
        instance: the lab that is meant, so that another one is left alone; empty for any.
        say: takes a line about what is waited for.

    Returns:
        Whether there was anything.

    Raises:
        TimedOut: something of it does not end, or another command starts or ends a lab for too long.
        MissingTool: its files cannot be removed.
    """
    if not (home.is_there(folder) or leftovers(folder)):
        return False
    with locked(labs_folder(), say):
        if instance and instance_of(folder) not in (None, "", instance):
            return False
        there = home.is_there(folder)
        with contextlib.suppress(DclabError):
            with contextlib.suppress(OtherVersion, LabEnded):
                ask(folder, AskAbout(), within=2.0)  # one that hangs is not waited for any longer
            ask(folder, Down(), within=DOWN_TIMEOUT)
            wait_for(lambda: not leftovers(folder), 3.0, "The supervisor does not end.", poll=POLL)
        there = _clear(folder) or there
        if home.is_there(folder):
            raise MissingTool(
                f"The lab {folder.name!r} is down, but its files cannot be removed.",
                f"They are in {folder} and {state_folder(folder.name)}.",
                "Get permission there, and run it again.",
            )
        return there


def _runs(folder: Path) -> bool:
    """Whether the lab in that folder answers; one that is being ended is waited for."""
    try:
        ask(folder, AskAbout())
        return True
    except LabEnded:
        pass
    except Gone:
        why = why_gone(folder)
        if why and not isinstance(why, LabCrashed):
            raise why from None
    wait_for(
        lambda: supervisor_of(folder) is None,
        DOWN_TIMEOUT,
        f"The lab {folder.name!r} that was there before does not end.",
        hint=f"Run `dclab down --name {folder.name}`, and try again.",
        poll=POLL,
    )
    return False


def _start(folder: Path, settings: Settings, lease: Lease | None) -> None:
    """Start a supervisor; of one that does not come up nothing is left, but a crashed lab stays one."""
    crashed = instance_of(folder) is not None
    _kill(folder)
    try:
        _spawn(folder, settings, lease)
    except BaseException as error:
        if crashed:
            _kill(folder)
        else:
            _clear(folder)
        if isinstance(error, OSError):
            raise MissingTool(
                f"The lab cannot be started in {folder}.",
                f"The system says: {error.strerror or error}.",
                "Make room or permission there, or set XDG_RUNTIME_DIR to another folder.",
            ) from error
        raise


def _kill(folder: Path) -> bool:
    """Kill what is left of a lab; return whether there was anything. TimedOut: something does not end."""
    import psutil

    found = False
    end = time.monotonic() + KILL_SECONDS
    while left := leftovers(folder):
        found = True
        if time.monotonic() > end:
            raise TimedOut(
                f"Processes of the lab {folder.name!r} do not end: {', '.join(str(one.pid) for one in left)}.",
                f"They were killed {KILL_SECONDS:g} s ago; a process that waits for a disk ends only after that.",
                f"Run `dclab down --name {folder.name}` again.",
            )
        # All at once, and then what was started meanwhile.
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=KILL_SECONDS)
    return found


def _clear(folder: Path) -> bool:
    """Kill what is left of a lab and remove its folders; return whether there was anything."""
    home.declare_ended(folder)  # before anyone can take what is killed for a crash
    found = home.is_there(folder)
    killed = _kill(folder)
    home.remove(folder)
    return found or killed


def _spawn(folder: Path, settings: Settings, lease: Lease | None) -> None:
    """Start the supervisor in a session of its own; return once it listens."""
    reader, writer = os.pipe()
    inherited = (writer, lease.reader) if lease else (writer,)
    # What it says before it has a log. It has no name, so that nothing of it can stay.
    with os.fdopen(reader, "rb") as told, tempfile.TemporaryFile() as early:
        try:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    SUPERVISOR,
                    str(folder),
                    str(writer),
                    str(lease.reader if lease else -1),
                    wire.settings_text(settings),
                ],
                stdin=subprocess.DEVNULL,
                stdout=early,
                stderr=early,
                cwd="/",
                env={
                    **os.environ,
                    LAB_MARK: str(folder),
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                },
                pass_fds=inherited,
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
            why = _last_line(early) or home.last_words(folder)
            raise TimedOut("The lab's supervisor ended while starting.", why, "Try again.") from error
        except ValueError as error:
            raise TimedOut(
                "The lab's supervisor did not start as it should.",
                f"Its first line cannot be read: {error}.",
                "Try again.",
            ) from error


def _last_line(printed: IO[bytes]) -> str:
    lines = os.pread(printed.fileno(), 1 << 20, 0).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
