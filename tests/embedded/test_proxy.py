"""The data path as a process: where it sends connections, and what passes through it."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections import Counter

import pytest

from tests.proxies import Proxy


@pytest.fixture
def proxy():
    made = Proxy()
    yield made
    made.close()
    assert made.process.wait(5) == 0


@pytest.fixture
def replica():
    """A server that answers with its own name once the client has sent all it has."""
    listeners = []

    def start(name, *, at_once=False):
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        listeners.append(listener)

        def run():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    received = 0
                    while not at_once and (data := connection.recv(65536)):
                        received += len(data)
                    connection.sendall(f"{name} {received}".encode())

        threading.Thread(target=run, daemon=True).start()
        return listener.getsockname()[1]

    yield start
    for one in listeners:
        one.close()


def ask(port, data=b"x"):
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.settimeout(5)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer.decode()


def test_connections_are_spread_over_the_ready_replicas(proxy, replica):
    proxy.state(rng=[replica("a"), replica("b")])
    port = proxy.port("rng")
    seen = Counter(ask(port) for _ in range(100))
    assert set(seen) == {"a 1", "b 1"}
    assert min(seen.values()) > 20


def test_an_endpoint_taken_out_gets_no_new_connection(proxy, replica):
    a, b = replica("a"), replica("b")
    proxy.state(rng=[a, b])
    port = proxy.port("rng")
    ask(port)
    proxy.state(rng=[b])
    assert {ask(port) for _ in range(30)} == {"b 1"}


def test_without_endpoints_a_connection_is_reset(proxy):
    proxy.state(rng=[])
    port = proxy.port("rng")
    with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.recv(1)


def test_a_socket_that_did_not_come_is_an_error_and_the_proxy_lives_on(proxy):
    line = {"serial": 1, "listen": ["rng"], "endpoints": {}, "load_balancing": "random"}
    proxy.channel.sendall(json.dumps(line).encode() + b"\n")
    assert json.loads(proxy.answers.readline())["error"]
    proxy.serial = 1
    assert "error" not in proxy.state(x=[])


def test_a_service_can_be_added_while_others_are_served(proxy, replica):
    proxy.state(rng=[replica("a")])
    proxy.state(rng=[replica("a")], prometheus=[replica("p")])
    assert (ask(proxy.port("rng")), ask(proxy.port("prometheus"))) == ("a 1", "p 1")


def test_a_state_that_comes_in_pieces_is_one(proxy, replica):
    proxy.state(rng=[])
    line = {"serial": 2, "listen": [], "endpoints": {"rng": [replica("a")]}, "load_balancing": "random"}
    whole = json.dumps(line).encode() + b"\n"
    for at in range(0, len(whole), 7):
        proxy.channel.sendall(whole[at : at + 7])
    assert json.loads(proxy.answers.readline())["serial"] == 2
    assert ask(proxy.port("rng")) == "a 1"


def test_large_bodies_pass_whole(proxy, replica):
    proxy.state(x=[replica("a")])
    port = proxy.port("x")
    size = 20_000_000
    assert ask(port, random.Random(1).randbytes(1000) * (size // 1000)) == f"a {size}"


def test_a_server_that_speaks_first_is_heard(proxy, replica):
    proxy.state(x=[replica("a", at_once=True)])
    port = proxy.port("x")
    assert {ask(port, b"") for _ in range(200)} == {"a 0"}
