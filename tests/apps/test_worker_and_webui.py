"""worker and webui against a real Redis."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from apps.resp import Redis
from dclab.engines.embedded.reports import Reports


@pytest.fixture
def upstream():
    """rng and hasher in one: counts its connections, and can be told to fail."""

    class Upstream:
        connections = 0
        requests = 0
        fail = False

    state = Upstream()
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    state.port = listener.getsockname()[1]

    def run():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                state.connections += 1
                data = connection.recv(65536)
                if not data or state.fail:
                    continue
                body = b"r" * 32 if data.startswith(b"GET /32 ") else b"0" * 64
                if data.startswith(b"POST"):
                    while b"r" * 32 not in data:
                        data += connection.recv(65536)
                    state.requests += 1
                head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
                connection.sendall(head + body)

    threading.Thread(target=run, daemon=True).start()
    yield state
    listener.close()


def services(upstream, redis, **more):
    return {
        "RNG_SERVICE_HOST": "127.0.0.1",
        "RNG_SERVICE_PORT": upstream.port,
        "HASHER_SERVICE_HOST": "127.0.0.1",
        "HASHER_SERVICE_PORT": upstream.port,
        "REDIS_SERVICE_HOST": redis.address[0],
        "REDIS_SERVICE_PORT": redis.address[1],
        "DELAY": 0.01,
        **more,
    }


def hashes(redis):
    return int(redis.ask("GET", "hashes") or 0)


def test_a_worker_adds_to_the_counter_about_once_a_second(start, redis, upstream, wait_until):
    worker = start("worker", serves=False, **services(upstream, redis))
    seen = set()
    end = time.monotonic() + 2.6
    while time.monotonic() < end:
        seen.add(hashes(redis))
        time.sleep(0.02)
    assert 3 <= len(seen) <= 4
    assert "units of work done, updating hash counter" in worker.leave()


def test_what_a_worker_counted_is_written_when_it_leaves(start, redis, upstream, wait_until):
    worker = start("worker", serves=False, **services(upstream, redis))
    wait_until(lambda: upstream.requests >= 30)
    begin = time.monotonic()
    worker.leave()
    assert time.monotonic() - begin < 1
    assert upstream.requests - 1 <= hashes(redis) <= upstream.requests
    assert worker.process.returncode == 0


def test_every_call_is_a_connection_of_its_own(start, redis, upstream, wait_until):
    start("worker", serves=False, **services(upstream, redis))
    wait_until(lambda: upstream.requests >= 10)
    assert upstream.connections >= 2 * upstream.requests


def test_a_coin_goes_into_the_wallet(start, redis, upstream, wait_until):
    start("worker", serves=False, **services(upstream, redis))
    wait_until(lambda: redis.ask("HLEN", "wallet") == 1)
    assert redis.ask("HGET", "wallet", "0" * 64) == b"r" * 32


def test_after_an_error_a_worker_says_so_backs_off_and_loses_nothing(start, redis, upstream, wait_until):
    worker = start("worker", serves=False, **services(upstream, redis, BACKOFF=0.3))
    wait_until(lambda: upstream.requests >= 5)
    upstream.fail = True
    time.sleep(0.2)
    connections = upstream.connections
    time.sleep(0.15)
    assert upstream.connections <= connections + 1
    upstream.fail = False
    done = upstream.requests
    wait_until(lambda: upstream.requests >= done + 5)
    out = worker.leave()
    assert "Failed: " in out
    assert "Waiting 0.3 s" in out
    assert "Traceback" not in out
    assert upstream.requests - 1 <= hashes(redis) <= upstream.requests


def test_a_worker_gives_up_a_call_that_is_not_answered_in_the_time_that_it_was_given(
    start, redis, upstream, wait_until
):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # its kernel takes connections, and nobody answers
        ours = services(upstream, redis, RNG_SERVICE_PORT=silent.getsockname()[1], TIMEOUT=0.2, BACKOFF=0.1)
        worker = start("worker", serves=False, **ours)
        time.sleep(1.5)
        assert worker.leave().count("Failed: timed out. Waiting 0.1 s") >= 2


def test_what_a_worker_says_that_it_added_is_what_the_counter_has(start, redis, upstream, wait_until):
    """Also after Redis has not taken a report, whose units are in the next one."""
    redis.ask("SET", "hashes", "no number")
    worker = start("worker", serves=False, **services(upstream, redis, BACKOFF=0.2))
    time.sleep(0.5)
    redis.ask("SET", "hashes", 0)
    wait_until(lambda: hashes(redis) > 0)
    redis.ask("SET", "wallet", "no hash")  # a coin that Redis does not take is no report that it did not take
    done = upstream.requests
    wait_until(lambda: upstream.requests > done + 5)
    out = worker.leave()
    assert "Failed: INCRBY: " in out
    assert "Failed: WRONGTYPE" in out
    reports = Reports()
    hear = reports.of("worker-1")
    for line in out.splitlines():
        hear(1.0, line)
    assert sum(one.units for one in reports.since(0)) == hashes(redis)


def test_webui_has_the_originals_three_fields(start, redis):
    webui = start("webui", REDIS_SERVICE_HOST=redis.address[0], REDIS_SERVICE_PORT=redis.address[1])
    status, body = webui.ask(path="/json")
    fields = json.loads(body)
    assert (status, fields["coins"], fields["hashes"]) == (200, 0, None)
    assert abs(fields["now"] - time.time()) < 5
    redis.ask("INCRBY", "hashes", 42)
    redis.ask("HSET", "wallet", "0a", b"x")
    fields = json.loads(webui.ask(path="/json")[1])
    assert (fields["coins"], fields["hashes"], set(fields)) == (1, "42", {"coins", "hashes", "now"})


def test_the_page_needs_nothing_from_elsewhere(start, redis):
    webui = start("webui", REDIS_SERVICE_HOST=redis.address[0], REDIS_SERVICE_PORT=redis.address[1])
    status, page = webui.ask()
    assert status == 200
    assert b"<svg" in page
    assert b"http://" not in page
    assert b"https://" not in page


def test_without_redis_webui_says_so(start):
    webui = start("webui", REDIS_SERVICE_HOST="127.0.0.1", REDIS_SERVICE_PORT=1)
    status, body = webui.ask(path="/json")
    assert status == 503
    assert "Redis" in json.loads(body)["error"]


@pytest.fixture
def redis_behind():
    """What leads to a Redis, as the data path does: its connections can be cut, or left without an answer."""

    class Behind:
        def __init__(self):
            self.connections = 0
            self.cut_before = 0
            """Connections before this one end."""
            self.silent_before = 0
            """Connections before this one stay open, and nothing passes any more."""

        def start(self, address):
            self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
            self.address = self.listener.getsockname()
            threading.Thread(target=self._accept, args=(address,), daemon=True).start()

        def cut(self):
            self.cut_before = self.connections + 1
            time.sleep(0.05)

        def _accept(self, address):
            while True:
                try:
                    client, _ = self.listener.accept()
                except OSError:
                    return
                self.connections += 1
                threading.Thread(target=self._relay, args=(client, address, self.connections), daemon=True).start()

        def _relay(self, client, address, number):
            with client, socket.create_connection(address) as server:
                while number >= self.cut_before:
                    for one in select.select([client, server], [], [], 0.01)[0]:
                        data = one.recv(65536)
                        if not data:
                            return
                        if number >= self.silent_before:
                            (server if one is client else client).sendall(data)

    behind = Behind()
    yield behind
    behind.listener.close()


def test_connections_of_the_web_ui_that_are_of_no_use_any_more_are_made_anew_unnoticed(start, redis, redis_behind):
    """All eight of them: each thread has one of its own, and learns of it when it is next asked."""
    redis_behind.start(redis.address)
    host, port = redis_behind.address
    webui = start("webui", REDIS_SERVICE_HOST=host, REDIS_SERVICE_PORT=port)

    def answers():
        with ThreadPoolExecutor(8) as pool:
            return {status for status, _ in pool.map(lambda _: webui.ask(path="/json"), range(80))}

    for _ in range(3):
        assert answers() == {200}
        redis_behind.cut()
    assert answers() == {200}
    before = redis_behind.connections
    redis_behind.silent_before = before + 1  # as where a node is gone: nobody says that the other side is
    assert answers() == {200}
    assert before + 1 < redis_behind.connections <= before + 8


def test_a_worker_meets_a_restarted_data_path_without_a_pause(start, redis, upstream, redis_behind, wait_until):
    redis_behind.start(redis.address)
    host, port = redis_behind.address
    variables = services(upstream, redis, DELAY=0.3) | {"REDIS_SERVICE_HOST": host, "REDIS_SERVICE_PORT": port}
    worker = start("worker", serves=False, **variables)
    for _ in range(3):
        before = hashes(redis)
        wait_until(lambda: hashes(redis) > before, 3)  # noqa: B023
        redis_behind.cut()
    assert "Failed" not in worker.leave()
    assert redis_behind.connections >= 3


def test_only_what_changes_nothing_is_asked_again(redis):
    """A kept connection that ends just after the question was sent: whether it was carried out, nobody knows."""
    redis.ask("INCRBY", "hashes", 5)
    seen = []

    def serve(listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, socket.create_connection(redis.address) as server:
                for question in range(2):  # the second is carried out, and not answered
                    if not (data := client.recv(65536)):
                        break
                    seen.append(data)
                    server.sendall(data)
                    answer = server.recv(65536)
                    if question == 0:
                        client.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        kept = Redis(listener.getsockname())
        assert kept.read("GET", "hashes") == b"5"
        assert kept.read("GET", "hashes") == b"5"
        assert len(seen) == 3
        with pytest.raises(ConnectionError):
            kept.ask("INCRBY", "hashes", 1)
        assert redis.ask("GET", "hashes") == b"6"
        kept.close()
