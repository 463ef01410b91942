"""What the data path counts of each replica, beside what the clients hold open."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from dclab.engines.embedded.endpoint import FULL_AFTER, Asked, Endpoint
from dclab.engines.embedded.listeners import free_port
from dclab.engines.embedded.services import Services
from dclab.paths import shipped
from tests.closed_loop import ClosedLoop
from tests.proxies import Proxy


@pytest.fixture
def proxy():
    made = Proxy()
    yield made
    made.close()
    assert made.process.wait(5) == 0


@pytest.fixture
def rng():
    """Start rng with these variables; returns its port."""
    running = []

    def start(**env):
        port = free_port()
        settings = {key: str(value) for key, value in env.items()}
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "apps.rng"],
                cwd=shipped(),
                env={"PATH": os.environ["PATH"], "PORT": str(port), **settings},
            )
        )
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return port
            except OSError:
                time.sleep(0.01)
        raise AssertionError("rng does not listen")

    yield start
    for one in running:
        one.kill()
        one.wait()


class Server:
    """Accepts connections when it is told to, and leaves them to the test."""

    def __init__(self, backlog=10):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = self.listener.getsockname()[1]

    def accept(self):
        connection = self.listener.accept()[0]
        connection.settimeout(5)
        return connection


@pytest.fixture
def server(proxy):
    made = Server()
    proxy.state(rng=[made.port])
    yield made
    made.listener.close()


def grows(proxy, port, seconds=0.1):
    """How many requests are in flight, by how the counter grows."""
    time.sleep(0.02)  # what was just sent is passed on
    before = proxy.asked(port)
    time.sleep(seconds)
    after = proxy.asked(port)
    return (after.in_flight_seconds - before.in_flight_seconds) / (after.at - before.at)


@pytest.mark.parametrize(("users", "threads"), [(1, 1), (4, 1), (30, 1), (6, 10), (30, 10)])
def test_in_flight_and_requests_are_those_of_a_closed_loop(proxy, rng, users, threads):
    port = rng(DELAY=0.3 if users == 1 else 0.1, THREADS=threads)
    proxy.state(rng=[port])
    with ClosedLoop(proxy.port("rng"), users) as load:
        time.sleep(0.1)
        held, before = load.held(), proxy.asked(port)
        time.sleep(2.0)
        ended, after = load.held(), proxy.asked(port)
    in_flight = (after.in_flight_seconds - before.in_flight_seconds) / (after.at - before.at)
    assert in_flight == pytest.approx(ended.mean_since(held), rel=0.02)
    assert after.requests - before.requests == pytest.approx(ended.answered - held.answered, abs=2)
    assert after.full_seconds == 0
    time.sleep(0.05)
    # Every request that was begun was accepted and answered, and none is in flight.
    assert proxy.asked(port).requests == load.held().answered
    assert grows(proxy, port) == 0


def test_each_replica_is_counted_on_its_own(proxy, rng):
    ports = [rng(DELAY=0.01), rng(DELAY=0.01)]
    proxy.state("round robin", rng=ports)
    with ClosedLoop(proxy.port("rng"), 1) as load:
        time.sleep(0.4)
    time.sleep(0.05)
    counts = [proxy.asked(port).requests for port in ports]
    assert sum(counts) == load.held().answered
    assert abs(counts[0] - counts[1]) <= 1


def test_a_connection_holds_a_request_from_its_first_bytes_to_the_answer(proxy, server):
    with socket.create_connection(("127.0.0.1", proxy.port("rng")), 5) as client, server.accept() as replica:
        assert grows(proxy, server.port) == 0
        client.sendall(b"GET / HT")
        assert grows(proxy, server.port) == pytest.approx(1)
        client.sendall(b"TP/1.1\r\n\r\n")
        assert grows(proxy, server.port) == pytest.approx(1)
        assert replica.recv(100)
        replica.sendall(b"HTTP/1.1 200 OK\r\n")
        assert grows(proxy, server.port) == 0
        replica.sendall(b"Content-Length: 0\r\n\r\n")
        assert grows(proxy, server.port) == 0  # it is kept open
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert grows(proxy, server.port) == pytest.approx(1)
    assert grows(proxy, server.port) == 0
    assert proxy.asked(server.port).requests == 1  # connections, where one carries several


@pytest.mark.parametrize("leave", [lambda one: one.shutdown(socket.SHUT_WR), lambda one: one.close()])
def test_a_client_that_has_left_holds_nothing(proxy, server, leave):
    client = socket.create_connection(("127.0.0.1", proxy.port("rng")), 5)
    with client, server.accept():
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert grows(proxy, server.port) == pytest.approx(1)
        leave(client)
        assert grows(proxy, server.port) == 0


def test_a_replica_that_ends_the_connection_holds_nothing(proxy, server):
    with socket.create_connection(("127.0.0.1", proxy.port("rng")), 5) as client:
        with server.accept() as replica:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            replica.recv(100)
        assert grows(proxy, server.port) == 0


def test_an_endpoint_out_of_service_is_counted_until_its_last_request_is_answered(proxy, server):
    with socket.create_connection(("127.0.0.1", proxy.port("rng")), 5) as client, server.accept() as replica:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        proxy.state(rng=[])
        assert grows(proxy, server.port) == pytest.approx(1)
        replica.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        assert grows(proxy, server.port) == 0
    time.sleep(0.05)
    assert str(server.port) not in proxy.state(rng=[])["asked"]
    assert proxy.state(rng=[server.port])["asked"][str(server.port)][1] == 1


def test_beyond_the_backlog_in_flight_is_a_lower_bound_and_that_is_said(proxy):
    server = Server(backlog=2)  # the kernel lets in one more
    proxy.state(rng=[server.port])
    clients = [socket.create_connection(("127.0.0.1", proxy.port("rng")), 5) for _ in range(6)]
    for one in clients:
        one.sendall(b"GET / HTTP/1.1\r\n\r\n")
    time.sleep(FULL_AFTER)
    before = proxy.asked(server.port)
    assert grows(proxy, server.port) == pytest.approx(3)
    after = proxy.asked(server.port)
    assert after.full_seconds - before.full_seconds == pytest.approx(after.at - before.at)
    for one in clients:
        one.close()
    server.listener.close()


def test_a_connection_that_was_refused_is_no_request(proxy):
    port = free_port()
    proxy.state(rng=[port])
    with socket.create_connection(("127.0.0.1", proxy.port("rng")), 5) as client:
        client.settimeout(5)
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert proxy.asked(port)[1:] == (0, 0, 0)


def test_endpoints_that_nobody_uses_any_more_are_forgotten(proxy):
    for first in range(20000, 21500, 500):
        proxy.state(rng=list(range(first, first + 500)))
    answer = proxy.state(rng=[1])
    assert list(answer["asked"]) == ["1"]


def test_two_counts_of_one_replica_add_up():
    assert Asked(1.0, 2.0, 3, 4.0).plus(Asked(5.0, 6.0, 7, 8.0)) == (5.0, 8.0, 10, 12.0)


def test_the_time_of_a_full_backlog_begins_with_who_waits_longest(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("dclab.engines.embedded.endpoint.time.monotonic", lambda: clock[0])
    endpoint = Endpoint(1)
    endpoint.wait("a")
    clock[0] += FULL_AFTER / 2
    endpoint.wait("b")
    assert endpoint.tell(clock[0])[2] == 0
    endpoint.taken("a", accepted=True)
    clock[0] += 1.0
    assert endpoint.tell(clock[0])[2] == pytest.approx(1.0)
    endpoint.taken("b", accepted=False)
    clock[0] += 1.0
    assert endpoint.tell(clock[0]) == (0.0, 1, pytest.approx(1.0))


def test_what_was_counted_by_a_data_path_that_died_is_not_lost(tmp_path, rng):
    port = rng(DELAY=0)
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    async def trial():
        services = Services(environment, tmp_path / "log")
        task = asyncio.create_task(services.run())
        await services.open({"rng": 0})
        await services.publish({"rng": [port]})

        async def answered(count):
            for _ in range(count):
                reader, writer = await asyncio.open_connection("127.0.0.1", services.ports["rng"])
                writer.write(b"GET /1 HTTP/1.1\r\n\r\n")
                assert await reader.read(-1)
                writer.close()
            await services.refresh()
            return services.asked(port)

        first = await answered(5)
        pid = services.pid
        os.kill(pid, signal.SIGKILL)
        while services.pid in (pid, None):
            await asyncio.sleep(0.01)
        assert services.asked(port)[1:] == first[1:]
        second = await answered(3)
        assert services.asked(1) == (second.at, 0, 0, 0)
        task.cancel()
        await services.close()
        return first, second

    first, second = asyncio.run(trial())
    assert (first.requests, second.requests) == (5, 8)
    assert second.at > first.at
    assert second.in_flight_seconds >= first.in_flight_seconds


def test_many_clients_at_once_leave_nothing_in_flight(proxy, rng):
    """Whatever the order of their ends: connections that are cut off, left, and answered."""
    port = rng(DELAY=0.001, THREADS=8)
    proxy.state(rng=[port])

    def client(number):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", proxy.port("rng")), 5) as connection:
                connection.settimeout(5)
                if number % 4:
                    connection.sendall(b"GET /1 HTTP/1.1\r\n\r\n")
                if number % 4 == 2:
                    connection.shutdown(socket.SHUT_WR)
                if number % 4 == 3:
                    connection.recv(100)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(16)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    time.sleep(0.2)
    assert grows(proxy, port) == 0
    assert proxy.asked(port).requests <= 320
