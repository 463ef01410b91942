"""The exporter: what it counts of real servers, beside what their clients hold open and what they served."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.exporter.keep_alive import KeepAlive
from apps.exporter.meter import Meter, Requests
from apps.exporter.proc_net import ProcNet, passive_opens
from apps.exporter.sock_diag import Look, SockDiag
from dclab.paths import shipped
from tests.closed_loop import ClosedLoop

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="it reads Linux' tables")
pytestmark = LINUX

KINDS = [SockDiag, ProcNet]


def measured(port, load, seconds, kind=SockDiag):
    """In-flight by a meter that looks a thousand times a second, and what the load held open."""
    meter = Meter(port, (kind,))
    time.sleep(0.1)
    before, begin = load.held(), meter.take()
    while meter.take().at < begin.at + seconds:
        time.sleep(0.001)
    end, after = meter.take(), load.held()
    return (end.in_flight - begin.in_flight) / (end.at - begin.at), after.mean_since(before)


@pytest.mark.parametrize(("users", "threads"), [(1, 1), (4, 1), (30, 1), (6, 10), (30, 10)])
def test_in_flight_is_what_a_closed_loop_holds_open(start, users, threads):
    rng = start("rng", DELAY=0.3 if users == 1 else 0.1, THREADS=threads)
    with ClosedLoop(rng.port, users) as load:
        in_flight, held = measured(rng.port, load, 2.0)
    assert in_flight == pytest.approx(held, rel=0.02)
    assert held > 0.8 * users
    assert load.failed == 0


def test_proc_net_sees_the_same_of_connections_that_are_closed_after_each_answer(start):
    rng = start("rng", DELAY=0.1)
    with ClosedLoop(rng.port, 5) as load:
        in_flight, held = measured(rng.port, load, 2.0, ProcNet)
    # It also sees who was answered and not closed yet, and does not see all connections at one moment.
    assert in_flight == pytest.approx(held, rel=0.15)


@pytest.fixture
def keeps_alive():
    """The port of a server that keeps connections open, and takes 0.1 s for a request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            time.sleep(0.1)
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_an_idle_connection_that_is_kept_open_holds_no_request(keeps_alive):
    looks = SockDiag(keeps_alive)
    with ExitStack() as open_ones:
        for _ in range(3):
            connection = open_ones.enter_context(socket.create_connection(("127.0.0.1", keeps_alive), 5))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(100)
        looks.look()
        assert looks.look() == Look(0, False)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert looks.look() == Look(1, False)
        assert connection.recv(100)


def test_busy_connections_that_are_kept_open_are_counted(keeps_alive):
    with ClosedLoop(keeps_alive, 4, keep_alive=True) as load:
        in_flight, held = measured(keeps_alive, load, 2.0)
    assert in_flight == pytest.approx(held, rel=0.02)


def test_connections_that_are_kept_open_between_requests_are_counted_while_they_are_used(keeps_alive):
    with ClosedLoop(keeps_alive, 4, keep_alive=True, think=0.1) as load:
        in_flight, held = measured(keeps_alive, load, 2.0)
    assert in_flight == pytest.approx(held, rel=0.05)
    assert held < 3


@pytest.fixture
def backlog():
    """A server that accepts nobody, with room for two who wait (listen(2): the kernel lets in one more)."""
    with socket.create_server(("127.0.0.1", 0), backlog=2) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("kind", KINDS)
def test_who_waits_to_be_accepted_is_in_flight_once_something_was_sent(backlog, kind):
    looks = kind(backlog)
    looks.look()
    with socket.create_connection(("127.0.0.1", backlog), 5) as connection:
        assert looks.look().in_flight == 0  # as a TCP probe, or a client that has not spoken yet
        connection.sendall(b"GET")
        assert looks.look() == Look(1, False)
        connection.shutdown(socket.SHUT_WR)
        assert looks.look().in_flight == 0  # who has left waits no longer


@pytest.mark.parametrize("kind", KINDS)
def test_beyond_the_backlog_in_flight_is_a_lower_bound_and_that_is_said(backlog, kind):
    meter = Meter(backlog, (kind,))
    meter.take()
    with ExitStack() as clients:
        for _ in range(6):
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", backlog))
            time.sleep(0.01)
            with contextlib.suppress(OSError):  # not let in
                client.send(b"GET")
        looks = kind(backlog)
        looks.look()
        assert looks.look().in_flight == 3
        before = meter.take()
        if kind is ProcNet:  # sees only who is turned away meanwhile
            with socket.socket() as one_more:
                one_more.setblocking(False)
                one_more.connect_ex(("127.0.0.1", backlog))
                time.sleep(0.01)
                assert meter.take().full > before.full
        else:
            time.sleep(0.01)
            assert meter.take().full > before.full
    meter.take()
    assert before.in_flight >= 0


def test_a_server_that_listens_on_ipv6_is_seen(start):
    try:
        listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    except OSError:
        pytest.skip("no IPv6 here")
    with listener, socket.create_connection(("127.0.0.1", listener.getsockname()[1]), 5) as client:
        client.sendall(b"GET")
        for kind in KINDS:
            looks = kind(listener.getsockname()[1])
            looks.look()
            assert looks.look().in_flight == 1


def test_a_port_at_which_nobody_listens_has_nothing_in_flight():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert SockDiag(port).look() == ProcNet(port).look() == Look(0, False)


class Broken:
    def __init__(self, port):
        raise OSError("not here")


class BreaksLater(ProcNet):
    made = 0

    def __init__(self, port):
        super().__init__(port)
        BreaksLater.made += 1

    def look(self):
        if BreaksLater.made == 1:
            raise OSError("gone")
        return super().look()


def test_what_cannot_be_seen_is_unknown_and_not_zero(capsys):
    meter = Meter(1, (Broken,))
    assert meter.take() is meter.take() is None
    assert capsys.readouterr().err.count("\n") == 1
    assert Meter(1, (Broken, ProcNet)).take() is not None
    assert Meter(1, (BreaksLater, BreaksLater)).take() is not None


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30), st.booleans()), min_size=1, max_size=60),
    st.integers(1, 10),
)
def test_a_kept_connection_is_told_right_whenever_the_kernels_clock_tells(cycles, tick):
    """Requests served for some ms, with pauses; looks in some of them. Times are in ms, the kernel's in ticks."""
    kept, now, received, sent = KeepAlive(), 0, 0, 0
    last_in = last_out = 0
    for served, pause, looked in cycles:
        received, last_in = received + 1, now
        if looked:
            ago = [(now // tick - at // tick) * tick for at in (last_in, last_out)]
            holds = kept.holds_request(b"c", received, sent, *ago)
            if sent and ago[0] != ago[1]:
                assert holds
            kept.end_look()
        now += served
        sent, last_out = sent + 1, now
        if looked:
            ago = [(now // tick - at // tick) * tick for at in (last_in, last_out)]
            # Only something went since the last look, so that no clock is needed.
            assert not kept.holds_request(b"c", received, sent, *ago)
            kept.end_look()
        now += pause


@given(st.integers(1, 2), st.integers(1, 9), st.integers(0, 1000), st.booleans())
def test_within_one_tick_the_counts_of_equal_exchanges_tell(parts, answer, more, holds):
    """Of requests of one or two segments, and answers of some, once there were more of them than an answer has."""
    exchanges = answer + 1 + more
    came = parts * (exchanges + holds)
    assert KeepAlive().holds_request(b"c", came, answer * exchanges, 20, 20) is holds


@given(st.lists(st.integers(0, 5), max_size=50), st.floats(0, 10))
def test_requests_never_fall_and_are_what_is_left_of_the_accepted(steps, probe_seconds):
    accepted, own = [5], [3]
    requests = Requests(lambda: accepted[0], lambda: own[0], probe_seconds if probe_seconds > 1 else 0.0)
    counts, expected = [requests.count()], 0
    for step in steps:
        accepted[0] += step + 1
        own[0] += 1
        expected += step
        counts.append(requests.count())
    assert counts == sorted(counts)
    assert counts[-1] == expected


def test_passive_opens_counts_what_was_accepted():
    before = passive_opens()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(5):
            socket.create_connection(listener.getsockname()).close()
    assert passive_opens() - before >= 5


def in_a_pod(*arguments, **env):
    """What tests/apps/in_a_pod.py prints, from a network namespace of its own."""
    command = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no network namespaces for this user")
    done = subprocess.run(
        [*command, sys.executable, "-m", "tests.apps.in_a_pod", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=shipped(),
        env={**os.environ, **env},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_in_a_pod_it_counts_what_rng_serves_beside_the_kubelets_probes():
    found = in_a_pod(3.0, 6, 1, 0.25, DELAY="0.02")
    assert found["requests"] == pytest.approx(found["answered"], rel=0.02, abs=2)
    # rng still holds some of those that it has accepted, and was asked /served by one more.
    assert 0 <= found["requests_in_all"] - found["served"] <= 6 + 1 + 2
    assert found["in_flight"] == pytest.approx(found["held"], rel=0.1)  # 24 looks
    assert found["full"] == 0
    assert found["memory_mb"] < 25
    assert found["cpu_share"] < 0.01  # 0.005 on a machine that does nothing else
    assert 'dockercoins_requests_total{service="rng",pod="rng-1"}' in found["page"]


def test_it_serves_its_page_and_leaves_on_sigterm(start):
    rng = start("rng", DELAY=0)
    exporter = start("exporter", TARGET_PORT=rng.port, SERVICE="rng")
    status, page = exporter.ask(path="/metrics")
    assert status == 200
    for name in ("in_flight_seconds", "requests", "backlog_full_seconds"):
        assert f'dockercoins_{name}_total{{service="rng",pod="replica-1"}} '.encode() in page
    assert exporter.ask()[0] == 200
    exporter.leave()
    assert exporter.process.returncode == 0


@pytest.mark.parametrize("env", [{}, {"TARGET_PORT": "0", "SERVICE": "rng"}, {"TARGET_PORT": "80"}])
def test_a_wrong_setting_is_one_sentence(start, env):
    exporter = start("exporter", serves=False, **env)
    out, _ = exporter.process.communicate(timeout=5)
    assert exporter.process.returncode == 2
    assert len(out.strip().splitlines()) == 1
