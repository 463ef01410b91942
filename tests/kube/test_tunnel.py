"""A forwarded connection that is lost: it ends for whoever uses it, and nothing is said on the terminal."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import socket
import ssl
import struct
import threading

import pytest
import trustme
from kubernetes.client import Configuration

from dclab.engines.kube.tunnel import PortForward
from dclab.errors import LabLost
from tests.kube import pod as pods
from tests.kube.pod import PORT, Pod

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


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def secured(authority):
    """A pod behind TLS, of this name, which wants a certificate of its clients; the URL of its portforward."""
    made = []

    def make(*names):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(context)
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        made.append(Pod(pods.echo, tls=context))
        return made[-1].url

    yield make
    for one in made:
        one.close()


@pytest.fixture
def configuration(authority, tmp_path):
    """As a kubeconfig with that authority and a certificate makes it."""
    mine = authority.issue_cert("me")
    found = Configuration()
    found.ssl_ca_cert = str(tmp_path / "ca.pem")
    found.cert_file, found.key_file = str(tmp_path / "me.pem"), str(tmp_path / "me.key")
    authority.cert_pem.write_to_path(found.ssl_ca_cert)
    mine.cert_chain_pems[0].write_to_path(found.cert_file)
    mine.private_key_pem.write_to_path(found.key_file)
    return found


def echoed(configuration, url, headers=()):
    async def once():
        tunnel = await PortForward(configuration, url, headers, PORT).open()
        try:
            await tunnel.write(b"x")
            return await tunnel.read()
        finally:
            await tunnel.close()

    return asyncio.run(asyncio.wait_for(once(), 10))


def test_tls_as_the_kubeconfig_has_it(secured, configuration):
    assert echoed(configuration, secured("127.0.0.1")) == b"x"


def test_a_server_of_another_name(secured, configuration):
    url = secured("kubernetes.default")
    with pytest.raises(LabLost, match=r"(?i)certificate|hostname|mismatch"):
        echoed(configuration, url)
    configuration.tls_server_name = "kubernetes.default"
    assert echoed(configuration, url) == b"x"


def test_a_server_of_another_authority(secured, configuration, tmp_path):
    url = secured("127.0.0.1")
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    configuration.ssl_ca_cert = str(other)
    with pytest.raises(LabLost, match=r"(?i)certificate"):
        echoed(configuration, url)
    configuration.verify_ssl = False
    assert echoed(configuration, url) == b"x"


def test_a_client_without_its_certificate(secured, configuration):
    configuration.cert_file = configuration.key_file = None
    with pytest.raises((LabLost, ConnectionError)):
        echoed(configuration, secured("127.0.0.1"))


def test_a_proxy_is_used_unless_it_is_to_be_passed_by(configuration):
    """One that does not answer shows that it was asked."""
    pod = Pod(pods.echo)
    configuration.proxy = "http://127.0.0.1:9"
    with pytest.raises(LabLost, match=r"127\.0\.0\.1:9|:9"):
        echoed(configuration, pod.url)
    configuration.no_proxy = "127.0.0.1"
    assert echoed(configuration, pod.url) == b"x"
    pod.close()


def test_headers_that_repeat_are_sent_as_often():
    pod = Pod(pods.echo)
    headers = [("Impersonate-Group", "a"), ("Impersonate-Group", "b"), ("Accept", "application/json")]
    assert echoed(Configuration(), pod.url, headers) == b"x"
    assert pod.headers[0].getall("Impersonate-Group") == ["a", "b"]
    assert "Accept" not in pod.headers[0] or pod.headers[0]["Accept"] == "*/*"
    pod.close()


def test_a_refusal_is_told_with_its_status():
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse():
            connection, _ = listening.accept()
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        with pytest.raises(LabLost, match="status 403"):
            echoed(Configuration(), f"http://127.0.0.1:{listening.getsockname()[1]}/portforward")
