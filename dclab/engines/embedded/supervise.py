"""The process of a supervisor: `python -m dclab.engines.embedded.supervise FOLDER TELL LEASE SETTINGS`.

It starts the lab, tells the process that started it how that went, answers on the lab's socket, and ends with the lab.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvloop

from dclab.engines.descriptors import allow_descriptors
from dclab.engines.embedded import home, wire
from dclab.engines.embedded.answering import listen
from dclab.engines.embedded.rotated import OwnLog
from dclab.engines.embedded.supervisor import Supervisor
from dclab.engines.embedded.verbs import Verbs
from dclab.engines.embedded.wire import Settings
from dclab.errors import DclabError, InvalidInput, MissingTool, TimedOut

__all__ = ["main"]

START_SECONDS = 18.0
"""For the services to open; the client that starts the lab waits a little longer."""


def _start_fault(error: OSError, settings: Settings) -> DclabError:
    if settings.webui_port and error.errno == errno.EADDRINUSE:
        return InvalidInput(
            f"Port {settings.webui_port} is in use.",
            "Another program, or another lab, listens there.",
            "Give another --port, or none for any free one.",
        )
    why = str(error) or f"its services were not open within {START_SECONDS:g} s"
    return TimedOut("The lab's supervisor ended while starting.", f"{why}.", "Try again.")


def _tell(descriptor: int, line: bytes) -> None:
    with contextlib.suppress(OSError):  # the client that waited for it is gone
        os.write(descriptor, line)


def _watch_lease(supervisor: Supervisor, lease: int) -> None:
    """End the lab when the process that started it is gone: its end of the pipe closes with it."""
    loop = asyncio.get_running_loop()

    def over() -> None:
        loop.remove_reader(lease)
        supervisor.end_soon("the end of the command that had started it")

    loop.add_reader(lease, over)


async def _serve(folder: Path, settings: Settings, tell: int, lease: int) -> None:
    """Run the lab to its end. DclabError, OSError: it could not be started, and nothing of it runs."""
    log = OwnLog(wire.supervisor_log(folder).resolve())
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: log.say(_described(context)))
    supervisor = Supervisor(folder, settings, log)
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, supervisor.end_soon, f"a {ending.name} to its supervisor")
    try:
        async with asyncio.timeout(START_SECONDS):
            await supervisor.start()
    except OSError as error:  # a TimeoutError is one
        await supervisor.stop()
        raise _start_fault(error, settings) from error
    server = await listen(folder, Verbs(supervisor.parts()), supervisor.gate, supervisor.say)
    if lease >= 0:
        _watch_lease(supervisor, lease)
    _tell(tell, wire.answer_line(None))
    os.close(tell)
    await supervisor.over.wait()
    await asyncio.sleep(0.05)  # for the answer to `down` to leave
    server.close()
    if supervisor.gate.closed.is_set():
        home.remove(folder)


def _described(context: Mapping[str, Any]) -> str:
    error = context.get("exception")
    return f"{context.get('message', 'in a callback')}: {error!r}" if error else str(context.get("message"))


def main() -> None:
    """Run a lab, and tell how its start went: in one line, an answer or a fault as the socket gives them.

    The arguments are its folder, the descriptor to tell, the lease to watch (or -1), and its settings as JSON. Of a start
    that fails nothing is left, unless it was that of a crashed lab: that stays one.
    """
    os.umask(0o077)  # whatever has to be made again, too, is private to this user
    folder, tell, lease = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    crashed = wire.settings_file(folder).exists()
    try:
        settings = wire.parse_settings(sys.argv[4])
        try:
            home.make(folder, settings)
            log = os.open(wire.supervisor_log(folder), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise MissingTool(
                f"The lab cannot be started in {folder}.",
                f"The system says: {error.strerror or error}.",
                "Make room or permission there, or set XDG_RUNTIME_DIR to another folder.",
            ) from error
        for stream in (1, 2):
            os.dup2(log, stream)
        os.close(log)
        allow_descriptors()  # each replica's output takes one
        uvloop.run(_serve(folder, settings, tell, lease))
    except DclabError as error:
        if not crashed:
            home.remove(folder)
        _tell(tell, wire.fault_line(error))


if __name__ == "__main__":
    main()
