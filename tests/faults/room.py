"""A room for a lab of the campaign: folders of its own, each a small file system, and things of others that must not change.

As root every folder is a tmpfs, in a mount namespace that ends with the campaign (`disks`), so that a disk can be
full or read-only without any other program noticing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

from tests.faults import outside
from tests.faults.disks import mount, mounts_are_private
from tests.faults.fault import CannotGive
from tests.faults.outside import Process, Seen
from tests.faults.user import CHECKOUT, Command, Said, tell

NAME = "faults"

WANTED = {
    "redis": 1,
    "rng": 2,
    "hasher": 2,
    "worker": 3,
    "webui": 1,
    "httplat-rng": 1,
    "httplat-hasher": 1,
}
"""Replicas of the lab in which faults are given."""

SIZES = {"runtime": "4m", "state": "64m", "results": "32m"}
"""Of the folders' file systems."""


class Room:
    """One lab's surroundings. As a context, it is the environment of every command, and ends with all that is in it."""

    usual = WANTED
    patience = 30.0
    """Seconds after which a lab that is not whole is given up."""

    def __init__(self, name: str = NAME) -> None:
        self.name = name
        self.base = Path(tempfile.mkdtemp(prefix="dcf-"))
        self.mounted = mounts_are_private()
        self.wanted: dict[str, int] = {}
        """Replicas that the lab should have now; empty while there should be none."""
        self.known: set[tuple[int, int]] = set()
        """Pid and start of every process that was ever seen in the lab."""
        self.before: dict[str, str | None] = {}
        self.commands: list[Command] = []
        """Every command that was started in a process of its own."""
        self.looks: deque[tuple[float, Seen]] = deque(maxlen=16)
        """The last looks, with the moments at which each had ended."""
        self.unnoticed_until = 0.0
        """Monotonic seconds until which a status need not tell of a fault yet."""
        self.running: Any = None
        """The command that runs meanwhile (`trial.Running`)."""
        self.seed = 1
        """Of whatever a fault leaves to chance."""
        self._runs = 0
        self._canary: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        """The lab's folder."""
        return self.base / "runtime" / "dclab" / self.name

    @property
    def lab_state(self) -> Path:
        """What of the lab may grow; its name goes on with which runtime folder it is of."""
        labs = self.base / "state" / "dclab" / "labs"
        return next(labs.glob(f"{self.name}.*"), labs / self.name)

    @property
    def results(self) -> Path:
        """The working folder of commands."""
        return self.base / "results"

    def __enter__(self) -> Room:
        for name, size in SIZES.items():
            place = self.base / name
            place.mkdir(mode=0o700)
            if self.mounted:
                mount(place, "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs")
            (place / "note.txt").write_text("someone else's\n")
        for name in ("home", "prints"):
            (self.base / name).mkdir()
        env = {
            "XDG_RUNTIME_DIR": str(self.base / "runtime"),
            "XDG_STATE_HOME": str(self.base / "state"),
            "HOME": str(self.base / "home"),
            "PYTHONPATH": str(CHECKOUT),
        }
        self.before = {name: os.environ.get(name) for name in env}
        os.environ.update(env)
        self._canary = subprocess.Popen(
            ["sleep", "86400"], env={**os.environ, outside.MARK: str(self.folder.parent / f"{self.name}-of-another")}
        )
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            self.down()
        self.sweep_out()
        for one in self.commands:
            if one.running:
                one.process.kill()
                one.process.wait()
        if self._canary:
            self._canary.kill()
            self._canary.wait()
        for name, value in self.before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if self.mounted:
            for name in SIZES:
                subprocess.run(["umount", "-l", str(self.base / name)], check=False)
        shutil.rmtree(self.base, ignore_errors=True)

    # The lab.

    def look(self) -> Seen:
        """Look at the lab from outside, and remember its processes."""
        seen = outside.look(self.folder)
        self.known |= {(one.pid, one.started) for one in seen.processes}
        self.looks.append((time.monotonic(), seen))
        return seen

    def processes(self, role: str) -> list[Process]:
        """Return the processes of that role now, the oldest first."""
        found = [one for one in outside.processes_of(self.folder) if one.role == role]
        return sorted(found, key=lambda one: (one.started, one.pid))

    def tell(self, verb: str, *arguments: str) -> Said:
        """Run a verb on the lab in this process, with --json."""
        return tell(verb, *arguments, "--name", self.name, "--json")

    def start(self, verb: str, *arguments: str, **more: Any) -> Command:
        """Start a verb on the lab in a process of its own, with --json; more is as for `Command`."""
        words = (verb, *arguments, "--name", self.name, "--json")
        self.commands.append(Command(self.results, self.base / "prints", *words, **more))
        return self.commands[-1]

    def run_folder(self) -> Path:
        """Return a new folder for a run's results."""
        self._runs += 1
        return self.last_folder

    @property
    def last_folder(self) -> Path:
        """Folder of the run that was begun last."""
        return self.results / f"run-{self._runs}"

    def whole(self, seconds: float = 0.0) -> bool:
        """Whether the lab is whole, from outside, within so many seconds."""
        end = time.monotonic() + seconds
        while self.look().missing(self.wanted):
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def up(self) -> None:
        """Have the lab as it should be, from whatever there is."""
        if self.wanted == self.usual and self.whole(1):
            return
        self.down()
        self.sweep_out()
        said = self.start_lab()
        if said.code:
            raise RuntimeError(f"The lab cannot be started: {said.cause}")
        self.wanted = {}
        for name in ("rng", "hasher", "worker"):
            self.tell("scale", name, str(self.usual[name]))
        self.wanted = dict(self.usual)
        if not self.whole(20):
            raise RuntimeError(f"The lab is not whole: {self.look().missing(self.wanted)}")

    def start_lab(self) -> Said:
        """Run `up`, as for any fault."""
        return self.tell("up", "--clock-speed", "20")

    def need_prometheus(self) -> None:
        """Have the lab's Prometheus; CannotGive where there is none."""
        if not shutil.which("prometheus"):
            raise CannotGive("there is no prometheus here")
        self.tell("monitor", "--seconds", "5s", "--window", "5s", "--out", str(self.run_folder()))
        self.wanted["prometheus"] = 1
        self.whole(5)

    def down(self) -> Said:
        """End the lab."""
        self.wanted = {}
        return self.tell("down")

    # What is left.

    def idle(self) -> list[str]:
        """Return processes that have nothing to do in the lab, or that nobody could find after a crash."""
        seen = self.look()
        roles = {"supervisor", "proxy", "prometheus", *self.wanted}
        found = [f"a {one.role} runs on" for one in seen.processes if one.role not in roles]
        return found + [f"{one.role} does not carry the lab's mark" for one in seen.processes if not one.marked]

    def left(self) -> list[str]:
        """Return what is left of a lab that has ended: processes and folders."""
        found = [f"process {one.role} {one.pid}" for one in outside.processes_of(self.folder)]
        found += [f"process {pid}" for pid, started in self.known if outside.alive(pid, started)]
        found += [str(place) for place in (self.folder, self.lab_state) if place.exists()]
        labs = self.folder.parent
        others = sorted(one.name for one in labs.iterdir() if one != self.folder) if labs.exists() else []
        return sorted({*found, *(f"{one} in the labs' folder" for one in others)})

    def foreign(self) -> list[str]:
        """Return what of others was touched."""
        found = [name for name in SIZES if not (self.base / name / "note.txt").exists()]
        if self._canary and self._canary.poll() is not None:
            found.append("a process of another lab")
        return found

    def sweep_out(self) -> None:
        """Kill what is left of the lab and remove its folders, so that one failure is not the next one's cause."""
        for one in outside.processes_of(self.folder):
            with contextlib.suppress(OSError):
                os.kill(one.pid, signal.SIGKILL)
        for pid, started in self.known:
            if outside.alive(pid, started):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        self.known.clear()
        for place in (self.folder.parent, self.lab_state):
            shutil.rmtree(place, ignore_errors=True)
