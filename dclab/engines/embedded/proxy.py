"""The data path of an embedded lab: services as loopback listeners, in a process of its own.

A Service is a stable loopback port. Each new connection goes to one ready replica chosen at random, as kube-proxy's
iptables rules do (or in turn, or to the less busy of two, to show what chance costs); the bytes are then passed both
ways untouched. It is a process of its own so that thousands of connections a second cannot delay the supervisor's
decisions.

The supervisor writes JSON lines to its standard input and reads one answer a line from its standard output:
`{"listen": {"rng": 0}}` -> `{"ports": {"rng": 23456}}` (0 asks for any free port),
`{"endpoints": {"rng": [31001, 31002]}}` -> `{}` and `{"load_balancing": "round robin"}` -> `{}`; what fails is answered
with `{"error": "…", "errno": 98}`. End of input ends the process.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import sys
from collections import Counter
from typing import Any, cast

import uvloop

from dclab.engines.embedded.wire import LOAD_BALANCING_POLICIES
from dclab.loopback import LOOPBACK

__all__ = ["main"]

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


def _reset(transport: asyncio.BaseTransport) -> None:
    """End a connection so that the client is told of an error, also when it has sent nothing yet."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    cast(asyncio.Transport, transport).abort()


class _Downstream(_Half):
    """The client's side: picks a replica and joins the two."""

    def __init__(self, proxy: Proxy, service: str) -> None:
        super().__init__()
        self.proxy = proxy
        self.service = service
        self.joining: asyncio.Task[None] | None = None
        self.port: int | None = None
        """Of the replica, once it is chosen."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        endpoints = self.proxy.endpoints.get(self.service)
        if endpoints:
            self.joining = self.proxy.loop.create_task(self._join(self.proxy.choose(self.service, endpoints)))
        else:
            _reset(transport)

    async def _join(self, port: int) -> None:
        self.proxy.under_way[port] += 1
        self.port = port
        try:
            await self.proxy.loop.create_connection(lambda: _Upstream(self), LOOPBACK, port)
        except OSError:
            if self.transport:
                _reset(self.transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self.port is not None:
            self.proxy.under_way[self.port] -= 1
        super().connection_lost(error)


class _Upstream(_Half):
    """The replica's side, joined as soon as it is there: a replica may speak, and end, before it is spoken to."""

    def __init__(self, downstream: _Half) -> None:
        super().__init__()
        self.peer: _Half = downstream

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        if self.peer.transport is None:
            self.transport.abort()
            return
        self.peer.peer = self
        if self.peer.early:
            self.transport.write(self.peer.early)
            self.peer.early = b""
        if self.peer.ended:
            self.transport.write_eof()


class Proxy:
    """All services of one lab."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.endpoints: dict[str, list[int]] = {}
        self.load_balancing = LOAD_BALANCING_POLICIES[0]
        self.turns: Counter[str] = Counter()
        """Connections so far, by service."""
        self.under_way: Counter[int] = Counter()
        """Connections now, by replica's port."""

    def choose(self, service: str, endpoints: list[int]) -> int:
        """The replica's port for a new connection."""
        if self.load_balancing == "round robin":
            self.turns[service] += 1
            return endpoints[self.turns[service] % len(endpoints)]
        if self.load_balancing == "better of two":
            two = random.sample(endpoints, min(2, len(endpoints)))
            return min(two, key=self.under_way.__getitem__)
        return random.choice(endpoints)

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
        if "load_balancing" in order:
            self.load_balancing = order["load_balancing"]
            return {}
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
            answer = {"error": error.strerror or str(error), "errno": error.errno}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Serve until standard input ends."""
    uvloop.run(_serve())


if __name__ == "__main__":
    main()
