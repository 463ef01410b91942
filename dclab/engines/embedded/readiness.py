"""Whether a replica is ready: its probe succeeds, it accepts connections, or where the manifest has no check, it goes on running."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

from dclab.engines.embedded.guard import is_shortage
from dclab.engines.embedded.output import Output
from dclab.engines.embedded.prober import probe_results
from dclab.loopback import LOOPBACK
from dclab.manifests import Workload

__all__ = ["readiness"]

STARTING_POLL = 0.02
"""Seconds between two readiness checks until the first succeeds; afterwards the manifest's period counts."""

RUNS_AFTER = 1.0
PRINTED_AFTER = 0.1
"""Seconds after which a replica without a readiness check is ready: it has run so long, or so long since it printed."""


async def _accepts(port: int, timeout: float) -> bool | None:
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


async def _runs(output: Output) -> None:
    """Return once a process that has just been started has shown that it does not end at once."""
    until = time.monotonic() + RUNS_AFTER
    while time.monotonic() < until:
        if output.printed:
            await asyncio.sleep(PRINTED_AFTER)
            return
        await asyncio.sleep(STARTING_POLL)


async def readiness(workload: Workload, port: int | None, output: Output, *, ready: bool) -> AsyncIterator[str]:
    """Check whether a process that has just been started is ready; yield what is found.

    Args:
        workload: says how, and how often: by its readiness probe, by connections that are accepted, or not at all.
        port: at which it listens; None for one that does not.
        output: of the process.
        ready: whether it was found ready before.

    Yields:
        Why it is not ready any more, in a few words; empty when it is ready.
    """
    if port is None or workload.readiness_period is None:
        await _runs(output)
        yield ""
        return
    if workload.probe and workload.probe.kind == "readiness":
        async for passes in probe_results(port, workload.probe):
            yield "" if passes else "fails its readiness probe"
    failures = 0
    while True:
        accepted = await _accepts(port, workload.readiness_timeout)
        if accepted:
            failures = 0
            ready = True
            yield ""
        elif accepted is False:
            failures += 1
            if ready and failures >= workload.readiness_failures:
                ready = False
                yield "does not accept connections any more"
        await asyncio.sleep(workload.readiness_period if ready else STARTING_POLL)
