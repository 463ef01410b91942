"""The data path of an embedded lab: services as loopback listeners, in a process of its own.

A Service is a stable loopback port. Each new connection goes to one ready replica chosen at random, as kube-proxy's
iptables rules do (or in turn, or to the less busy of two, to show what chance costs); the bytes are then passed both
ways untouched. It is a process of its own so that thousands of connections a second cannot delay the supervisor's
decisions.

Its standard input is a Unix socket to the supervisor, which owns the listening sockets: they come over it (SCM_RIGHTS), and
outlive this process. Each line from the supervisor is the whole state, and is answered once it is in force:
`{"serial": 7, "listen": ["rng"], "endpoints": {"rng": [21001, 21002]}, "load_balancing": "random"}` ->
`{"serial": 7, "accepted": {"rng": 1234}, "full": false, "at": 100.5, "asked": {"21001": [8.5, 600, 0]}}`, with an `error` if
it failed. `listen` names the services whose sockets came with the line, `accepted` counts connections, `full` says that no
more can be taken, `asked` says what replicas were asked until `at` (`endpoint.Asked`), of those that serve or have something
new. A line that changes nothing is a heartbeat. End of input ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
import sys
import time
from collections import Counter, deque
from functools import partial
from typing import Any

import uvloop

from dclab.engines.descriptors import allow_descriptors
from dclab.engines.embedded.endpoint import Endpoint
from dclab.engines.embedded.listeners import BACKLOG
from dclab.engines.embedded.relay import Downstream
from dclab.engines.embedded.wire import LOAD_BALANCING_POLICIES

__all__ = ["main"]

MOST_SOCKETS = 64
"""That may come with one piece of input."""

SPARE_DESCRIPTORS = 8
"""Without so many, the event loop closes connections at once, without a word to anybody."""

MOST_ENDPOINTS = 1000
"""That are remembered: a replica that is not ready for a while goes on to be counted."""


class Proxy:
    """All services of one lab."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.load_balancing = LOAD_BALANCING_POLICIES[0]
        self.accepted: Counter[str] = Counter()
        """Connections so far, by service."""
        self._serving: dict[str, list[Endpoint]] = {}
        """Those to which new connections go, by service."""
        self._endpoints: dict[int, Endpoint] = {}
        """All that there were lately, by port."""

    def route(self, service: str) -> Endpoint | None:
        """Count a new connection, and return the replica for it; None if no one is ready."""
        self.accepted[service] += 1
        serving = self._serving.get(service)
        if not serving:
            return None
        if self.load_balancing == "round robin":
            return serving[self.accepted[service] % len(serving)]
        if self.load_balancing == "better of two":
            return min(random.sample(serving, min(2, len(serving))), key=lambda one: one.connections)
        return random.choice(serving)

    async def obey(self, order: dict[str, Any], sockets: deque[socket.socket]) -> None:
        """Put a state in force; OSError or IndexError when a listener cannot be had."""
        self._serving = {
            service: [self._endpoints.setdefault(port, Endpoint(port)) for port in ports]
            for service, ports in order["endpoints"].items()
        }
        self._forget()
        self.load_balancing = order["load_balancing"]
        for service in order["listen"]:
            await self.loop.create_server(
                lambda service=service: Downstream(self.loop, partial(self.route, service)),  # type: ignore[misc]
                sock=sockets.popleft(),
                backlog=BACKLOG,
            )

    def tell(self, now: float) -> dict[int, tuple[float, int, float]]:
        """Return what replicas were asked until now, by port: of those that serve, or have been asked something since."""
        serving = self._ports
        return {port: one.tell(now) for port, one in self._endpoints.items() if port in serving or one.has_news}

    @property
    def _ports(self) -> set[int]:
        return {one.port for ones in self._serving.values() for one in ones}

    def _forget(self) -> None:
        """Keep no more endpoints than MOST_ENDPOINTS, unless they are used."""
        serving = self._ports
        idle = [port for port, one in self._endpoints.items() if port not in serving and not one.has_news]
        for port in idle[: max(0, len(self._endpoints) - MOST_ENDPOINTS)]:
            del self._endpoints[port]


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
            now = time.monotonic()
            answer |= {"at": now, "asked": proxy.tell(now)}
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


def main() -> None:
    """Serve until standard input ends."""
    allow_descriptors()
    uvloop.run(_serve())


if __name__ == "__main__":
    main()
