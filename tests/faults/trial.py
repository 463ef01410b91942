"""The usual course of a fault in a running lab: given, borne, over, healed; everything said meanwhile is checked."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.faults.claims import WITHIN, claims_of, false_ones, summary
from tests.faults.fault import Fault, Row
from tests.faults.outside import Seen
from tests.faults.room import Room
from tests.faults.user import Command, Said

COMMAND_SECONDS = 150.0
"""For a command that runs meanwhile to end, after the fault."""

Give = Callable[[Room], AbstractContextManager[Any]]


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


def ask_status(room: Room, row: Row) -> Seen:
    """Look, ask for the status, and check it; return the look before it."""
    if room.running is not None:
        room.running.poll(row)
    before = room.look()
    for one in before.missing(room.wanted):
        row.see(one)
    check(room, row, room.tell("status"))
    return before


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


UNNOTICED = {"hang": 3.0, "process hung": 3.0, "out of": 3.0, "suspend": 3.0, "flood": 60.0}
"""Seconds in which a status need not tell of a fault yet, by how its kind begins.

At first nothing tells a process that hangs from a busy one. In a crowd a service is busy, and ready all the same, as on
Kubernetes.
"""


def unnoticed(kind: str) -> float:
    """Return the seconds in which a status need not tell of a fault of that kind."""
    return next((seconds for begin, seconds in UNNOTICED.items() if kind.startswith(begin)), 0.0)


def on_lab(
    kind: str,
    component: str,
    give: Give,
    *,
    lasts: float = 0.0,
    meanwhile: Meanwhile | None = None,
    heals: Literal["itself", "up", "either"] = "itself",
    heals_within: float | None = None,
    short: bool = False,
    engine: str = "embedded",
) -> Fault:
    """Return a fault in a running lab.

    Args:
        kind: of fault.
        component: in which it is.
        give: a context, in which the fault is there.
        lasts: seconds; 0 for what happens at once.
        meanwhile: a command that runs when it is given.
        heals: by itself, or by `dclab up`, or either: by `up` when it is not whole within the goal, and the user is told so.
        heals_within: seconds, where the fault itself makes it longer than the engine's goal.
        short: whether it is part of the short form.
        engine: in whose lab.
    """

    def play(room: Room, row: Row) -> None:
        room.up()
        if component == "prometheus":
            room.need_prometheus()
        running = Running(room, meanwhile) if meanwhile else None
        with give(room):
            room.unnoticed_until = time.monotonic() + unnoticed(kind)
            end = time.monotonic() + lasts
            for _ in polls(end):
                ask_status(room, row)
        over = time.monotonic()
        if lasts:
            room.unnoticed_until = min(room.unnoticed_until, over)
        if heals == "up" or (heals == "either" and not _healed(room, row)):
            if running:
                room.wanted = {}  # it may start the lab again itself, with the replicas that it needs
            ask_status(room, row)
            over = start_again(room, row)
        row.seconds = heal(room, row, over)
        if running:
            running.finish(row)
            room.wanted = room.wanted if heals == "itself" else {name: desired(room, name) for name in room.usual}
            if not room.whole(row.heals_within):
                row.failed.append(f"not whole after the command: {', '.join(room.look().missing(room.wanted))}")
        leave(room, row, ended=component == "prometheus")

    return Fault(kind, component, play, engine, heals_within, short)


def leave(room: Room, row: Row, *, ended: bool) -> None:
    """Note what is left, and have the lab as the next fault finds it: as usual, or ended where this one was not survived."""
    row.left += room.idle()
    row.foreign += room.foreign()
    if ended or row.failed or row.seconds is None:
        room.down()
        row.left += room.left()
        return
    for name, count in room.usual.items():
        if room.wanted.get(name) != count:
            room.tell("scale", name, str(count))
    room.wanted = dict(room.usual)


def start_again(room: Room, row: Row) -> float:
    """Do what the user is told to: `up`, and where that is refused and says so, `down` and `up`; return when it was done."""
    said = room.start_lab()
    if said.code:
        check(room, row, said)
        if "dclab down" in said.error.get("hint", ""):
            check(room, row, room.down())
            said = room.start_lab()
    over = time.monotonic()
    if not room.running:
        room.wanted = {name: desired(room, name) for name in room.usual}
    check(room, row, said)
    if said.code:
        row.failed.append(f"up failed: {said.cause}")
    return over


def _healed(room: Room, row: Row) -> bool:
    """Whether the lab is whole within the goal; every status until then is checked."""
    end = time.monotonic() + row.heals_within
    return any(not ask_status(room, row).missing(room.wanted) for _ in polls(end))


def polls(end: float, every: float = 0.5) -> Iterator[None]:
    """Yield once, and then again and again until that moment."""
    while True:
        yield
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(every, left))


def heal(room: Room, row: Row, over: float) -> float | None:
    """Wait until the lab is whole and its counter rises; return seconds since the fault was over, None if it does not.

    Every status on the way is checked.
    """
    first: int | None = None
    since = time.monotonic()
    while True:
        seen = ask_status(room, row)
        if not seen.missing(room.wanted):
            if first is not None and (seen.hashes or 0) > first:
                return since - over
            if first is None:
                first, since = seen.hashes or 0, time.monotonic()
        else:
            first = None
        if time.monotonic() - over > room.patience:
            row.failed.append(
                f"not whole after {room.patience:.0f} s: {', '.join(seen.missing(room.wanted)) or 'counter'}"
            )
            return None
        time.sleep(0.15)
