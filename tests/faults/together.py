"""Commands together: two on one lab, the lab ended under one, something else that changes it meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.faults import ports
from tests.faults.fault import Fault, Row
from tests.faults.meanwhile import LOAD, SWEEP, Meanwhile, Running, check, lost_results, measured
from tests.faults.room import WANTED, Room
from tests.faults.signals import gone
from tests.faults.trial import ask_status, heal
from tests.faults.user import Command


def second(verb: tuple[str, ...], first: Meanwhile, *, refused: bool, short: bool = False) -> Fault:
    """A second command on a lab that the first one measures: refused with its name if it would change the lab."""

    def play(room: Room, row: Row) -> None:
        room.up()
        running = Running(room, first)
        out = ("--out", str(room.run_folder())) if verb[0] in ("run", "scale-sweep", "loadtest", "latency") else ()
        said = room.start(*verb, *out).end(200)
        row.say(f"{verb[0]}: {said.cause if said.code else '✓'}")
        row.failed += said.improper()
        if refused and said.code == 0:
            row.false.append(f"{verb[0]} changed the lab while {first.verb[0]} measured it, and nobody was told")
        if refused and said.code and first.verb[0] not in said.cause:
            row.false.append(f"the refusal does not name its holder: {said.cause}")
        if not refused and said.code:
            row.failed.append(f"{verb[0]} failed: {said.cause}")
        done = running.finish(row)
        if done.code:
            row.failed.append(f"{first.verb[0]} failed: {done.cause}")
        row.seconds = heal(room, row, time.monotonic())
        room.down()
        row.left += room.left()

    return Fault("second command", f"{verb[0]} in {first.verb[0]}", play, short=short)


def two_runs(room: Room, row: Row) -> None:
    """Two `run` at once on one name: one has it, the other is refused, or waits; nothing is measured twice or lost."""
    room.down()
    folders = [room.run_folder(), room.run_folder()]
    commands = []
    for folder in folders:
        commands.append(room.start("run", "--quick", "--out", str(folder)))
        time.sleep(2.0)
    said = [one.end(240) for one in commands]
    for one in said:
        row.say(f"run: {one.cause if one.code else '✓'}")
        row.failed += one.improper()
    done = [one for one in said if one.code == 0]
    if not done:
        row.failed.append("neither run succeeded")
    if len(done) == 2:
        row.false.append("both runs say ✓, though they changed one lab at the same time")
    seconds = gone(room, row.heals_within)
    row.seconds = seconds
    if seconds is None:
        row.left += room.left()
    room.sweep_out()


def many(verb: str, count: int, *, up_first: bool) -> Fault:
    """Several `up`, or several `down`, at the same time."""

    def play(room: Room, row: Row) -> None:
        room.up() if up_first else room.down()
        commands = [room.start(verb) for _ in range(count)]
        said = [one.end(90) for one in commands]
        for one in said:
            row.failed += one.improper() + ([f"{verb}: {one.cause}"] if one.code else [])
            row.say(f"{verb}: {one.cause if one.code else '✓'}")
        if verb == "down":
            room.wanted = {}
            row.left += room.left()
        else:
            room.wanted = dict.fromkeys(WANTED, 1)
            started = [one for one in said if one.data.get("started")]
            if len(started) != 1:
                row.false.append(f"{len(started)} of them say that they have started it")
            row.seconds = heal(room, row, max(one.end for one in said))
            room.down()

    return Fault(f"{count} at once", verb, play)


def down_during(
    what: str, start: Callable[[Room], Command], wait: Callable[[Room, Command], None], *, short: bool
) -> Fault:
    """`down` while a command uses the lab: it stays down, and the command stops, keeps what it had and says who ended it."""

    def play(room: Room, row: Row) -> None:
        command = start(room)
        wait(room, command)
        folder = room.last_folder
        points = measured(folder)
        room.look()
        quicker = not command.running
        said = room.tell("down")
        room.wanted = {}
        check(room, row, said)
        ended = command.end(60)
        row.say(f"{what}: {ended.cause if ended.code else '✓'}")
        row.failed += ended.improper()
        if ended.code == 0 and not quicker:
            row.false.append(f"{what} says ✓ though its lab was ended")
        elif ended.code and not any(word in ended.cause.lower() for word in ("ended", "down", "stopped", "removed")):
            row.false.append(f"{what} does not say that the lab was ended: {ended.cause}")
        lost_results(row, folder, points)
        time.sleep(1.0)
        row.left += room.left()
        row.seconds = ended.end - said.end
        row.foreign += room.foreign()
        room.sweep_out()

    return Fault("down in a command", what, play, heals_within=10.0, short=short)


def _run(room: Room) -> Command:
    room.down()
    return room.start("run", "--quick", "--out", str(room.run_folder()))


def _sweep(room: Room) -> Command:
    room.up()
    return room.start(*SWEEP.verb, "--out", str(room.run_folder()))


def _load(room: Room) -> Command:
    room.up()
    return room.start("loadtest", "--time", "30s", "--out", str(room.run_folder()))


def _up(room: Room) -> Command:
    room.down()
    return room.start("up")


def _scale(room: Room) -> Command:
    room.up()
    return room.start("scale", "rng", "30")


def first_point(room: Room, command: Command) -> None:
    """Wait until something has been measured."""
    end = time.monotonic() + 40
    folder = room.last_folder
    while not measured(folder) and command.running and time.monotonic() < end:
        time.sleep(0.1)


def seconds(count: float) -> Callable[[Room, Command], None]:
    """Wait so long."""
    return lambda _room, _command: time.sleep(count)


def folder_there(room: Room, command: Command) -> None:
    """Wait until the lab begins to be."""
    end = time.monotonic() + 10
    while not ports.control_answers(room.folder) and command.running and time.monotonic() < end:
        time.sleep(0.02)


def up_during_down(room: Room, row: Row) -> None:
    """`up` while `down` is at work: in the end there is one whole lab, or none, as the last of them says."""
    room.up()
    down = room.start("down")
    time.sleep(0.8)
    up = room.start("up")
    first, last = down.end(60), up.end(120)
    for one in (first, last):
        row.say(f"{one.command[0]}: {one.cause if one.code else '✓'}")
        row.failed += one.improper() + ([one.cause] if one.code else [])
    room.wanted = dict.fromkeys(WANTED, 1)
    row.seconds = heal(room, row, last.end)
    said = room.down()
    if said.code:
        row.failed.append(said.cause)
    row.left += room.left()


def scaled_by_hand(room: Room, row: Row) -> None:
    """Somebody scales within a window, past the hold, as another client would: it is noticed, and told."""
    room.up()
    running = Running(room, SWEEP)
    said = room.tell("scale", "rng", "1")
    row.say(f"scale: {said.cause if said.code else '✓'}")
    if said.code == 0:
        room.wanted["rng"] = 1
    done = running.finish(row)
    codes = {one.get("code") for one in done.envelope.get("warnings", ())}
    if said.code == 0 and done.code == 0 and not codes & {"disturbed", "rescaled"}:
        row.false.append("rng was scaled within a window, and the sweep says nothing of it")
    row.seconds = heal(room, row, time.monotonic())
    room.down()


def status_while_starting(room: Room, row: Row) -> None:
    """`status` again and again while a lab starts and ends: each is checked."""
    room.down()
    up = room.start("up")
    room.wanted = dict.fromkeys(WANTED, 1)
    while up.running:
        if room.folder.exists():
            ask_status(room, row)
        time.sleep(0.1)
    said = up.end(60)
    check(room, row, said)
    row.seconds = heal(room, row, said.end)
    down = room.start("down")
    room.wanted = {}
    while down.running:
        check(room, row, room.tell("list"))
        time.sleep(0.1)
    check(room, row, down.end(60))
    row.left += room.left()


FAULTS: list[Fault] = [
    second(("scale-sweep", "--workers", "1", "--seconds", "3s"), SWEEP, refused=True),
    second(("loadtest", "--time", "5s"), SWEEP, refused=True),
    second(("scale", "worker", "4"), LOAD, refused=True),
    second(("latency", "--count", "3"), SWEEP, refused=True),  # it would scale the workers
    Fault("two at once", "run", two_runs),
    Fault("scale by hand", "rng in a sweep", scaled_by_hand),
    many("up", 4, up_first=False),
    many("down", 3, up_first=True),
    down_during("run", _run, first_point, short=True),
    down_during("scale-sweep", _sweep, first_point, short=False),
    down_during("loadtest", _load, seconds(4), short=False),
    down_during("up", _up, folder_there, short=False),
    down_during("scale", _scale, seconds(1.2), short=False),
    Fault("up in down", "supervisor", up_during_down),
    Fault("starting and ending", "status and list", status_while_starting),
]
