"""A forwarded connection that is lost: it ends for whoever uses it, and nothing is said on the terminal."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import socket
import struct
import threading

import pytest
from kubernetes.client import Configuration

from dclab.engines.kube.tunnel import PortForward

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""


def frame(data):
    return bytes([0x82, len(data)]) + data


RESET = None
ENDS = {
    "reset": (RESET, ""),
    "closed": (b"\x88\x00", ""),
    "text": (b"\x81\x01a", "not of v4"),
    "no channel": (frame(b""), "not of v4"),
    "another channel": (frame(b"\x09a"), "not of v4"),
    "another port": (frame(b"\x00\x01\x00"), "instead of its port"),
    "an error": (frame(b"\x01\x50\x00") + frame(b"\x01no such port"), "no such port"),
}


@pytest.fixture
def server():
    """Accept one WebSocket, and send that."""
    threads = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(end):
        connection, _ = listening.accept()
        with connection:
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(4096)
            key = re.search(rb"Sec-WebSocket-Key: (\S+)", request)[1]
            accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
            connection.sendall(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n".encode()
            )
            connection.recv(1)  # the user's first bytes
            if end is RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                connection.sendall(end)

    def start(end):
        threads.append(threading.Thread(target=serve, args=(end,), daemon=True))
        threads[-1].start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/portforward"

    yield start
    for one in threads:
        one.join(5)
    listening.close()


async def lost(url):
    """How a connection ends to which one byte was sent: by nothing, or by an error."""
    tunnel = await PortForward(Configuration(), url, [], 80).open()
    try:
        await tunnel.write(b"x")
        return (await tunnel.read()).decode()
    except ConnectionError as error:
        return str(error)
    finally:
        await tunnel.close()


@pytest.mark.parametrize(("end", "says"), ENDS.values(), ids=ENDS)
def test_a_connection_that_is_lost_ends_and_that_is_all(server, end, says, capfd):
    assert says in (asyncio.run(asyncio.wait_for(lost(server(end)), 5)) or "")
    assert capfd.readouterr().err == ""
