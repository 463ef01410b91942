"""A connection to a port of a pod, through the API server: portforward over a WebSocket.

The protocol is v4.channel.k8s.io (k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go): the first byte of each
message is its channel, 0 for data and 1 for what went wrong, and the first message of each names the port. It cannot say
that one direction has ended.

The official client opens such a connection, too, but sends none of the request's headers but the credentials, so that
nobody could be impersonated, and it takes a thread and a select() for each.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import aiohttp
import certifi
from kubernetes.client import Configuration
from kubernetes.client.rest import should_bypass_proxies
from urllib3.util.ssl_ import create_urllib3_context

from dclab.errors import LabLost

__all__ = ["PortForward", "Tunnel"]

PROTOCOL = "v4.channel.k8s.io"
DATA, ERROR = 0, 1
CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 1.0

KEEP_ALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""So that a network that has gone is noticed within 30 s; a ping would not be answered while a slow reader is waited for."""

_LOST = (aiohttp.ClientError, OSError, RuntimeError, ValueError)
"""What aiohttp raises when a connection cannot be had, or cannot be used any more."""


@dataclass(frozen=True)
class PortForward:
    """A request for connections to one port of a pod, with the credentials of when it was made."""

    configuration: Configuration
    url: str
    """Of the pod's portforward, with its query."""
    headers: Sequence[tuple[str, str]]
    port: int

    async def open(self) -> Tunnel:
        """Connect; LabLost when the connection cannot be had."""
        session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        one = self.configuration
        proxied = one.proxy and not should_bypass_proxies(self.url, one.no_proxy or "")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                opened = await session.ws_connect(
                    self.url,
                    protocols=(PROTOCOL,),
                    headers=[(key, value) for key, value in self.headers if key.lower() not in _NOT_SENT],
                    ssl=_tls(bool(one.verify_ssl), one.ssl_ca_cert, one.cert_file, one.key_file),
                    server_hostname=one.tls_server_name,
                    proxy=one.proxy if proxied else None,
                    proxy_headers=one.proxy_headers if proxied else None,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                )
        except BaseException as error:
            await session.close()
            if not isinstance(error, _LOST):
                raise
            status = getattr(error, "status", None)
            why = f"the API server answered with status {status}" if status else " ".join(str(error).split())[:300]
            raise LabLost(
                "The cluster does not forward to a pod.", f"{why or type(error).__name__}.", "See `dclab status`."
            ) from error
        _keep_alive(opened)
        return Tunnel(session, opened, self.port)


class Tunnel:
    """A connection to a port of a pod (`dclab.engines.forward.Connection`)."""

    def __init__(self, session: aiohttp.ClientSession, opened: aiohttp.ClientWebSocketResponse, port: int) -> None:
        self._session = session
        self._opened = opened
        self._first = port.to_bytes(2, "little")
        self._begun: set[int] = set()

    async def read(self) -> bytes:
        """Return some bytes; none at their end. ConnectionError: not what the protocol allows, or the pod's end failed."""
        while True:
            message = await self._opened.receive()
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED):
                return b""
            if message.type != aiohttp.WSMsgType.BINARY or message.data[:1] not in (b"\0", b"\1"):
                raise ConnectionError(f"what came is not of {PROTOCOL}: {message.data!r:.100}")
            channel, data = message.data[0], message.data[1:]
            if channel not in self._begun:
                if data != self._first:
                    raise ConnectionError(f"channel {channel} begins with {data[:10]!r} instead of its port")
                self._begun.add(channel)
            elif channel == ERROR:
                raise ConnectionError(data.decode(errors="replace"))
            elif data:
                return bytes(data)

    async def write(self, data: bytes) -> None:
        """Send bytes; return when the API server keeps up with them."""
        try:
            await self._opened.send_bytes(bytes([DATA]) + data)
        except _LOST as error:
            raise ConnectionResetError(str(error)) from error

    async def end(self) -> None:
        """Nothing: the protocol has no word for it."""

    async def close(self) -> None:
        """End it."""
        with contextlib.suppress(*_LOST):
            await self._opened.close()
        await self._session.close()


_NOT_SENT = ("accept", "content-type")


@cache
def _tls(verify: bool, authorities: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """TLS as the official client has it; the files have been loaded once by then."""
    context = create_urllib3_context()
    context.check_hostname = verify
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if verify:
        context.load_verify_locations(authorities or certifi.where())
    if certificate:
        context.load_cert_chain(certificate, key, password="")
    return context


def _keep_alive(opened: aiohttp.ClientWebSocketResponse) -> None:
    connection = opened.get_extra_info("socket")
    if connection is None:  # lost already
        return
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEP_ALIVE.items():
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
