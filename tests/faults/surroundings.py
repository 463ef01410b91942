"""Faults of what is around a lab: disks, folders, clocks, a suspended machine, another version of dclab."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.disks import full_disk, read_only
from tests.faults.fault import CannotGive, Fault, Row
from tests.faults.giving import Give, kill, send
from tests.faults.meanwhile import LOAD, SCALE, SWEEP, Running, check
from tests.faults.room import Room
from tests.faults.trial import heal, on_lab
from tests.faults.user import CHECKOUT

SUSPEND_SECONDS = 15.0


def disk(name: str, broken: Callable[..., contextlib.AbstractContextManager[None]], then: Give | None = None) -> Give:
    """A broken disk under one of the room's folders, and another fault that makes the lab want to write."""

    @contextlib.contextmanager
    def give(room: Room) -> Iterator[None]:
        with broken(room.base, name), then(room) if then else contextlib.nullcontext():
            yield

    return give


def removed(path: Callable[[Room], Path]) -> Give:
    """A file or folder of the lab's is removed."""

    @contextlib.contextmanager
    def give(room: Room) -> Iterator[None]:
        place = path(room)
        if not place.exists():
            raise CannotGive(f"there is no {place.name} here")
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink()
        yield

    return give


def written(path: Callable[[Room], Path], text: str, then: Give | None = None) -> Give:
    """A file of the lab's holds something else, and another fault makes it be read."""

    @contextlib.contextmanager
    def give(room: Room) -> Iterator[None]:
        path(room).write_text(text)
        with then(room) if then else contextlib.nullcontext():
            yield

    return give


@contextlib.contextmanager
def suspended(room: Room) -> Iterator[None]:
    """Everything stands still for 15 s, the client too, as in a laptop that was closed."""
    # The supervisor is the first to stand still and the last to go on, so that it never sees the others do so.
    everything = sorted(room.look().processes, key=lambda one: one.role != "supervisor")
    commands = [one.pid for one in room.commands if one.running]
    for process in everything:
        send(process, signal.SIGSTOP)
    for pid in commands:
        os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(SUSPEND_SECONDS)
    finally:
        for process in reversed(everything):
            send(process, signal.SIGCONT)
        for pid in commands:
            os.kill(pid, signal.SIGCONT)
    yield


# Crowds.


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


# Clocks.

CLOCK = """
import time
from pathlib import Path

_real = time.time


def _now():
    try:
        return _real() + float(Path({file!r}).read_text())
    except (OSError, ValueError):
        return _real()


time.time = _now
time.time_ns = lambda: int(1e9 * _now())
"""
"""A module that Python imports when it starts: the wall clock follows a file. (libfaketime breaks sleeping on Linux.)"""


def clock_step(whose: str, seconds: float) -> Fault:
    """The wall clock of the lab, of a client that measures, or of both makes a step within a sweep."""

    def play(room: Room, row: Row) -> None:
        folder, file = room.base / "home" / "clock", room.base / "home" / "offset"
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(CLOCK.format(file=str(file)))
        room.down()
        if whose != "client":
            sys.path.insert(0, str(folder))
        try:
            room.up()
        finally:
            sys.path[:] = [one for one in sys.path if one != str(folder)]
        env = {"PYTHONPATH": f"{folder}{os.pathsep}{CHECKOUT}"}
        running = Running(room, SWEEP, env=env if whose != "lab" else None)
        file.write_text(str(seconds))
        try:
            row.seconds = heal(room, row, time.monotonic())
            running.finish(row)
            room.down()
            row.left += room.left()
        finally:
            file.unlink()

    return Fault(f"clock {seconds:+g} s in a sweep", whose, play)


# Another version.


def other_version(room: Room) -> dict[str, str]:
    """Return variables by which `dclab` is a copy of another version."""
    copy = room.base / "home" / "other"
    if not copy.exists():
        for name in ("dclab", "apps", "manifests"):
            shutil.copytree(CHECKOUT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / "dclab" / "__init__.py").write_text('"""A copy."""\n\n__version__ = "0.0.1"\n')
    return {"PYTHONPATH": str(copy)}


def from_other_version(verb: str, *arguments: str) -> Fault:
    """A command of another version meets the lab: it says so and changes nothing, but `down` ends it."""

    def play(room: Room, row: Row) -> None:
        room.up()
        before = room.look()
        said = room.start(verb, *arguments, env=other_version(room)).end(60)
        if verb == "down":
            room.wanted = {}
            check(room, row, said)
            row.left += room.left()
            return
        check(room, row, said)
        if said.code == 0 or ("version" not in f"{said.cause} {said.error.get('hint')}" and "0.0.1" not in said.cause):
            row.false.append(f"{verb} of another version says {said.cause or 'nothing of it'}")
        row.seconds = heal(room, row, said.end)
        if {one.pid for one in room.look().processes} != {one.pid for one in before.processes}:
            row.foreign.append("the lab of another version was changed")

    return Fault("other dclab version", verb, play)


def _json(room: Room) -> Path:
    return room.folder / "lab.json"


FAULTS: list[Fault] = [
    on_lab("disk full", "runtime", disk("runtime", full_disk), lasts=5),
    on_lab("disk full", "runtime, scale", disk("runtime", full_disk), lasts=6, meanwhile=SCALE, short=True),
    on_lab("disk full", "runtime, rng dies", disk("runtime", full_disk, kill("rng")), lasts=5),
    on_lab("disk full", "runtime, proxy dies", disk("runtime", full_disk, kill("proxy")), lasts=5),
    on_lab("disk full", "runtime, crash", disk("runtime", full_disk, kill("supervisor")), lasts=3, heals="up"),
    on_lab("disk full", "state", disk("state", full_disk), lasts=5),
    on_lab("disk full", "state, scale", disk("state", full_disk), lasts=6, meanwhile=SCALE),
    on_lab("disk full", "state, redis dies", disk("state", full_disk, kill("redis")), lasts=5),
    on_lab("disk full", "results, sweep", disk("results", full_disk), lasts=6, meanwhile=SWEEP),
    on_lab("disk full", "results, load test", disk("results", full_disk), lasts=6, meanwhile=LOAD),
    on_lab("read-only", "runtime, scale", disk("runtime", read_only), lasts=5, meanwhile=SCALE),
    on_lab("read-only", "state, rng dies", disk("state", read_only, kill("rng")), lasts=5),
    on_lab("read-only", "results, sweep", disk("results", read_only), lasts=6, meanwhile=SWEEP),
    on_lab("removed", "control socket", removed(lambda room: room.folder / "control"), heals="either"),
    on_lab("removed", "lab.json", removed(_json), heals="either"),
    on_lab("removed", "lab's folder", removed(lambda room: room.folder), heals="either"),
    on_lab("removed", "labs' folder", removed(lambda room: room.folder.parent), heals="either"),
    on_lab("removed", "state folder", removed(lambda room: room.lab_state), heals="either"),
    on_lab("damaged", "lab.json", written(_json, '{"name": "faul'), heals="either"),
    on_lab("damaged", "lab.json of another lab", written(_json, '{"name": "another"}'), heals="either"),
    on_lab("damaged", "lab.json, crash", written(_json, "\0\0", kill("supervisor")), heals="up"),
    on_lab("suspend 15 s", "lab", suspended),
    on_lab("suspend 15 s", "lab and client", suspended, meanwhile=SWEEP),
    *(clock_step(whose, step) for whose in ("machine", "lab", "client") for step in (3600, -3600)),
    on_lab("flood", "web UI", flood("webui", 300), lasts=3),
    on_lab("flood", "rng", flood("rng", 300), lasts=3, heals_within=10),
    on_lab("flood", "control socket", control_flood(b"", 200), lasts=3),
    on_lab("nonsense", "control socket", control_flood(b'{"verb": 7}\n\0\xff', 20), lasts=2),
    on_lab("half a question", "control socket", control_flood(b'{"verb": "down", "argum', 20), lasts=2),
    from_other_version("status"),
    from_other_version("scale", "worker", "1"),
    from_other_version("up"),
    from_other_version("down"),
]
