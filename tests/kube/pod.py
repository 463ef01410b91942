"""A pod's port behind an API server's portforward, over real WebSockets: it does what a test has it do."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from aiohttp import WSMsgType, web

PORT = 80
FIRST = PORT.to_bytes(2, "little")


class Pod:
    """Serves `/portforward`; `behave(pod, socket)` is called for each connection once its channels have begun."""

    def __init__(self, behave, tls=None):
        self.behave = behave
        self._tls = tls
        self.sent = 0
        """Bytes of data that it has got rid of."""
        self.headers = []
        self.open = 0
        self.most = 0
        """Connections at once."""
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.url = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(5)

    async def _start(self):
        app = web.Application()
        app.router.add_get("/portforward", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=2000, ssl_context=self._tls).start()
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._runner.addresses[0][1]}/portforward"

    async def _serve(self, request):
        self.headers.append(request.headers)
        opened = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await opened.prepare(request)
        await opened.send_bytes(b"\x00" + FIRST)
        await opened.send_bytes(b"\x01" + FIRST)
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            with contextlib.suppress(ConnectionError):
                await self.behave(self, opened)
        finally:
            self.open -= 1
        return opened

    def close(self):
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)


async def echo(_pod, opened):
    """Send back what comes, until the other side ends."""
    async for message in opened:
        await opened.send_bytes(message.data)


async def answer(_pod, opened):
    """Take one message, answer in two parts with a pause between, and end."""
    await opened.receive()
    await opened.send_bytes(b"\x00first ")
    await asyncio.sleep(0.3)
    await opened.send_bytes(b"\x00second")
    await opened.close()


async def flood(pod, opened):
    """Send without end, as fast as it is taken."""
    while True:
        await opened.send_bytes(b"\x00" + bytes(65536))
        pod.sent += 65536


async def swallow(pod, opened):
    """Read nothing at all."""
    await asyncio.Event().wait()


async def die(_pod, opened):
    """Cut the connection without a word, after the first message."""
    message = await opened.receive()
    assert message.type is WSMsgType.BINARY
    opened._req.transport.abort()
