"""The data path of an embedded lab: services as loopback listeners, in a process of its own.

A Service is a stable loopback port. Each new connection goes to one ready replica chosen at random,
as kube-proxy's iptables rules do; the bytes are then passed both ways untouched. It is a process of
its own so that thousands of connections a second cannot delay the supervisor's decisions.

The supervisor speaks JSON lines on standard input and reads one answer a line from standard output:
`{"listen": {"rng": 0}}` -> `{"ports": {"rng": 23456}}` (0 asks for any free port), and
`{"endpoints": {"rng": [31001, 31002]}}` -> `{}`. End of input ends the process.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sys
from typing import Any, cast

import uvloop

__all__ = ["main"]

LOOPBACK = "127.0.0.1"
BACKLOG = 1024


class _Half(asyncio.Protocol):
    """One side of a relayed connection; what arrives before the other side is there is kept for it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.peer: _Half | None = None
        self.early = b""
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.peer is None:
            self.early += data
        elif self.peer.transport:
            self.peer.transport.write(data)

    def eof_received(self) -> bool:
        # Half-close is passed on; a transport closes by itself only once both directions have ended.
        self.ended = True
        if self.peer is None:
            return True
        if not self.peer.transport:
            return False
        if self.peer.ended:
            self.peer.transport.close()
            return False
        self.peer.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = True
        self.transport = None
        if self.peer and self.peer.transport:
            if error is None:
                self.peer.transport.close()
            else:
                self.peer.transport.abort()


class _Downstream(_Half):
    """The client's side: picks a replica and joins the two."""

    def __init__(self, proxy: Proxy, service: str) -> None:
        super().__init__()
        self.proxy = proxy
        self.service = service
        self.joining: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        endpoints = self.proxy.endpoints.get(self.service)
        if endpoints:
            self.joining = self.proxy.loop.create_task(self._join(random.choice(endpoints)))
        elif self.transport:
            self.transport.abort()

    async def _join(self, port: int) -> None:
        try:
            _, upstream = await self.proxy.loop.create_connection(_Half, LOOPBACK, port)
        except OSError:
            if self.transport:
                self.transport.abort()
            return
        assert upstream.transport is not None
        if self.transport is None:
            upstream.transport.abort()
            return
        upstream.peer, self.peer = self, upstream
        if self.early:
            upstream.transport.write(self.early)
            self.early = b""
        if self.ended:
            upstream.transport.write_eof()


class Proxy:
    """All services of one lab."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.endpoints: dict[str, list[int]] = {}

    async def listen(self, wanted: dict[str, int]) -> dict[str, int]:
        """Open a listener for each service; returns the port of each."""
        ports: dict[str, int] = {}
        for service, port in wanted.items():
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((LOOPBACK, port))
            ports[service] = listener.getsockname()[1]
            await self.loop.create_server(
                lambda service=service: _Downstream(self, service),  # type: ignore[misc]
                sock=listener,
                backlog=BACKLOG,
            )
        return ports

    async def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out one order of the supervisor."""
        if "listen" in order:
            return {"ports": await self.listen(order["listen"])}
        self.endpoints = order["endpoints"]
        return {}


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    proxy = Proxy(loop)
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        try:
            answer = await proxy.obey(json.loads(line))
        except OSError as error:
            answer = {"error": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Serve until standard input ends."""
    uvloop.run(_serve())


if __name__ == "__main__":
    main()
