"""The data path of an embedded lab: services as loopback listeners, in a process of its own.

A Service is a stable loopback port. Each new connection goes to one ready replica chosen at random, as kube-proxy's
iptables rules do (or in turn, or to the less busy of two, to show what chance costs); the bytes are then passed both
ways untouched. It is a process of its own so that thousands of connections a second cannot delay the supervisor's
decisions.

Its standard input is a Unix socket to the supervisor, which owns the listening sockets: they come over it (SCM_RIGHTS), and
outlive this process. Each line from the supervisor is the whole state, and is answered once it is in force:
`{"serial": 7, "listen": ["rng"], "endpoints": {"rng": [21001, 21002]}, "load_balancing": "random"}` ->
`{"serial": 7, "accepted": {"rng": 1234}, "full": false}`, with an `error` if it failed. `listen` names the services whose
sockets came with the line, `accepted` counts connections, `full` says that no more can be taken. A line that changes nothing
is a heartbeat. End of input ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import resource
import socket
import struct
import sys
from collections import Counter, deque
from typing import Any, cast

import uvloop

from dclab.engines.embedded.listeners import BACKLOG
from dclab.engines.embedded.wire import LOAD_BALANCING_POLICIES
from dclab.loopback import LOOPBACK

__all__ = ["main"]

MOST_SOCKETS = 64
"""That may come with one piece of input."""

SPARE_DESCRIPTORS = 8
"""Without so many, the event loop closes connections at once, without a word to anybody."""

MOST_DESCRIPTORS = 65536
"""As far as the system allows: a connection takes two."""


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
        self.proxy.accepted[self.service] += 1
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
        self.accepted: Counter[str] = Counter()
        """Connections so far, by service."""
        self.under_way: Counter[int] = Counter()
        """Connections now, by replica's port."""

    def choose(self, service: str, endpoints: list[int]) -> int:
        """The replica's port for a new connection."""
        if self.load_balancing == "round robin":
            return endpoints[self.accepted[service] % len(endpoints)]
        if self.load_balancing == "better of two":
            two = random.sample(endpoints, min(2, len(endpoints)))
            return min(two, key=self.under_way.__getitem__)
        return random.choice(endpoints)

    async def obey(self, order: dict[str, Any], sockets: deque[socket.socket]) -> None:
        """Put a state in force; OSError or IndexError when a listener cannot be had."""
        self.endpoints = order["endpoints"]
        self.load_balancing = order["load_balancing"]
        for service in order["listen"]:
            await self.loop.create_server(
                lambda service=service: _Downstream(self, service),  # type: ignore[misc]
                sock=sockets.popleft(),
                backlog=BACKLOG,
            )


class _Orders:
    """What the supervisor sends: lines, and beside them sockets, in the order in which the lines name them."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.sockets: deque[socket.socket] = deque()
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._begun = b""
        channel.setblocking(False)
        asyncio.get_running_loop().add_reader(channel, self._read)

    async def next(self) -> bytes | None:
        """Return the next line, None at the end of input."""
        return await self._lines.get()

    def _read(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self.channel, 65536, MOST_SOCKETS)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        self.sockets.extend(socket.socket(fileno=one) for one in descriptors)
        *lines, self._begun = (self._begun + data).split(b"\n")
        for line in lines:
            self._lines.put_nowait(line)
        if not data:
            asyncio.get_running_loop().remove_reader(self.channel)
            self._lines.put_nowait(None)


async def _serve() -> None:
    proxy = Proxy(asyncio.get_running_loop())
    with socket.socket(fileno=sys.stdin.fileno()) as channel:
        orders = _Orders(channel)
        while line := await orders.next():
            order = json.loads(line)
            answer: dict[str, Any] = {"serial": order["serial"], "accepted": proxy.accepted, "full": _is_full()}
            try:
                await proxy.obey(order, orders.sockets)
            except (OSError, IndexError) as error:
                answer["error"] = str(error) or repr(error)
            with contextlib.suppress(BlockingIOError):  # a supervisor that does not read is told by the next answer
                channel.send(json.dumps(answer).encode() + b"\n")


def _is_full() -> bool:
    """Whether descriptors have run out."""
    spare: list[int] = []
    try:
        spare.extend(os.dup(0) for _ in range(SPARE_DESCRIPTORS))
    except OSError:
        return True
    finally:
        for one in spare:
            os.close(one)
    return False


def _allow_descriptors() -> None:
    """Raise the soft limit, often 1024, to what this process may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    with contextlib.suppress(OSError, ValueError):  # macOS has another limit beside it
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> None:
    """Serve until standard input ends."""
    _allow_descriptors()
    uvloop.run(_serve())


if __name__ == "__main__":
    main()
