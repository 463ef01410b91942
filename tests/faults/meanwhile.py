"""A command that works while a fault is given: begun, asked what it had measured, and held to what it says at its end."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.claims import WITHIN, claims_of, false_ones, summary
from tests.faults.fault import Row
from tests.faults.room import Room
from tests.faults.user import Command, Said

COMMAND_SECONDS = 150.0
"""For a command that runs meanwhile to end, after the fault."""


def check(room: Room, row: Row, said: Said) -> None:
    """Note what a command has said, and hold it to the outside look."""
    row.say(summary(said))
    row.failed += said.improper()
    since = min(said.begin, said.end - WITHIN)
    looks = [seen for t, seen in room.looks if t > since]
    last = [seen for t, seen in room.looks if t <= since][-1:]
    claims = claims_of(said, room.wanted)
    if said.command[0] == "status" and said.begin < room.unnoticed_until:
        claims = []
    found = false_ones(claims, last + looks, room.look, said.end)
    row.false += [f"“{one}” ({said.command[0]})" for one in found]


@dataclass(frozen=True)
class Meanwhile:
    """A command that runs while the fault is given."""

    verb: tuple[str, ...]
    measures: bool = False
    """Whether it has results, which are waited for before the fault."""
    changes: dict[str, int | None] | None = None
    """Deployments that it scales, with what they have after its success; None where that is open."""
    may_fail: bool = True
    """Whether the fault may end it; it says why, and keeps what it had."""


SWEEP = Meanwhile(("scale-sweep", "--workers", "1,2,3", "--seconds", "4s"), measures=True, changes={"worker": 3})
SCALE = Meanwhile(("scale", "worker", "5"), changes={"worker": 5})
LOAD = Meanwhile(("loadtest", "--concurrent", "5", "--time", "8s"), measures=True)
LATENCY = Meanwhile(("latency", "--count", "12"), measures=True, changes={"worker": None})


class Running:
    """A command under way, with what it had measured before the fault."""

    def __init__(self, room: Room, what: Meanwhile, env: dict[str, str] | None = None) -> None:
        self.room = room
        self.what = what
        self.folder = room.run_folder() if what.measures else None
        out = ("--out", str(self.folder)) if self.folder else ()
        self.command: Command = room.start(*what.verb, *out, env=env)
        self.points: list[Any] = []
        self.said: Said | None = None
        room.running = self
        for name in what.changes or {}:
            room.wanted.pop(name, None)  # it is the command's to change
        if what.verb[0] == "loadtest":
            self.wait_for(lambda: bool(room.processes("siege")))
            time.sleep(0.5)
        elif self.folder:
            self.wait_for(lambda: bool(measured(self.folder)))
            self.points = measured(self.folder)
        else:
            time.sleep(0.7)

    def wait_for(self, begun: Callable[[], bool], seconds: float = 40.0) -> None:
        """Wait until it is in the midst of its work."""
        end = time.monotonic() + seconds
        while not begun() and self.command.running and time.monotonic() < end:
            time.sleep(0.1)

    def poll(self, row: Row) -> None:
        """If it has ended, check what it says now: later that need not be so any more."""
        if self.said is None and not self.command.running:
            self.said = self.command.end(0)
            check(self.room, row, self.said)

    def finish(self, row: Row, seconds: float = COMMAND_SECONDS) -> Said:
        """Wait for its end; note what is lost, and what it says."""
        self.room.running = None
        if self.said is None:
            self.said = self.command.end(seconds)
            check(self.room, row, self.said)
        said = self.said
        lost_results(row, self.folder, self.points)
        false_figures(row, self.folder)
        if said.code and not self.what.may_fail:
            row.failed.append(f"{self.what.verb[0]} failed: {said.cause}")
        if self.folder and not said.code and not finished(self.folder):
            row.lost.append("a run that says it is done is not finished")
        for name, count in (self.what.changes or {}).items():
            self.room.wanted[name] = count if not said.code and count is not None else desired(self.room, name)
        return said


def measured(folder: Path | None) -> list[Any]:
    """Return what a run's results hold, piece by piece."""
    found = []
    with contextlib.suppress(OSError, ValueError, AttributeError):
        results = json.loads((folder / "results.json").read_text()) if folder else {}
        found += (results.get("sweep") or {}).get("points") or []
        for part in ("latency", "loadtest", "load"):
            if results.get(part):
                found.append(results[part])
    return found


RATES = (1.8, 3.4)
"""Hashes per second and worker that a sweep can find, with enough rngs: one takes 0.3 s and a little."""


def false_figures(row: Row, folder: Path | None) -> None:
    """Note rates that cannot be: a window with the fault in it has been taken for the lab's."""
    for point in measured(folder):
        rate = (point.get("hashes_per_second") or {}).get("mean") if isinstance(point, dict) else None
        if rate and not RATES[0] <= rate / point["workers"] <= RATES[1]:
            row.false.append(f"a rate of {rate:.2f} hashes/s with {point['workers']} workers")


def finished(folder: Path) -> bool:
    """Whether a run's results say that it is finished."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads((folder / "results.json").read_text()).get("finished") is not None
    return False


def lost_results(row: Row, folder: Path | None, points: list[Any]) -> None:
    """Note points that were there and are not, by their number of workers where they have one."""
    now = measured(folder)
    for point in points:
        key = point.get("workers") if isinstance(point, dict) else None
        if point not in now and not any(isinstance(one, dict) and key and one.get("workers") == key for one in now):
            row.lost.append(f"the point of {key} workers" if key else "a measurement")


def desired(room: Room, name: str) -> int:
    """Return how many replicas the lab says are wanted now."""
    found = room.tell("status").data.get("deployments", {}).get(name, {})
    return int(found.get("desired", 0))
