"""The usual course of a fault in a running lab: given, borne, over, healed; everything said meanwhile is checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Literal

from tests.faults.fault import Fault, Row
from tests.faults.meanwhile import Meanwhile, Running, check, desired
from tests.faults.outside import Seen
from tests.faults.room import Room

Give = Callable[[Room], AbstractContextManager[Any]]


def ask_status(room: Room, row: Row) -> Seen:
    """Look, ask for the status, and check it; return the look before it."""
    if room.running is not None:
        room.running.poll(row)
    before = room.look()
    for one in before.missing(room.wanted):
        row.see(one)
    check(room, row, room.tell("status"))
    return before


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
        if running:
            room.look()  # bears out what the command says in the moment of the fault
            running.poll(row)  # if it was quicker than the fault, what it says is of before
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
