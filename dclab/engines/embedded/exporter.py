"""The lab's exporter: an HTTP page with what its replicas have been asked, for Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from dclab.autoscaler.served import SERVICE_LABEL
from dclab.engines.embedded.endpoint import Asked
from dclab.engines.embedded.listeners import open_listener

__all__ = ["EXPORTER", "open_exporter"]

EXPORTER = "exporter"
"""Name of its service."""

READ_SECONDS = 2.0
"""That a client may take to send its request."""

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SERIES: tuple[tuple[str, str, Callable[[Asked], float]], ...] = (
    (
        "dockercoins_in_flight_seconds_total",
        "Requests that the replica held (waiting or served), integrated over time.",
        lambda asked: asked.in_flight_seconds,
    ),
    (
        "dockercoins_requests_total",
        "Requests that it has accepted, or connections where one carries several.",
        lambda asked: asked.requests,
    ),
    (
        "dockercoins_backlog_full_seconds_total",
        "Seconds in which its backlog was full: then in-flight is a lower bound.",
        lambda asked: asked.full_seconds,
    ),
)
"""Names of the counters (those of apps/exporter), what they are, and where their values come from."""

Replicas = Iterable[tuple[str, str, Asked]]
"""Deployment, name of the replica, what it has been asked."""


async def open_exporter(replicas: Callable[[], Awaitable[Replicas]]) -> asyncio.Server:
    """Serve the page on a loopback port of its own from now on; OSError when there is none."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            is_page = head.startswith(f"GET {PATH} ".encode())
            body = (_page(await replicas()) if is_page else f"What replicas are asked: see {PATH}.\n").encode()
            lines = (
                "HTTP/1.1 200 OK",
                f"Content-Type: {CONTENT_TYPE}",
                f"Content-Length: {len(body)}",
                "Connection: close",
            )
            writer.write("".join(f"{one}\r\n" for one in (*lines, "")).encode() + body)
            await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client has left, or sends something else
        finally:
            writer.close()

    return await asyncio.start_server(answer, sock=open_listener())


def _page(replicas: Replicas) -> str:
    found = [(f'{{{SERVICE_LABEL}="{deployment}",pod="{name}"}}', asked) for deployment, name, asked in replicas]
    return "".join(
        f"# HELP {series} {meaning}\n# TYPE {series} counter\n"
        + "".join(f"{series}{labels} {value(asked):.6f}\n" for labels, asked in found)
        for series, meaning, value in SERIES
    )
