"""Faults of processes: killed, killed again and again, hung, slow to start, without descriptors, without their port."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from tests.faults.fault import Fault
from tests.faults.outside import Process, alive
from tests.faults.room import CannotGive, Room
from tests.faults.trial import LATENCY, LOAD, SCALE, SWEEP, on_lab

REPLICAS = ("redis", "rng", "hasher", "worker", "webui", "httplat-rng", "httplat-hasher")

HANG_SECONDS = 6.0
"""Longer than the 3 s after which a hung data path is to be replaced."""

Give = Callable[[Room], AbstractContextManager[Any]]


def some(room: Room, role: str) -> Process:
    """Return the oldest process of that role; CannotGive when there is none."""
    found = room.processes(role)
    if not found:
        raise CannotGive(f"there is no {role} here")
    return found[0]


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal to that very process, if it still runs."""
    if alive(process.pid, process.started):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def kill(role: str) -> Give:
    """SIGKILL for one."""

    @contextlib.contextmanager
    def give(room: Room) -> Iterator[None]:
        send(some(room, role), signal.SIGKILL)
        yield

    return give


def kill_all(*roles: str) -> Give:
    """SIGKILL for all of these roles at once."""

    @contextlib.contextmanager
    def give(room: Room) -> Iterator[None]:
        for process in [one for role in roles for one in room.processes(role)]:
            send(process, signal.SIGKILL)
        yield

    return give


def hang(*roles: str) -> Give:
    """SIGSTOP for one of each role, then SIGCONT."""

    @contextlib.contextmanager
    def give(room: Room) -> Iterator[None]:
        stopped = [some(room, role) for role in roles]
        for one in stopped:
            send(one, signal.SIGSTOP)
        try:
            yield
        finally:
            for one in stopped:
                send(one, signal.SIGCONT)

    return give


@contextlib.contextmanager
def meanwhile(act: Callable[[set[int]], None], every: float = 0.01) -> Iterator[None]:
    """Do something again and again in a thread; it is given a set of pids to remember."""
    over = threading.Event()
    known: set[int] = set()

    def go_on() -> None:
        while not over.wait(every):
            with contextlib.suppress(OSError):
                act(known)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def crash_loop(role: str) -> Give:
    """Every process of that role is killed as soon as it is seen."""

    @contextlib.contextmanager
    def give(room: Room) -> Iterator[None]:
        def act(_: set[int]) -> None:
            for one in room.processes(role):
                send(one, signal.SIGKILL)

        with meanwhile(act, 0.05):
            yield

    return give


def slow_start(role: str, seconds: float = 2.5) -> Give:
    """A process of that role is killed, and whatever takes its place stands still for a while at once."""

    @contextlib.contextmanager
    def give(room: Room) -> Iterator[None]:
        before = {one.pid for one in room.processes(role)}
        halted: list[tuple[float, Process]] = []

        def act(known: set[int]) -> None:
            for one in room.processes(role):
                if one.pid not in before | known:
                    known.add(one.pid)
                    send(one, signal.SIGSTOP)
                    halted.append((time.monotonic() + seconds, one))
            for due, one in halted:
                if time.monotonic() > due:
                    send(one, signal.SIGCONT)

        send(some(room, role), signal.SIGKILL)
        try:
            with meanwhile(act):
                yield
        finally:
            for _, one in halted:
                send(one, signal.SIGCONT)

    return give


def no_descriptors(role: str, then: Give | None = None) -> Give:
    """The process may open no more files; and meanwhile another fault makes it want to."""

    @contextlib.contextmanager
    def give(room: Room) -> Iterator[None]:
        process = some(room, role)
        open_now = len(os.listdir(f"/proc/{process.pid}/fd"))
        before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (min(open_now, before[1]), before[1]))
        try:
            with then(room) if then else contextlib.nullcontext():
                yield
        finally:
            if alive(process.pid, process.started):
                resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)

    return give


def no_memory(role: str) -> Give:
    """The process may take no more address space than it has."""

    @contextlib.contextmanager
    def give(room: Room) -> Iterator[None]:
        process = some(room, role)
        with open(f"/proc/{process.pid}/statm") as file:
            size = int(file.read().split()[0]) * resource.getpagesize()
        before = resource.prlimit(process.pid, resource.RLIMIT_AS)
        resource.prlimit(process.pid, resource.RLIMIT_AS, (size, before[1]))
        try:
            yield
        finally:
            if alive(process.pid, process.started):
                resource.prlimit(process.pid, resource.RLIMIT_AS, before)

    return give


def port_taken(role: str, service: bool = False) -> Give:
    """The process is killed, and another program listens at its port before it can again.

    Args:
        role: whose port; with `service`, of the service by that name, and the proxy is killed.
        service: whether it is the port of a service.
    """

    @contextlib.contextmanager
    def give(room: Room) -> Iterator[None]:
        process = some(room, "proxy" if service else role)
        port = room.look().of("worker")[0].services[role] if service else process.port
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taker:
            taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            send(process, signal.SIGKILL)
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                with contextlib.suppress(OSError):
                    taker.bind(("127.0.0.1", port or 0))
                    taker.listen()
                    break
                time.sleep(0.001)
            yield

    return give


def again_and_again(role: str, times: int, pause: float) -> Give:
    """Killed several times, with a pause in between."""

    @contextlib.contextmanager
    def give(room: Room) -> Iterator[None]:
        for _ in range(times):
            for process in room.processes(role)[:1]:
                send(process, signal.SIGKILL)
            time.sleep(pause)
        yield

    return give


def flood(service: str, connections: int) -> Give:
    """Connections to a service that ask nothing."""

    @contextlib.contextmanager
    def give(room: Room) -> Iterator[None]:
        port = room.look().of("worker")[0].services[service]
        with contextlib.ExitStack() as held:
            for _ in range(connections):
                with contextlib.suppress(OSError):
                    held.enter_context(socket.create_connection(("127.0.0.1", port), 1.0))
            yield

    return give


def control_flood(lines: bytes, connections: int) -> Give:
    """Connections to the control socket that say nonsense, or nothing."""

    @contextlib.contextmanager
    def give(room: Room) -> Iterator[None]:
        with contextlib.ExitStack() as held:
            for _ in range(connections):
                with contextlib.suppress(OSError):
                    one = held.enter_context(socket.socket(socket.AF_UNIX))
                    one.settimeout(1.0)
                    one.connect(str(room.folder / "control"))
                    one.sendall(lines)
            yield

    return give


EVERYTHING = ("proxy", "prometheus", "siege", *REPLICAS)

LISTENING = ("redis", "rng", "hasher", "webui", "httplat-rng")

FAULTS: list[Fault] = [
    *(on_lab("kill", role, kill(role), short=role in ("proxy", "redis", "rng")) for role in ("proxy", *REPLICAS)),
    on_lab("kill", "prometheus", kill("prometheus")),
    on_lab("kill", "siege", kill("siege"), meanwhile=LOAD),
    on_lab("kill", "supervisor", kill("supervisor"), heals="up", short=True),
    *(
        on_lab("hang 6 s", role, hang(role), lasts=HANG_SECONDS, short=role == "proxy")
        for role in ("supervisor", "proxy", "prometheus", *REPLICAS)
    ),
    on_lab("hang 6 s", "siege", hang("siege"), lasts=HANG_SECONDS, meanwhile=LOAD),
    on_lab("kill in a sweep", "supervisor", kill("supervisor"), meanwhile=SWEEP, heals="up"),
    *(on_lab("kill in a sweep", role, kill(role), meanwhile=SWEEP) for role in ("proxy", "redis", "rng", "worker")),
    on_lab("hang in a sweep", "supervisor", hang("supervisor"), lasts=HANG_SECONDS, meanwhile=SWEEP),
    on_lab("hang in a sweep", "proxy", hang("proxy"), lasts=HANG_SECONDS, meanwhile=SWEEP),
    on_lab("kill in a scale", "supervisor", kill("supervisor"), meanwhile=SCALE, heals="up"),
    on_lab("kill in a scale", "proxy", kill("proxy"), meanwhile=SCALE),
    on_lab("kill in a scale", "worker", kill("worker"), meanwhile=SCALE),
    on_lab("kill in a load test", "supervisor", kill("supervisor"), meanwhile=LOAD, heals="up"),
    on_lab("kill in a load test", "proxy", kill("proxy"), meanwhile=LOAD),
    on_lab("kill in probes", "hasher", kill("hasher"), meanwhile=LATENCY),
    on_lab("kill 8 times", "proxy", again_and_again("proxy", 8, 0.3)),
    on_lab("kill 3 times", "redis", again_and_again("redis", 3, 0.5)),
    on_lab("kill 3 times", "rng", again_and_again("rng", 3, 0.5)),
    on_lab("kill 3 times", "supervisor", again_and_again("supervisor", 3, 0.3), heals="up"),
    on_lab("kill all", "rng", kill_all("rng")),
    on_lab("kill all", "worker", kill_all("worker")),
    on_lab("kill all", "hasher and rng", kill_all("hasher", "rng")),
    on_lab("kill all", "all but supervisor", kill_all(*EVERYTHING)),
    on_lab("kill all", "whole lab", kill_all("supervisor", *EVERYTHING), heals="up"),
    on_lab("crash loop 4 s", "proxy", crash_loop("proxy"), lasts=4),
    *(
        on_lab("crash loop 4 s", role, crash_loop(role), lasts=4, heals_within=10)
        for role in ("redis", "rng", "worker", "webui")
    ),
    on_lab("crash loop in a scale", "rng", crash_loop("rng"), lasts=4, meanwhile=SCALE, heals_within=10),
    *(on_lab("slow start", role, slow_start(role), lasts=4) for role in ("proxy", "redis", "rng", "webui")),
    on_lab("out of descriptors", "supervisor", no_descriptors("supervisor", kill("proxy")), lasts=5, short=True),
    on_lab("out of descriptors", "supervisor, scale", no_descriptors("supervisor"), lasts=5, meanwhile=SCALE),
    *(
        on_lab("out of descriptors", role, no_descriptors(role), lasts=5)
        for role in ("proxy", "redis", "rng", "worker")
    ),
    *(on_lab("out of memory", role, no_memory(role), lasts=5) for role in ("supervisor", "proxy", "rng", "redis")),
    *(on_lab("port taken", role, port_taken(role), lasts=3) for role in LISTENING),
    *(on_lab("service port taken", role, port_taken(role, service=True), lasts=8) for role in ("rng", "webui")),
    on_lab("flood", "web UI", flood("webui", 300), lasts=3),
    on_lab("flood", "rng", flood("rng", 300), lasts=3, heals_within=10),
    on_lab("flood", "control socket", control_flood(b"", 200), lasts=3),
    on_lab("nonsense", "control socket", control_flood(b'{"verb": 7}\n\0\xff', 20), lasts=2),
    on_lab("half a question", "control socket", control_flood(b'{"verb": "down", "argum', 20), lasts=2),
]
