"""The campaign of faults: every kind of fault in every component, and what is lost, said, seen and left.

python -m tests.faults [--engine embedded|kube] [--only SUBSTRING …] [--seed N] [--short] [--list]
python -m tests.faults.random --count 500 --chunk 50 --seed N
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Iterable

from tests.faults.disks import private_mounts
from tests.faults.fault import HEAD, CannotGive, Fault, Row, line, totals
from tests.faults.room import Room
from tests.faults.user import heed_signals


def faults_of(engine: str) -> list[Fault]:
    """Return every fault of an engine."""
    if engine == "kube":
        from tests.faults import kube

        return kube.FAULTS
    from tests.faults import processes, signals, surroundings, together

    return [*processes.FAULTS, *surroundings.FAULTS, *signals.FAULTS, *together.FAULTS]


def give(fault: Fault, room: Room) -> Row:
    """Give one fault; whatever goes wrong is a finding."""
    row = fault.row()
    try:
        fault.play(room, row)
    except CannotGive as error:
        row.skipped = str(error)
    except Exception as error:
        row.failed.append(f"the campaign itself: {error!r} {traceback.format_exc(limit=-3)}")
        room.wanted = {}
    if room.running is not None:  # the command outlives a trial that was cut off
        room.running.command.process.kill()
        room.running = None
        room.down()
    return row


def campaign(faults: Iterable[Fault], room: Room) -> list[Row]:
    """Give them one after the other, and print the table as it grows."""
    print(HEAD, flush=True)
    rows = []
    for fault in faults:
        rows.append(give(fault, room))
        print(line(rows[-1]), flush=True)
    return rows


def main() -> int:
    """Run the campaign; return 1 when anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=("embedded", "kube"), default="embedded")
    parser.add_argument("--only", nargs="+", default=[""], metavar="SUBSTRING", help="of kind / component / engine")
    parser.add_argument("--short", action="store_true", help="the short form, within 90 s")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of signals")
    parser.add_argument("--list", action="store_true", help="name the faults, and give none")
    asked = parser.parse_args()
    faults = [
        one
        for one in faults_of(asked.engine)
        if any(part in one.name for part in asked.only) and (one.short or not asked.short)
    ]
    if asked.list:
        print(*(one.name for one in faults), f"{len(faults)} faults", sep="\n")
        return 0
    heed_signals()
    private_mounts("tests.faults", sys.argv[1:])
    begin = time.monotonic()
    if asked.engine == "kube":
        from tests.faults.kube_room import open_room
    else:
        open_room = Room
    with open_room() as room:
        room.seed = asked.seed
        rows = campaign(faults, room)
        room.down()
        time.sleep(0.5)
        left = room.left()
    print(f"{totals(rows)}; {time.monotonic() - begin:.0f} s")
    if left:
        print(f"left after the last `down`: {', '.join(left)}")
    return int(bool(left) or any(row.findings for row in rows))


if __name__ == "__main__":
    sys.exit(main())
