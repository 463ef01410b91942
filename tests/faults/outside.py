"""The outside look at an embedded lab: /proc, ports and Redis, with no code of dclab's.

What is known of a lab is its folder. Its processes carry that folder in their environment, or descend from one that does; where
its services listen stands in the environment of its replicas, as Kubernetes puts it there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.ports import answers, control_answers, hashes_of

MARK = "DCLAB_LAB"

ROLES = {
    "dclab.engines.embedded.supervise": "supervisor",
    "dclab.engines.embedded.proxy": "proxy",
    "apps.rng": "rng",
    "apps.hasher": "hasher",
    "apps.worker": "worker",
    "apps.webui": "webui",
    "apps.siege": "siege",
}
"""Modules by which a process is known."""


@dataclass(frozen=True)
class Process:
    """One process of a lab."""

    pid: int
    role: str
    """Its deployment, or supervisor, proxy, siege; else the program's name."""
    state: str
    """R, S, D …; T is stopped."""
    marked: bool
    started: int
    """In clock ticks since boot: with the pid, its identity."""
    port: int | None = None
    """Its own, where it listens."""
    services: dict[str, int] = field(default_factory=dict, compare=False)
    """Ports of the services, as it was told."""
    password: str = field(default="", compare=False, repr=False)
    """Redis', where it was told."""

    @property
    def stopped(self) -> bool:
        """Whether it has been stopped by a signal."""
        return self.state in "Tt"


@dataclass(frozen=True)
class Seen:
    """A lab from outside at one moment."""

    processes: tuple[Process, ...]
    control: bool
    """Whether the control socket answers."""
    answering: dict[str, int]
    """How many replicas of each deployment run and, where they listen, answer."""
    services: dict[str, bool]
    """Whether each service answers at its port."""
    hashes: int | None
    """The counter; None while Redis does not tell it."""
    folder: bool

    def of(self, role: str) -> list[Process]:
        """Return the processes of that role, the oldest first."""
        return sorted((one for one in self.processes if one.role == role), key=lambda one: (one.started, one.pid))

    def missing(self, wanted: dict[str, int]) -> list[str]:
        """Return what keeps the lab from being whole; empty when it has all that is wanted and answers everywhere."""
        found = []
        for role in ("supervisor", "proxy"):
            count = len([one for one in self.of(role) if not one.stopped])
            if count != 1:
                found.append(f"{count} {role}")
        if not self.control:
            found.append("control socket")
        for name, count in wanted.items():
            if (there := self.answering.get(name, 0)) != count:
                found.append(f"{name} {there}/{count}")
            if name not in ("worker", "prometheus") and not self.services.get(name):
                found.append(f"service {name}")
        return found


def look(folder: Path) -> Seen:
    """Look at the lab of that folder."""
    processes = processes_of(folder)
    services: dict[str, int] = {}
    for one in sorted(processes, key=lambda one: one.started):
        services |= one.services
    password = password_of(processes)
    with ThreadPoolExecutor(32) as pool:
        control = pool.submit(control_answers, folder)
        listening = [one for one in processes if one.port and one.role != "supervisor"]
        own = {one.pid: pool.submit(answers, one.role, one.port or 0, password) for one in listening}
        at = {
            name: pool.submit(answers, f"service {name}", port, password)
            for name, port in services.items()
            if name != "prometheus"
        }
        counter = pool.submit(hashes_of, services["redis"], password) if "redis" in services else None
        hashes = counter.result() if counter else None
        answering: dict[str, int] = {}
        for one in processes:
            well = own[one.pid].result() if one.pid in own else not one.stopped
            answering[one.role] = answering.get(one.role, 0) + bool(well)
        return Seen(
            tuple(processes),
            control.result(),
            answering,
            {name: one.result() for name, one in at.items()},
            hashes,
            folder.exists(),
        )


def processes_of(folder: Path) -> list[Process]:
    """Return every process that carries the lab's mark or descends from one that does; zombies are none."""
    found: dict[int, Process] = {}
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            with contextlib.suppress(OSError, ValueError, IndexError):
                pid = int(entry)
                state, parent, started = stat_of(pid)
                parents[pid] = parent
                if state not in "ZX":
                    found[pid] = _process(pid, state, started, folder)
    marked = {pid for pid, one in found.items() if one.marked}

    def belongs(pid: int) -> bool:
        seen = set()
        while pid in parents and pid not in seen:
            if pid in marked:
                return True
            seen.add(pid)
            pid = parents[pid]
        return False

    return [one for pid, one in found.items() if belongs(pid) and pid != os.getpid()]


def stat_of(pid: int) -> tuple[str, int, int]:
    """Return the state, the parent and the start (clock ticks since boot) of a process; OSError when there is none."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[0], int(fields[1]), int(fields[19])


def alive(pid: int, started: int) -> bool:
    """Whether that very process still runs."""
    try:
        state, _, began = stat_of(pid)
    except (OSError, ValueError, IndexError):
        return False
    return began == started and state not in "ZX"


def password_of(processes: Iterable[Process]) -> str:
    """Return Redis' password, which its clients were told; empty where it has none."""
    return next((one.password for one in processes if one.password), "")


def _process(pid: int, state: str, started: int, folder: Path) -> Process:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    arguments = [word.decode(errors="replace") for word in words]
    try:
        pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        pairs = []
    env = dict(pair.decode(errors="replace").partition("=")[::2] for pair in pairs)
    marked = env.get(MARK) == str(folder)
    role = _role(arguments, env if marked else {})
    services = {
        name.removesuffix("_SERVICE_PORT").lower().replace("_", "-"): int(value)
        for name, value in env.items()
        if marked and name.endswith("_SERVICE_PORT") and value.isdecimal()
    }
    port = env.get("PORT", "") if marked else ""
    if role == "redis":
        port = _redis_port(arguments)
    return Process(
        pid,
        role,
        state,
        marked,
        started,
        int(port) if port.isdecimal() else None,
        services,
        env.get("REDIS_PASSWORD", "") if marked else "",
    )


def _redis_port(arguments: list[str]) -> str:
    """Of its arguments, or of the title that it has given itself: redis-server 127.0.0.1:6379."""
    if "--port" in arguments:
        return arguments[arguments.index("--port") + 1]
    return arguments[0].strip().rpartition(":")[2]


def _role(arguments: list[str], env: dict[str, str]) -> str:
    program = Path(arguments[0].split(" ")[0]).name
    for module, role in ROLES.items():
        if module in arguments:
            return role
    if program.startswith(("redis-server", "valkey-server")):
        return "redis"
    if "apps.httplat" in arguments:
        return env.get("HOSTNAME", "httplat").rpartition("-")[0]
    return program
