"""A port of this machine whose connections go elsewhere: to a pod, or to where a page is really served.

One thread with an event loop serves the connections of all forwards, however many they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from functools import cache
from typing import Any, Protocol, TypeVar

from dclab.engines.descriptors import allow_descriptors
from dclab.errors import DclabError, InvalidInput
from dclab.loopback import LOOPBACK

__all__ = ["Connection", "Forward", "tcp"]

CHUNK = 65536
BACKLOG = 1024
CONNECT_SECONDS = 5.0

HALF_CLOSED_SECONDS = 30.0
"""How long the other direction of a connection may be silent once one has ended. Nobody tells a client that has closed
its connection from one that only has nothing more to send."""

T = TypeVar("T")


class Connection(Protocol):
    """Bytes both ways. Every method raises OSError when the connection is lost."""

    async def read(self) -> bytes:
        """Return some bytes; none at their end."""

    async def write(self, data: bytes) -> None:
        """Send bytes; return when the other side keeps up with them."""

    async def end(self) -> None:
        """Say that nothing more will be sent, where that can be said."""

    async def close(self) -> None:
        """End both directions."""


class Forward:
    """Takes connections until `close`; each goes where `connect` leads at that moment."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], address: str = LOOPBACK) -> None:
        """Listen on a free port.

        Args:
            connect: makes a connection, on the event loop of all forwards; OSError or DclabError when there is none, which
                shows to the client as what it is for it: a connection that ends without an answer.
            address: of this machine.

        Raises:
            InvalidInput: it is none of this machine's addresses.
        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            listener = socket.create_server((address, 0), family=family, backlog=BACKLOG)
        except OSError as error:
            raise InvalidInput(
                f"This machine cannot listen at {address!r}.", f"{error}.", "Name an address of its own, or 0.0.0.0."
            ) from error
        self._connect = connect
        self._relays: set[asyncio.Task[None]] = set()
        host = f"[{address}]" if family == socket.AF_INET6 else address
        self.url = f"http://{host}:{listener.getsockname()[1]}"
        self._server = _on_loop(asyncio.start_server(self._take, sock=listener, backlog=BACKLOG))

    def close(self) -> None:
        """Take no more connections, and end those that there are."""
        _on_loop(self._stop())

    async def _stop(self) -> None:
        self._server.close()
        relays = list(self._relays)
        for one in relays:
            one.cancel()
        await asyncio.wait(relays, timeout=1.0) if relays else None

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        client = _Tcp(reader, writer)
        try:
            with contextlib.suppress(OSError, DclabError):
                upstream = await self._connect()
                try:
                    await _relay(client, upstream)
                finally:
                    await upstream.close()
        except asyncio.CancelledError:  # by _stop; asyncio would log it
            writer.transport.abort()
        finally:
            self._relays.discard(task)
            await client.close()


class _Tcp:
    """A plain connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        return await self._reader.read(CHUNK)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def end(self) -> None:
        self._writer.write_eof()

    async def close(self) -> None:
        """What was sent is still delivered, to a client that takes it."""
        self._writer.close()
        asyncio.get_running_loop().call_later(HALF_CLOSED_SECONDS, self._writer.transport.abort)


async def tcp(host: str, port: int) -> Connection:
    """Connect to a port of a host; OSError when that fails or takes more than CONNECT_SECONDS."""
    async with asyncio.timeout(CONNECT_SECONDS):
        return _Tcp(*await asyncio.open_connection(host, port))


async def _relay(client: Connection, upstream: Connection) -> None:
    """Pass bytes both ways until both have ended, or one has and the other is silent; OSError when either is lost."""
    passed = 0

    async def pass_on(source: Connection, sink: Connection) -> None:
        nonlocal passed
        while data := await source.read():
            await sink.write(data)
            passed += len(data)
        await sink.end()

    ways = {asyncio.create_task(pass_on(client, upstream)), asyncio.create_task(pass_on(upstream, client))}
    try:
        done, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        while True:
            for one in done:
                one.result()
            before = passed
            if not left:
                return
            done, left = await asyncio.wait(left, timeout=HALF_CLOSED_SECONDS)
            if not done and passed == before:
                return
    finally:
        for one in ways:
            one.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


def _on_loop(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, _loop()).result()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """The loop of all forwards, on a thread of its own that ends with the process."""
    allow_descriptors()
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _loop, _context: None)  # it would print on the terminal
    threading.Thread(target=loop.run_forever, name="forwards", daemon=True).start()
    return loop
