"""Whether a replica is ready: it accepts connections, or where the manifest has no check, it goes on running."""

from __future__ import annotations

import asyncio
import socket
import time

from dclab.engines.embedded.guard import is_shortage
from dclab.engines.embedded.output import Output
from dclab.loopback import LOOPBACK

__all__ = ["STARTING_POLL", "accepts", "runs"]

STARTING_POLL = 0.02
"""Seconds between two readiness checks until the first succeeds; afterwards the manifest's period counts."""

RUNS_AFTER = 1.0
PRINTED_AFTER = 0.1
"""Seconds after which a replica without a readiness check is ready: it has run so long, or so long since it printed."""


async def accepts(port: int, timeout: float) -> bool | None:
    """Whether a connection to a loopback port is accepted in time; None when this process can open none, and cannot tell."""
    try:
        # Without streams, which cost three times as much; with thirty replicas that shows.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().sock_connect(connection, (LOOPBACK, port))
    except OSError as error:
        return None if is_shortage(error) else False
    return True


async def runs(output: Output) -> None:
    """Return once a process that has just been started has shown that it does not end at once."""
    until = time.monotonic() + RUNS_AFTER
    while time.monotonic() < until:
        if output.printed:
            await asyncio.sleep(PRINTED_AFTER)
            return
        await asyncio.sleep(STARTING_POLL)
