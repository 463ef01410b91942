"""One connection through the data path: two halves that pass on untouched what they receive."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import cast

from dclab.engines.embedded.endpoint import Endpoint
from dclab.loopback import LOOPBACK

__all__ = ["Downstream"]


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
            self.peer.was_asked()

    def eof_received(self) -> bool:
        # Half-close is passed on; a transport closes by itself only once both directions have ended.
        self.ended = True
        if self.peer is None:
            return True
        if not self.peer.transport:
            return False
        self.peer.was_left()
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
            self.peer.was_left()
            if error is None:
                self.peer.transport.close()
            else:
                self.peer.transport.abort()

    def was_asked(self) -> None:
        """Note that something was passed on to this side."""

    def was_left(self) -> None:
        """Note that this side has answered, or that one of them has ended."""


class Downstream(_Half):
    """The client's side: is sent to a replica, and joins the two."""

    def __init__(self, loop: asyncio.AbstractEventLoop, route: Callable[[], Endpoint | None]) -> None:
        """`route` picks the replica; None if there is none."""
        super().__init__()
        self._loop = loop
        self._route = route
        self._endpoint: Endpoint | None = None
        self._joining: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to join it to a replica, or reset it where there is none."""
        super().connection_made(transport)
        self._endpoint = self._route()
        if self._endpoint:
            self._endpoint.connections += 1
            self._joining = self._loop.create_task(self._join(self._endpoint))
        else:
            _reset(transport)

    async def _join(self, endpoint: Endpoint) -> None:
        endpoint.wait(self)
        accepted = False
        try:
            await self._loop.create_connection(lambda: _Upstream(self, endpoint), LOOPBACK, endpoint.port)
            accepted = True
        except OSError:
            if self.transport:
                _reset(self.transport)
        finally:
            endpoint.taken(self, accepted=accepted)

    def connection_lost(self, error: Exception | None) -> None:
        """End the replica's side, too."""
        if self._endpoint:
            self._endpoint.connections -= 1
        super().connection_lost(error)


class _Upstream(_Half):
    """The replica's side, joined as soon as it is there: a replica may speak, and end, before it is spoken to."""

    def __init__(self, downstream: _Half, endpoint: Endpoint) -> None:
        super().__init__()
        self.peer: _Half = downstream
        self._endpoint = endpoint
        self._holds_request = False

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
            self.was_asked()
        if self.peer.ended:
            self.transport.write_eof()
            self.was_left()

    def data_received(self, data: bytes) -> None:
        self.was_left()
        super().data_received(data)

    def eof_received(self) -> bool:
        self.was_left()
        return super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self.was_left()
        super().connection_lost(error)

    def was_asked(self) -> None:
        """Count a request, unless one is in flight on this connection."""
        if not self._holds_request:
            self._holds_request = True
            self._endpoint.begin_request()

    def was_left(self) -> None:
        """The request, if there is one, is in flight no longer."""
        if self._holds_request:
            self._holds_request = False
            self._endpoint.end_request()


def _reset(transport: asyncio.BaseTransport) -> None:
    """End a connection so that the client sees an error, also when it has sent nothing yet."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    cast(asyncio.Transport, transport).abort()
