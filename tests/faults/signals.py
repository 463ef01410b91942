"""Faults of a command's own process: signals at any moment of a run, a client that is gone, hangs or cannot print."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.fault import Fault, Row
from tests.faults.meanwhile import LOAD, SCALE, SWEEP, Meanwhile, Running, check, lost_results, measured
from tests.faults.outside import Seen
from tests.faults.room import Room
from tests.faults.trial import heal, on_lab
from tests.faults.user import INTERRUPTED

RUN_SECONDS = 45.0
"""Within a quick run, whose siege and autoscaler come last."""

CLEAN_UP_SECONDS = 20.0
"""For a command to end after a signal: it ends its lab, which may take 15."""

MOMENTS = 4
"""Of each signal; with five of them, twenty moments of `run`."""


# Signals.


def signals_in_run(name: str, numbers: tuple[signal.Signals, ...], *, short: bool = False) -> Fault:
    """`run`, which has started its lab, gets a signal at some random moments, one run for each."""

    def play(room: Room, row: Row) -> None:
        room.down()
        moments = [6.0] if short else sorted(_moments(room, name))
        for moment in moments:
            cut_off(room, row, numbers, moment)
            row.see(f"cut at {moment:.1f} s")

    kind = f"{name} to run, at 6 s" if short else f"{name} to run, {MOMENTS} moments"
    return Fault(kind, "client", play, short=short)


def _moments(room: Room, name: str) -> Iterator[float]:
    chance = random.Random(f"{room.seed} {name}")
    yield chance.uniform(0.2, 3.0)  # the lab starts
    for _ in range(MOMENTS - 1):
        yield chance.uniform(3.0, RUN_SECONDS)


def cut_off(
    room: Room,
    row: Row,
    numbers: tuple[signal.Signals, ...],
    moment: float,
    clean_up: float = CLEAN_UP_SECONDS,
) -> None:
    """One run, cut off so many seconds after its start; it has `clean_up` seconds to end."""
    folder = room.run_folder()
    command = room.start("run", "--quick", "--out", str(folder))
    end = time.monotonic() + moment
    while time.monotonic() < end and command.running:
        room.look()  # remembers the lab's processes
        time.sleep(0.3)
    points = measured(folder)
    for number in numbers:
        command.send(number)
        time.sleep(0.3)
    sent = time.monotonic()
    said = command.end(clean_up)
    killed = signal.SIGKILL in numbers
    if said.code == -signal.SIGKILL and not killed:
        row.failed.append(f"cut at {moment:.1f} s, it goes on")
    elif not killed and not (said.code < 0 and moment < 1.0):
        row.failed += [f"cut at {moment:.1f} s: {one}" for one in said.improper()]
        row.say(f"run: {said.cause}" if said.code else "run: ✓")
        if said.code not in (INTERRUPTED, 0):
            row.failed.append(f"cut at {moment:.1f} s, its exit code is {said.code}")
    lost_results(row, folder, points)
    seconds = gone(room, row.heals_within)
    if seconds is None:
        seen = room.look()
        row.left += [f"cut at {moment:.1f} s: {one}" for one in _names(seen) or room.left()]
    row.seconds = max(row.seconds or 0.0, time.monotonic() - sent if killed else seconds or 0.0)
    room.sweep_out()


def gone(room: Room, seconds: float) -> float | None:
    """Wait until nothing of the lab is left; return how long it took, None if something stays."""
    begin = time.monotonic()
    while room.left():
        if time.monotonic() - begin > seconds:
            return None
        time.sleep(0.1)
    return time.monotonic() - begin


def _names(seen: Seen) -> list[str]:
    return sorted({f"{len(seen.of(one.role))} {one.role}" for one in seen.processes})


# The client itself.


@contextlib.contextmanager
def hung_client(room: Room) -> Iterator[None]:
    """The client that runs meanwhile stands still, as after Ctrl-Z, and goes on."""
    command = room.commands[-1]
    command.send(signal.SIGSTOP)
    try:
        yield
    finally:
        command.send(signal.SIGCONT)


def killed_client(what: Meanwhile, *, short: bool = False) -> Fault:
    """A client is killed while it works on the user's lab: the lab goes on, and nothing that it has started does."""

    def play(room: Room, row: Row) -> None:
        room.up()
        running = Running(room, what)
        running.command.send(signal.SIGKILL)
        running.command.process.wait()
        room.running = None
        over = time.monotonic()
        for name, count in room.tell("status").data.get("deployments", {}).items():
            room.wanted[name] = count["desired"]
        row.seconds = heal(room, row, over)
        lost_results(row, running.folder, running.points)
        end = over + row.heals_within
        while (left := room.idle()) and time.monotonic() < end:
            time.sleep(0.2)
        row.left += left
        said = room.tell("scale", "worker", "3")  # whoever is gone holds nothing
        room.wanted["worker"] = 3
        check(room, row, said)
        if said.code:
            row.failed.append(f"scale after it: {said.cause}")
        row.foreign += room.foreign()
        if left:
            room.down()

    return Fault("SIGKILL in a command", f"client of {what.verb[0]}", play, short=short)


def unwritable(name: str, stdout: Path) -> Fault:
    """The client's standard output takes nothing."""

    def play(room: Room, row: Row) -> None:
        room.up()
        said = room.start("status", stdout=stdout).end(30)
        row.say(f"status: {said.err.strip()[:80]}")
        if "Traceback" in said.err:
            row.failed.append(f"a traceback: {said.err.strip()[-120:]}")
        if said.code == 0:
            row.false.append("success, although nothing could be printed")
        row.seconds = heal(room, row, said.end)

    return Fault(name, "client's stdout", play)


INT, TERM, HUP, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL

FAULTS: list[Fault] = [
    signals_in_run("SIGKILL", (KILL,), short=True),
    signals_in_run("SIGINT", (INT,)),
    signals_in_run("SIGTERM", (TERM,)),
    signals_in_run("SIGHUP", (HUP,)),
    signals_in_run("SIGKILL", (KILL,)),
    signals_in_run("SIGINT twice", (INT, INT)),
    *(killed_client(one) for one in (SWEEP, LOAD, SCALE)),
    on_lab("hang 6 s in a sweep", "client", hung_client, lasts=6, meanwhile=SWEEP),
    unwritable("full", Path("/dev/full")),
]
