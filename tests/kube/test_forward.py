"""A port that leads to a pod: many connections at once, half-closed ones, slow readers, and tunnels that die."""

from __future__ import annotations

import resource
import socket
import threading
import time
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from kubernetes.client import Configuration

from dclab.engines import forward as forwarding
from dclab.engines.forward import Forward, tcp
from dclab.engines.kube.lab.reach import _Target
from dclab.engines.kube.tunnel import PortForward
from dclab.errors import LabLost
from tests.kube import pod as pods
from tests.kube.pod import PORT, Pod

MANY = 1200
"""More than select() can take, and than the usual limit of descriptors."""


@pytest.fixture
def forwarded():
    """A forward to a pod that behaves so; the pod, and a function that connects."""
    made = []

    def make(behave, connect=None):
        pod = Pod(behave)
        there = PortForward(Configuration(), f"{pod.url}?ports={PORT}", [("X-Who", "ann")], PORT)
        forward = Forward(connect or _Target(SimpleNamespace(targets=lambda _service: [there]), None).connect)
        made.extend([forward, pod])
        address = urlsplit(forward.url)

        def dial():
            return socket.create_connection((address.hostname, address.port), 30)

        return pod, dial

    yield make
    for one in made:
        one.close()


def read_all(connection):
    found = b""
    while data := connection.recv(65536):
        found += data
    return found


def read_exactly(connection, count):
    found = 0
    while found < count:
        data = connection.recv(min(65536, count - found))
        assert data
        found += len(data)
    return found


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 5 * MANY:
        pytest.skip(f"this machine allows {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 5 * MANY), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_more_connections_than_select_can_take_on_one_thread(forwarded):
    pod, dial = forwarded(pods.echo)
    threads = threading.active_count()
    connections = [dial() for _ in range(MANY)]
    try:
        for number, one in enumerate(connections):
            one.sendall(b"number %d" % number)
        for number, one in enumerate(connections):
            expected = b"number %d" % number
            assert one.recv(len(expected), socket.MSG_WAITALL) == expected
        assert pod.most == MANY
        assert max(one.fileno() for one in connections) > 1024
        assert threading.active_count() <= threads + 2  # the loop, and the one that asks for pods
    finally:
        for one in connections:
            one.close()


def test_a_client_that_has_nothing_more_to_send_gets_the_whole_answer(forwarded):
    _, dial = forwarded(pods.answer)
    with dial() as one:
        one.sendall(b"question")
        one.shutdown(socket.SHUT_WR)
        assert read_all(one) == b"first second"


def test_a_client_that_has_left_without_a_word_is_let_go_of(forwarded, monkeypatch, wait_until):
    monkeypatch.setattr(forwarding, "HALF_CLOSED_SECONDS", 0.3)
    pod, dial = forwarded(pods.echo)
    one = dial()
    one.sendall(b"x")
    assert one.recv(1) == b"x"
    one.close()
    wait_until(lambda: pod.open == 0, 5)


def test_a_slow_reader_holds_the_pod_back(forwarded, wait_until):
    pod, dial = forwarded(pods.flood)
    with dial() as one:
        wait_until(lambda: pod.sent > 0, 5)
        sent = -1
        while sent != pod.sent:  # until it stands still
            sent = pod.sent
            time.sleep(0.3)
        assert sent < 30_000_000  # the buffers of four sockets; it would send hundreds a second
        assert read_exactly(one, 50_000_000) == 50_000_000
        assert pod.sent > sent


def test_a_pod_that_does_not_read_holds_the_client_back(forwarded):
    _, dial = forwarded(pods.swallow)
    with dial() as one:
        one.settimeout(0.5)
        with pytest.raises(TimeoutError):
            one.sendall(bytes(60_000_000))


def test_a_slow_connection_does_not_delay_another(forwarded):
    _, dial = forwarded(pods.flood)
    with dial() as slow, dial() as quick:
        time.sleep(0.2)
        begin = time.monotonic()
        assert read_exactly(quick, 5_000_000) == 5_000_000
        assert time.monotonic() - begin < 3
        assert slow.recv(1) == b"\0"


def ends(connection):
    """Whether a connection ends without a byte, be it by a reset."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_a_tunnel_that_dies_ends_its_connection_and_no_other(forwarded, capfd):
    _, dial = forwarded(pods.die)
    with dial() as one, dial() as other:
        one.sendall(b"x")
        assert ends(one)
        other.settimeout(0.2)
        with pytest.raises(TimeoutError):
            other.recv(1)
    assert capfd.readouterr().err == ""


def test_a_pod_that_cannot_be_had_is_a_connection_that_ends(forwarded):
    async def nowhere():
        raise LabLost("There is none.")

    _, dial = forwarded(pods.echo, connect=nowhere)
    with dial() as one:
        assert one.recv(1) == b""


def test_the_requests_headers_are_sent(forwarded):
    pod, dial = forwarded(pods.echo)
    with dial() as one:
        one.sendall(b"x")
        assert one.recv(1) == b"x"
    assert pod.headers[0]["X-Who"] == "ann"


def test_closing_ends_what_is_open_and_takes_nothing_more(wait_until):
    pod = Pod(pods.echo)
    forward = Forward(PortForward(Configuration(), pod.url, [], PORT).open)
    address = urlsplit(forward.url)
    with socket.create_connection((address.hostname, address.port), 5) as one:
        one.sendall(b"x")
        assert one.recv(1) == b"x"
        forward.close()
        assert ends(one)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), 5)
    wait_until(lambda: pod.open == 0, 5)
    pod.close()


def test_a_plain_port_passes_each_end_on(forwarded):
    """As `dclab webui --address` has it: an end of the client is one for the server, which may still answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"got " + read_all(connection))

        threading.Thread(target=serve, daemon=True).start()
        port = server.getsockname()[1]
        _, dial = forwarded(pods.echo, connect=lambda: tcp("127.0.0.1", port))
        with dial() as one:
            one.sendall(b"everything")
            one.shutdown(socket.SHUT_WR)
            assert read_all(one) == b"got everything"
