"""For how many replicas this machine has room: by memory, processes, descriptors, ports and cores.

What is left is read from the system each time; nothing is reserved.
"""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from dclab.engines.embedded.listeners import PORTS
from dclab.lab import Room
from dclab.manifests import Workload
from dclab.measure.queueing import CYCLE_SECONDS, SERVICE_SECONDS, bound_rate

__all__ = ["Machine", "Running", "this_machine"]

REPLICA_MB = 19.0
"""Resident memory of a worker; of the other services, whose programs share more of it, not more than that is their own."""

SPARE_MEMORY = 0.1
"""Share of what is available that is left to the rest of the machine."""

DESCRIPTORS = 4
"""Of the data path, for a replica: a worker's connection to Redis and its call under way, each passed on. The supervisor
has one for each, the pipe that it prints to."""

SPARE = 100
"""Processes, and descriptors, that are left."""

HASH_CPU_SECONDS = 0.0032
"""CPU time of a hash, all processes of a lab together (`tests.benchmark many`)."""

BUSY = 0.9
"""Share of the cores that the lab may use: above that, times are those of the scheduler."""

OWN_GROUPS = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")
UNLIMITED = 1 << 60
"""Bytes; version 1 of control groups writes a number near 2**63 where there is no limit."""


@dataclass(frozen=True)
class Running:
    """How many replicas each deployment has."""

    replicas: Mapping[str, int]

    def of(self, deployment: str) -> int:
        """Of one deployment."""
        return self.replicas.get(deployment, 0)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What there is left of a machine for this process and its children."""

    memory_mb: float
    processes: float
    """And threads; infinity where nothing limits them."""
    descriptors: float
    """That one process may open."""
    ports: int
    cores: float

    def room(self, workload: Workload, running: Running) -> Room:
        """Return for how many replicas of a workload there is room beside those that run."""
        here, all_told = running.of(workload.name), sum(running.replicas.values())
        tasks = 1 + int(workload.env.get("THREADS", "0"))
        more = {
            f"{self.memory_mb / 1000:.1f} GB of memory are free, and a replica takes {REPLICA_MB:g} MB": (
                self.memory_mb * (1 - SPARE_MEMORY) / REPLICA_MB
            ),
            f"the system allows {self.processes:g} more processes and threads": (self.processes - SPARE) / tasks,
            f"a process may open {self.descriptors:g} files (`ulimit -n`)": (
                (self.descriptors - SPARE) / DESCRIPTORS - all_told
            ),
        }
        if workload.port is not None:
            more[f"there are {len(PORTS)} ports for services and replicas"] = self.ports - all_told
        rate = BUSY * self.cores / HASH_CPU_SECONDS
        more[f"{self.cores:g} cores carry about {rate:.0f} hashes/s, at {1000 * HASH_CPU_SECONDS:g} ms of CPU each"] = (
            _by_rate(workload.name, rate, running) - here
        )
        why, least = min(more.items(), key=lambda one: one[1])
        return Room(replicas=here + max(0, math.floor(min(least, 1e9))), why=why[0].upper() + why[1:])


def _by_rate(deployment: str, rate: float, running: Running) -> float:
    """Replicas of a deployment with which the lab makes no more hashes/s than that, the others staying as they are."""
    workers, rngs, hashers = (max(1, running.of(name)) for name in ("worker", "rng", "hasher"))
    without = {
        "worker": bound_rate(UNLIMITED, rngs, hashers),
        "rng": bound_rate(workers, UNLIMITED, hashers),
    }.get(deployment, 0.0)
    if without <= rate:
        return math.inf
    return rate * (CYCLE_SECONDS if deployment == "worker" else SERVICE_SECONDS)


def this_machine() -> Machine:
    """Read what is left now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Machine(
        memory_mb=min([psutil.virtual_memory().available, *_memory_of_groups()]) / 1e6,
        processes=min([*_processes_of_user(), *_processes_of_system(), *_processes_of_groups(), math.inf]),
        descriptors=math.inf if hard == resource.RLIM_INFINITY else max(soft, hard),
        ports=len(PORTS),
        cores=min([_processors(), *_cores_of_groups()]),
    )


def _processes_of_user() -> Iterator[float]:
    """By `ulimit -u`, which counts all threads of the user; root has no such limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft != resource.RLIM_INFINITY and os.geteuid():
        mine = os.getuid()
        taken = sum(
            one.info["num_threads"] or 0
            for one in psutil.process_iter(["uids", "num_threads"])
            if one.info["uids"] and one.info["uids"].real == mine
        )
        yield soft - taken


def _processes_of_system() -> Iterator[float]:
    with suppress(OSError, ValueError):
        _, total = Path("/proc/loadavg").read_text().split()[3].split("/")
        for limit in ("pid_max", "threads-max"):
            yield int(Path("/proc/sys/kernel", limit).read_text()) - int(total)


def _processes_of_groups() -> Iterator[float]:
    for group in _groups("pids"):
        most, taken = _number(group / "pids.max"), _number(group / "pids.current")
        if most is not None and taken is not None:
            yield most - taken


def _memory_of_groups() -> Iterator[float]:
    """What their limits leave; what only caches files is given up when memory is needed."""
    for group in _groups("memory"):
        for most_of, taken_by, cached in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            most, taken = _number(group / most_of), _number(group / taken_by)
            if most is not None and taken is not None and most < UNLIMITED:
                yield most - taken + _field(group / "memory.stat", cached)


def _processors() -> float:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cores_of_groups() -> Iterator[float]:
    for group in _groups("cpu"):
        with suppress(OSError, ValueError):
            quota, period = (group / "cpu.max").read_text().split()
            yield int(quota) / int(period)
        quota_us, period_us = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
        if quota_us and period_us and quota_us > 0:
            yield quota_us / period_us


def _groups(controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups that limit this process, of version 1 or 2 (cgroups(7))."""
    with suppress(OSError):
        for line in OWN_GROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            root = GROUPS / controllers
            here = root / path.lstrip("/")
            while here != root and root in here.parents:
                yield here
                here = here.parent
            yield root


def _number(file: Path) -> int | None:
    """The number in a file; None where there is none, or no limit (`max`)."""
    with suppress(OSError, ValueError):
        return int(file.read_text())
    return None


def _field(file: Path, name: str) -> int:
    with suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0
