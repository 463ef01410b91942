"""The data path as the supervisor keeps it: what becomes of connections when its process dies, hangs or is starved."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from dclab.engines.embedded import listeners
from dclab.engines.embedded.listeners import PORTS, free_port, open_listener, waiting_at
from dclab.engines.embedded.proxy_process import LAST_LOOKS, PATIENCE_LOOKS, SPINNING_SECONDS, hangs
from dclab.engines.embedded.services import Services
from tests.measure.busy import busy

NOTICED_WITHIN = 3.0

ENVIRONMENT = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

SPINS_ON_SIGUSR1 = """
import signal

def spin(*_):
    while True:
        pass

signal.signal(signal.SIGUSR1, spin)
"""


@pytest.fixture
def echo():
    """The port of a server that returns what it is sent."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:

        def answer(client):
            with client, contextlib.suppress(OSError):
                while data := client.recv(65536):
                    client.sendall(data)

        def run():
            while listener.fileno() >= 0:
                try:
                    client, _ = listener.accept()
                except OSError:  # it was closed, or this process may have no descriptor now
                    time.sleep(0.01)
                    continue
                threading.Thread(target=answer, args=(client,), daemon=True).start()

        threading.Thread(target=run, daemon=True).start()
        yield listener.getsockname()[1]


def asked(port, timeout=15.0):
    """Ask on a connection of its own; returns the seconds that it took. OSError: it was refused, reset or left waiting."""
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        connection.sendall(b"x")
        if connection.recv(1) != b"x":
            raise ConnectionResetError("ended without an answer")
    return time.monotonic() - begin


class DataPath:
    """Services with one service, kept running by a task."""

    def __init__(self, services, log):
        self.services = services
        self.said = log
        self.port = services.ports["echo"]
        self.pids = [services.pid]

    async def ask(self, **more):
        return await asyncio.to_thread(asked, self.port, **more)

    async def until(self, true, seconds):
        begin = time.monotonic()
        while not true():
            assert time.monotonic() - begin < seconds, (self.services.trouble(), self.said)
            await asyncio.sleep(0.02)
        return time.monotonic() - begin

    async def replaced(self, seconds=NOTICED_WITHIN):
        """Wait until the process is given up, in so many seconds, and another serves, as soon as the machine can start it."""
        old = self.pids[-1]
        await self.until(lambda: self.services.pid != old, seconds)
        await self.until(lambda: self.services.trouble() is None, 10)
        self.pids.append(self.services.pid)


def run(tmp_path, echo, scenario, environment=None):
    """Run a scenario on a data path of its own."""

    async def whole():
        said = []
        services = Services({**ENVIRONMENT, **(environment or {})}, tmp_path / "log", said.append)
        await services.open({"echo": 0})
        await services.publish({"echo": [echo]})
        keeper = asyncio.ensure_future(services.run())
        try:
            while services.trouble():
                await asyncio.sleep(0.01)
            await scenario(DataPath(services, said))
        finally:
            keeper.cancel()
            await services.close()

    asyncio.run(whole())


def test_before_there_is_a_process_connections_wait_and_are_served_then(tmp_path, echo):
    async def whole():
        services = Services(ENVIRONMENT, tmp_path / "log")
        await services.open({"echo": 0})
        assert "is being started" in services.trouble()
        waiting = [asyncio.ensure_future(asyncio.to_thread(asked, services.ports["echo"])) for _ in range(5)]
        await asyncio.sleep(0.1)
        await services.publish({"echo": [echo]})
        keeper = asyncio.ensure_future(services.run())
        assert len(await asyncio.gather(*waiting)) == 5
        keeper.cancel()
        await services.close()

    asyncio.run(whole())


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP, signal.SIGUSR1], ids=["dies", "is stopped", "spins"])
def test_a_process_that_dies_or_hangs_is_replaced_and_no_connection_refused(tmp_path, echo, blow):
    (tmp_path / "sitecustomize.py").write_text(SPINS_ON_SIGUSR1)

    async def scenario(path):
        ports = path.services.ports
        os.kill(path.services.pid, blow)
        if blow == signal.SIGUSR1:  # it takes one more connection before it comes to spin
            with contextlib.suppress(TimeoutError):
                await path.ask(timeout=0.2)
        elif blow == signal.SIGKILL:
            await path.until(lambda: path.services.pid != path.pids[0], 1.0)
        waiting = [asyncio.ensure_future(path.ask()) for _ in range(20)]
        if blow != signal.SIGKILL:
            await path.until(path.services.trouble, 1.5)
        await path.replaced()
        assert len(await asyncio.gather(*waiting)) == 20
        assert path.services.ports == ports
        assert any("another process is started" in one for one in path.said)

    run(tmp_path, echo, scenario, {"PYTHONPATH": os.pathsep.join((str(tmp_path), ENVIRONMENT["PYTHONPATH"]))})


def test_one_after_the_other_under_requests_only_those_under_way_are_lost(tmp_path, echo):
    """Ten users ask again and again: a request that had begun may be reset, a new one is never refused."""

    async def scenario(path):
        over = threading.Event()
        failures = []

        def user():
            while not over.is_set():
                try:
                    asked(path.port)
                except ConnectionRefusedError:
                    failures.append("refused")
                except OSError as error:
                    failures.append(type(error).__name__)

        with ThreadPoolExecutor(10) as pool:
            users = [asyncio.wrap_future(pool.submit(user)) for _ in range(10)]
            for blow in (signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP, signal.SIGKILL, signal.SIGKILL):
                await asyncio.sleep(0.3)
                os.kill(path.services.pid, blow)
                await path.replaced()  # at once each time: one that has served owes no pause to the next
            over.set()
            await asyncio.gather(*users)
        assert len(failures) <= 50  # a user has one request under way
        assert set(failures) <= {"ConnectionResetError", "BrokenPipeError"}

    run(tmp_path, echo, scenario)


def test_under_a_siege_on_busy_processors_a_healthy_process_is_kept_and_called_healthy(tmp_path, echo):
    async def scenario(path):
        over = threading.Event()

        def user():
            while not over.is_set():
                asked(path.port)

        with busy(60), ThreadPoolExecutor(30) as pool:
            users = [asyncio.wrap_future(pool.submit(user)) for _ in range(30)]
            try:
                for _ in range(100):
                    await asyncio.sleep(0.05)
                    assert path.services.trouble() is None
            finally:
                over.set()
                await asyncio.gather(*users)
        assert path.services.pid == path.pids[0]

    run(tmp_path, echo, scenario)


def test_what_changed_while_it_hung_is_in_force_afterwards(tmp_path, echo):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nowhere = nobody.getsockname()[1]

    async def scenario(path):
        await path.services.publish({"echo": [nowhere]})
        with pytest.raises(OSError):  # noqa: PT011
            await path.ask()
        os.kill(path.services.pid, signal.SIGSTOP)
        begin = time.monotonic()
        await path.services.publish({"echo": [echo]})
        assert 1 < time.monotonic() - begin < 2 * NOTICED_WITHIN
        await path.services.set_load_balancing("round robin")
        await path.services.open({"later": 0})
        await path.replaced()
        await path.ask()
        await path.services.publish({"echo": [echo], "later": [echo]})
        await asyncio.to_thread(asked, path.services.ports["later"])

    run(tmp_path, echo, scenario)


def test_a_process_that_was_stopped_together_with_its_supervisor_is_kept(tmp_path, echo):
    """As after a suspend. The supervisor here is a process of its own, so that it can be stopped."""
    code = f"""
import asyncio, sys
from pathlib import Path
from dclab.engines.embedded.services import Services
async def whole():
    services = Services({ENVIRONMENT!r}, Path({str(tmp_path / "log")!r}))
    await services.open({{"echo": 0}})
    await services.publish({{"echo": [{echo}]}})
    asyncio.ensure_future(services.run())
    while services.trouble():
        await asyncio.sleep(0.01)
    print(services.pid, services.ports["echo"], flush=True)
    while sys.stdin.readline():
        print(services.pid, services.trouble(), flush=True)
        await asyncio.sleep(1.0)
        print(services.pid, services.trouble(), flush=True)
    await services.close()
asyncio.run(whole())
"""
    supervisor = psutil.Popen(
        [sys.executable, "-c", code], stdin=-1, stdout=-1, text=True, env={**os.environ, **ENVIRONMENT}
    )
    pid, port = map(int, supervisor.stdout.readline().split())
    together = (supervisor, psutil.Process(pid))
    for order in (together, together[::-1]):
        for one in order:
            one.suspend()
        time.sleep(2.8)  # longer than the patience with one that hangs
        for one in order:
            one.resume()
        supervisor.stdin.write("\n")
        supervisor.stdin.flush()
        supervisor.stdout.readline()
        assert supervisor.stdout.readline() == f"{pid} None\n"
    asked(port)
    supervisor.communicate()


@pytest.mark.parametrize(
    ("looks", "cpu", "status", "hung"),
    [
        (PATIENCE_LOOKS - 1, 9.0, psutil.STATUS_STOPPED, False),
        (PATIENCE_LOOKS, 0.0, psutil.STATUS_STOPPED, True),
        (PATIENCE_LOOKS, 0.0, psutil.STATUS_SLEEPING, True),
        (PATIENCE_LOOKS, 0.0, psutil.STATUS_ZOMBIE, True),
        (PATIENCE_LOOKS, SPINNING_SECONDS, psutil.STATUS_RUNNING, True),
        (PATIENCE_LOOKS, 0.1, psutil.STATUS_RUNNING, False),  # it waits for a CPU
        (PATIENCE_LOOKS, 0.0, psutil.STATUS_DISK_SLEEP, False),  # it waits for its memory
        (LAST_LOOKS - 1, 0.1, psutil.STATUS_RUNNING, False),
        (LAST_LOOKS, 0.1, psutil.STATUS_RUNNING, True),
    ],
)
def test_busy_and_hung_are_told_apart(looks, cpu, status, hung):
    assert hangs(looks, cpu, status) is hung


def test_without_descriptors_there_is_no_process_until_there_are(tmp_path, echo):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def scenario(path):
        client = socket.create_connection(("127.0.0.1", path.port))
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            os.kill(path.services.pid, signal.SIGKILL)
            await path.until(lambda: "cannot be started" in (path.services.trouble() or ""), 2)
            await asyncio.sleep(1.0)
            assert "Too many open files" in path.services.trouble()
            assert path.services.pid is None
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            client.close()
        await path.until(lambda: path.services.pid is not None, 4.0)
        await path.ask()
        assert len(path.said) < 12

    run(tmp_path, echo, scenario)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how many connections wait")
@pytest.mark.parametrize("left", [-100, 0], ids=["lets them wait", "closes them"])
def test_a_process_that_answers_but_takes_no_connections_is_replaced(tmp_path, echo, left):
    """Out of descriptors: the event loop lets connections wait, or closes them, as its own reserve is in use or not."""

    async def scenario(path):
        process = psutil.Process(path.services.pid)
        most = max(5, process.num_fds() + left)
        process.rlimit(psutil.RLIMIT_NOFILE, (most, most))
        begun = time.monotonic()
        await path.until(path.services.trouble, 1.5)
        await path.replaced(NOTICED_WITHIN - (time.monotonic() - begun) + 1)
        assert await path.ask() < 5

    run(tmp_path, echo, scenario)


def test_a_process_that_ends_at_its_start_is_tried_again_with_pauses(tmp_path, echo):
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit(1)")

    async def whole():
        said = []
        broken = {"PYTHONPATH": os.pathsep.join((str(tmp_path), ENVIRONMENT["PYTHONPATH"]))}
        services = Services(broken, tmp_path / "log", said.append)
        await services.open({"echo": 0})
        await services.publish({"echo": [echo]})
        keeper = asyncio.ensure_future(services.run())
        await asyncio.sleep(2.0)
        assert "does not run" in services.trouble()
        assert 3 <= len(said) <= 6
        (tmp_path / "sitecustomize.py").unlink()
        begin = time.monotonic()
        while services.trouble():
            assert time.monotonic() - begin < 10
            await asyncio.sleep(0.02)
        keeper.cancel()
        await services.close()

    asyncio.run(whole())


def test_listeners_and_replicas_have_ports_of_one_range_and_none_twice():
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(open_listener()).getsockname()[1] for _ in range(20)]
        given = [free_port() for _ in range(200)]
        assert all(one in PORTS for one in held + given)
        assert len({*held, *given}) == len(held) + len(given)


def test_a_port_that_is_taken_is_an_error_and_no_port_at_all_too(monkeypatch):
    with open_listener() as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            open_listener(port)
        monkeypatch.setattr(listeners, "PORTS", range(port, port + 1))
        monkeypatch.setattr(listeners, "TRIES", 1)
        monkeypatch.setattr(listeners, "_given", [])
        with pytest.raises(OSError, match="no free loopback port"):
            free_port()
    with open_listener(port) as again:
        assert again.getsockname()[1] == port


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how many connections wait")
def test_how_many_connections_wait():
    with open_listener() as listener:
        assert waiting_at(listener) == 0
        clients = [socket.create_connection(listener.getsockname()) for _ in range(3)]
        assert waiting_at(listener) == 3
        for one in clients:
            one.close()
