"""Random faults in a row on the embedded engine, under a siege: `python -m tests.faults.random --count 500 --chunk 50 --seed N`.

Each chunk has a lab and a seed of its own; a chunk that fails is given again with the seed that is printed. At its end
the ledger is settled: the counter beside what the hashers served.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

from tests.faults import giving, surroundings
from tests.faults.disks import full_disk, private_mounts
from tests.faults.fault import CannotGive, Row
from tests.faults.ledger import Ledger
from tests.faults.meanwhile import check
from tests.faults.room import Room
from tests.faults.trial import ask_status, heal, unnoticed
from tests.faults.user import CHECKOUT, heed_signals

GOAL_SECONDS = 5.0

WEIGHTS = {
    "kill": 30,
    "hang": 15,
    "kill all": 6,
    "kill again and again": 6,
    "out of descriptors": 8,
    "disk full": 5,
    "flood": 4,
    "nonsense": 4,
    "suspend": 3,
    "scale": 12,
    "crash": 3,
}
"""How often which kind is drawn, of 96."""

KILLED = ("proxy", "redis", "rng", "hasher", "worker", "webui", "httplat-rng", "httplat-hasher")


class Siege:
    """Users of the web UI and of rng, who come back whenever they were sent away."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def go_on(self) -> None:
        """Start each that does not run."""
        for service in ("webui", "rng"):
            one = self.running.get(service)
            workers = self.room.processes("worker")
            if (one is None or one.poll() is not None) and workers:
                url = f"http://127.0.0.1:{workers[0].services[service]}/"
                self.running[service] = subprocess.Popen(
                    [sys.executable, "-m", "apps.siege", "-b", "-c", "2", "-t", "3H", url],
                    cwd=CHECKOUT,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )

    def end(self) -> None:
        """Send the users home."""
        for one in self.running.values():
            one.kill()
            one.wait()
        self.running.clear()


class Chain:
    """Faults in a row, each drawn by chance."""

    def __init__(self, room: Room, seed: int) -> None:
        self.room = room
        self.chance = random.Random(seed)
        self.ledger = Ledger(room)
        self.drawn: Counter[str] = Counter()

    def draw(self) -> tuple[str, str]:
        """Return a kind and a component."""
        kind = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if kind in ("kill", "kill all", "kill again and again"):
            return kind, self.chance.choice(KILLED)
        if kind == "hang":
            return kind, self.chance.choice(("supervisor", *KILLED))
        if kind == "out of descriptors":
            return kind, self.chance.choice(("supervisor", "proxy", "redis", "rng"))
        if kind == "scale":
            return kind, self.chance.choice(("rng", "hasher", "worker"))
        if kind == "disk full":
            return kind, self.chance.choice(("runtime", "state"))
        if kind == "flood":
            return kind, self.chance.choice(("rng", "webui"))
        return kind, "lab"

    def step(self, row: Row) -> None:
        """Give one fault, with what is said meanwhile checked."""
        kind, component = row.kind, row.component
        self.drawn[kind] += 1
        self.ledger.look()
        if kind == "scale":
            self.scale(component, row)
        elif kind == "crash":
            self.crash(row)
        else:
            with self.give(kind, component):
                self.room.unnoticed_until = time.monotonic() + unnoticed(kind)
                ask_status(self.room, row)
            self.room.unnoticed_until = 0.0
        self.ledger.look()
        # Three of ten are given while the one before has not healed yet.
        if self.chance.random() < 0.3:
            time.sleep(self.chance.uniform(0.0, 0.5))
        else:
            row.seconds = heal(self.room, row, time.monotonic())
        self.ledger.look()

    @contextlib.contextmanager
    def give(self, kind: str, component: str) -> Iterator[None]:
        """A fault, and how long it lasts."""
        room, lasts = self.room, 0.0
        if kind == "kill":
            given, killed = giving.kill(component), 1
        elif kind == "kill all":
            given, killed = giving.kill_all(component), len(room.processes(component))
        elif kind == "kill again and again":
            given, killed = giving.again_and_again(component, 3, 0.2), 3
        elif kind == "hang":
            given, killed, lasts = giving.hang(component), 0, self.chance.uniform(0.2, 4.0)
        elif kind == "suspend":
            given, killed, lasts = giving.hang("supervisor", *KILLED), 0, self.chance.uniform(0.5, 2.0)
        elif kind == "out of descriptors":
            given, killed, lasts = giving.no_descriptors(component), 0, self.chance.uniform(0.5, 3.0)
        elif kind == "disk full":
            given, killed, lasts = surroundings.disk(component, full_disk), 0, self.chance.uniform(0.5, 3.0)
        elif kind == "flood":
            given, killed, lasts = surroundings.flood(component, 100), 0, 0.5
        else:
            given, killed, lasts = surroundings.control_flood(b"\0\n{}\n", 20), 0, 0.2
        if killed:
            self.ledger.killing(component, killed)
        elif kind in ("hang", "suspend"):
            self.ledger.killing("proxy")  # a hung one is replaced
        with given(room):
            yield
            time.sleep(lasts)

    def scale(self, component: str, row: Row) -> None:
        """A user scales."""
        count = self.chance.randint(1, 4)
        self.ledger.read()
        for _ in range(max(0, self.room.wanted[component] - count)):
            if component == "hasher":  # it ends in peace, but what it serves until then is not known
                self.ledger.killing("hasher")
            if component == "worker":
                self.ledger.leaving(1)
        said = self.room.tell("scale", component, str(count))
        self.room.wanted[component] = count
        check(self.room, row, said)
        if said.code:
            row.failed.append(f"scale {component} {count}: {said.cause}")

    def crash(self, row: Row) -> None:
        """The supervisor is killed, and the user starts the lab again."""
        with giving.kill("supervisor")(self.room):
            time.sleep(0.1)
            ask_status(self.room, row)
        said = self.room.start_lab()
        states = self.room.tell("status").data.get("deployments", {})
        self.room.wanted = {name: states[name]["desired"] for name in self.room.wanted if name in states}
        check(self.room, row, said)
        self.ledger.new_lab()


def chunk(seed: int, count: int) -> tuple[list[Row], str]:
    """Give so many faults in one lab; return their rows, and the ledger in words."""
    rows = []
    with Room() as room:
        room.up()
        chain, siege = Chain(room, seed), Siege(room)
        chain.ledger.new_lab()
        try:
            for _ in range(count):
                siege.go_on()
                row = Row(*chain.draw(), "embedded", heals_within=GOAL_SECONDS)
                rows.append(row)
                try:
                    chain.step(row)
                except CannotGive as error:
                    row.skipped = str(error)
                if row.findings:
                    print(f"  {len(rows)}. {row.kind} / {row.component}: {'; '.join(row.findings)}", flush=True)
                if row.failed and not room.whole(10):
                    room.up()
                    chain.ledger.new_lab()
            end = Row("end", "lab", "embedded")
            heal(room, end, time.monotonic())
        finally:
            siege.end()
        if differs := chain.ledger.settle():
            end.false.append(f"the counter: {differs}")
        room.down()
        time.sleep(0.5)
        end.left, end.foreign = room.left(), room.foreign()
        return [*rows, end], chain.ledger.words


def main() -> int:
    """Give the faults; return 1 when anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.random", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--chunk", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    heed_signals()
    private_mounts("tests.faults.random", sys.argv[1:])
    failed = []
    for index in range(-(-asked.count // asked.chunk)):
        seed, begin = asked.seed + index, time.monotonic()
        rows, ledger = chunk(seed, min(asked.chunk, asked.count - index * asked.chunk))
        bad = [row for row in rows if row.findings]
        slowest = max((row.seconds or 0.0 for row in rows), default=0.0)
        print(
            f"seed {seed}: {len(rows) - 1} faults in {time.monotonic() - begin:.0f} s, {len(bad)} with findings; "
            f"slowest to be whole {slowest:.1f} s; {ledger}",
            flush=True,
        )
        for one in rows[-1].findings:
            print(f"  at the end: {one}", flush=True)
        if bad:
            failed.append(seed)
            print(f"  again: python -m tests.faults.random --count {asked.chunk} --chunk {asked.chunk} --seed {seed}")
    print(f"{len(failed)} of {index + 1} chunks failed{': seeds ' + ', '.join(map(str, failed)) if failed else ''}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
