"""dclab top."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.interrupts import until_ctrl_c
from dclab.cli.result import Result
from dclab.cli.verb import LabCall, verb

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from dclab.lab import Lab
    from dclab.results import Resources

EVERY_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class ShownReplica:
    """One replica; None where it has not been measured yet."""

    cpu_millicores: float | None
    memory_mib: float | None
    age_seconds: float | None
    """How long ago its window ended."""
    window_seconds: float | None
    """That CPU is averaged over."""


@dataclass(frozen=True, kw_only=True)
class ShownService:
    """All replicas of a service together, as far as they have been measured; None before any has."""

    cpu_millicores: float | None
    memory_mib: float | None
    resources: Resources
    """Of one replica."""
    replicas: Mapping[str, ShownReplica]


@verb
def top(
    call: LabCall,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh every two seconds until Ctrl-C.")] = False,
) -> Result:
    """Show CPU and memory of every service and replica.

    Like kubectl top pods, with the requests and limits beside the usage. CPU is the average over the last window, whose length and
    age are shown. The figures come from metrics-server on Kubernetes and from the replicas' processes on the embedded engine.

    Example: dclab top
    """
    lab, output = call.lab, call.output
    lab.usage_meter()  # says at once where a cluster has no metrics
    services = _services(lab)
    if not watch:
        return Result(usage_lines, engine=lab.engine, services=services)
    screen = _Screen(services)
    with until_ctrl_c(), output.live(screen):
        while True:
            if not output.animated:
                output.line(_line(screen.services))
            time.sleep(EVERY_SECONDS)
            screen.services = _services(lab)
    return Result(engine=lab.engine, services=screen.services)


def _services(lab: Lab) -> dict[str, ShownService]:
    from dclab.quantity import MIB
    from dclab.results import Resources

    resources, now = lab.resources(), time.time()
    found = {}
    for name, state in lab.states().items():
        usage = {one.replica: one for one in state.usage}
        replicas = {
            replica: ShownReplica(
                cpu_millicores=one.cpu_millicores if one else None,
                memory_mib=one.memory_mb * 1e6 / MIB if one else None,
                age_seconds=max(0.0, now - one.at) if one else None,
                window_seconds=one.window_seconds if one else None,
            )
            for replica in state.counts.names
            for one in [usage.get(replica)]
        }
        found[name] = ShownService(
            cpu_millicores=_sum(one.cpu_millicores for one in replicas.values()),
            memory_mib=_sum(one.memory_mib for one in replicas.values()),
            resources=resources.get(name, Resources()),
            replicas=replicas,
        )
    return found


def _sum(values: Iterable[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return sum(known) if known else None


class _Screen:
    """What was read last, drawn again whenever the terminal is."""

    def __init__(self, services: Mapping[str, ShownService]) -> None:
        self.services = services

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """At most the screen's lines but one."""
        from rich.segment import Segment

        room = console.size.height - 1
        for one in usage_lines(self.services):
            for line in console.render_lines(one, options, pad=False):
                if room > 0:
                    yield from line
                    yield Segment.line()
                room -= 1


def usage_lines(services: Mapping[str, ShownService], **_: Any) -> Iterator[Any]:
    """The services with what they request and may use, their replicas with per cents of it, and how old that is."""
    from dclab.cli.terminal_text import table

    rows = [
        (
            name,
            len(one.replicas),
            *_used(one.cpu_millicores, one.memory_mib, one, len(one.replicas), _absolute),
        )
        for name, one in services.items()
    ]
    yield table("service", "replicas", "CPU", "request", "limit", "memory", "request", "limit", rows=rows)
    each = [
        (replica, *_used(found.cpu_millicores, found.memory_mib, one, 1, _percent))
        for one in services.values()
        for replica, found in one.replicas.items()
    ]
    yield table("replica", "CPU", "of req.", "of lim.", "memory", "of req.", "of lim.", rows=each)
    yield _age([found for one in services.values() for found in one.replicas.values()])


def _used(cpu: float | None, memory: float | None, one: ShownService, replicas: int, shown: Any) -> Sequence[str]:
    """CPU and memory, each with its request and its limit, rounded as kubectl does: millicores up, MiB down."""
    own = one.resources
    return (
        _cpu(cpu),
        shown(cpu, own.cpu_request_millicores, replicas, "m"),
        shown(cpu, own.cpu_limit_millicores, replicas, "m"),
        _memory(memory),
        shown(memory, own.memory_request_mib, replicas, "Mi"),
        shown(memory, own.memory_limit_mib, replicas, "Mi"),
    )


def _absolute(_used: float | None, each: float | None, replicas: int, unit: str) -> str:
    return "–" if each is None else f"{replicas * each:.0f}{unit}"


def _percent(used: float | None, each: float | None, replicas: int, _unit: str) -> str:
    return "–" if used is None or not each else f"{100 * used / (replicas * each):.0f} %"


def _age(replicas: Sequence[ShownReplica]) -> str:
    windows = [one.window_seconds for one in replicas if one.window_seconds is not None]
    ages = [one.age_seconds for one in replicas if one.age_seconds is not None]
    if not windows:
        return "No replica has been measured yet. Its first window ends within a minute of its start: run the command again."
    young = len(replicas) - len(windows)
    missing = f" {young} {'replica has' if young == 1 else 'replicas have'} not been measured yet." if young else ""
    return (
        f"CPU is the mean of windows of {_range(windows)} s that ended {_range(ages)} s ago, memory the usage at their end."
        f"{missing}"
    )


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.0f}", f"{max(values):.0f}"
    return low if low == high else f"{low} to {high}"


def _line(services: Mapping[str, ShownService]) -> str:
    return ", ".join(f"{name} {_cpu(one.cpu_millicores)} {_memory(one.memory_mib)}" for name, one in services.items())


def _cpu(millicores: float | None) -> str:
    """As kubectl rounds it."""
    return "–" if millicores is None or not math.isfinite(millicores) else f"{math.ceil(millicores)}m"


def _memory(mib: float | None) -> str:
    return "–" if mib is None or not math.isfinite(mib) else f"{math.floor(mib)}Mi"
