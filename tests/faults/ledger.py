"""The ledger: the counter beside what the hashers served since Redis last started.

Every hash that a hasher served was counted, unless the worker that had asked for it was killed before its next report, or
the answer was lost on the way. How many that can be at most is added up; what is exact is compared exactly:

    served - lost on the way - held by killed workers <= counter <= served + held over from before Redis started
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from tests.faults.outside import Process, password_of
from tests.faults.ports import exchange, hashes_of
from tests.faults.room import Room

HELD = 5
"""Hashes that a worker can hold unreported: it reports once a second, and one takes 0.3 s."""


@dataclass
class Ledger:
    """One lab's book, from a start of Redis on."""

    room: Room
    served: dict[tuple[int, int], int] = field(default_factory=dict)
    """What each hasher served so far, by its pid and start."""
    before: int = 0
    """What they had served when Redis last started."""
    may_lack: int = 0
    """Hashes that may be missing in the counter."""
    may_have: int = 0
    """Hashes that the counter may have more: held over from before Redis started, or counted twice in a lost answer."""
    redis: tuple[int, int] | None = None
    kills: dict[str, int] = field(default_factory=dict)
    """How often what was killed, since Redis last started."""

    def read(self) -> None:
        """Ask every hasher."""
        for one in self.room.processes("hasher"):
            told = _served(one)
            if told is not None:
                self.served[one.pid, one.started] = told

    def look(self) -> None:
        """Read the hashers, and begin again when Redis is another one."""
        read_before = sum(self.served.values())
        self.read()
        workers = len(self.room.processes("worker"))
        for one in self.room.processes("redis")[-1:]:
            if self.redis not in (None, (one.pid, one.started)):
                # What was served since the last reading was reported to the old one, or to the new one, or is held.
                self.before = read_before
                self.may_lack = sum(self.served.values()) - read_before
                self.may_have = workers * (HELD + 1)
                self.kills = {}
            self.redis = (one.pid, one.started)

    def in_doubt(self) -> int:
        """Hashes that can be served between a reading and a kill a moment later: one for each worker."""
        return max(1, len(self.room.processes("worker")))

    def killing(self, role: str, count: int = 1) -> None:
        """Note that so many of these are killed, or cut off, right now."""
        self.read()
        self.kills[role] = self.kills.get(role, 0) + count
        if role == "worker":
            self.may_lack += count * (HELD + 1)
        elif role == "hasher":  # what it served after the reading is not known; the answers of it are lost
            self.may_have += self.in_doubt()
            self.may_lack += self.in_doubt()
        elif role in ("proxy", "rng", "redis"):
            self.may_lack += self.in_doubt()
            self.may_have += HELD * self.in_doubt() if role == "proxy" else 0  # an INCRBY whose answer was cut off

    def leaving(self, workers: int) -> None:
        """Note that so many workers are told to leave: hasher may be serving each of them."""
        self.may_lack += workers

    def new_lab(self) -> None:
        """Begin again: every process is another."""
        self.served.clear()
        self.before, self.may_lack, self.may_have, self.redis, self.kills = 0, 0, 0, None, {}
        self.look()

    def settle(self) -> str:
        """End all workers, so that they report what they hold, and compare; return what differs, empty if nothing does."""
        self.leaving(len(self.room.processes("worker")))
        said = self.room.tell("scale", "worker", "0")
        self.room.wanted["worker"] = 0
        if said.code:
            return f"the workers cannot be ended: {said.cause}"
        time.sleep(0.3)
        self.look()
        port = next((one.port for one in self.room.processes("redis")), None)
        password = password_of(self.room.processes("webui"))
        counter = hashes_of(port, password) if port else None
        served = sum(self.served.values()) - self.before
        if counter is None:
            return "Redis does not tell the counter"
        self.words = f"counter {counter}, hasher served {served}, difference {counter - served:+d}; " + (
            f"explained: -{self.may_lack} to +{self.may_have} ({self._kills()})"
        )
        return "" if -self.may_lack <= counter - served <= self.may_have else self.words

    words: str = ""

    def _kills(self) -> str:
        return ", ".join(f"{count} {role}" for role, count in self.kills.items()) or "nothing was killed"


def _served(hasher: Process) -> int | None:
    if hasher.port is None or hasher.stopped:
        return None
    answer = exchange(hasher.port, b"GET /served HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n", 1 << 16)
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(json.loads(body)["served"]) if b" 200 " in head[:20] else None
