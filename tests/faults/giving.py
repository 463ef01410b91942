"""Giving faults to processes: killed, again and again, hung, slow to start, without descriptors, without their port."""

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

from tests.faults.fault import CannotGive
from tests.faults.outside import Process, alive
from tests.faults.room import Room

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


def hang_for_good(role: str) -> Give:
    """SIGSTOP for one, and nobody continues it."""

    @contextlib.contextmanager
    def give(room: Room) -> Iterator[None]:
        send(some(room, role), signal.SIGSTOP)
        yield

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
