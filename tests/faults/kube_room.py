"""A namespace of our own cluster for a lab of the campaign, and its outside look: the API by the official client alone.

The same as `room` for the embedded engine: the course of a fault (`trial`) is one for both.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubernetes import config
from kubernetes.client import ApiException, CoreV1Api
from urllib3.exceptions import HTTPError

from tests.cluster import lifecycle
from tests.cluster.lab import Lab
from tests.cluster.settings import KUBECONFIG, NAME, CannotRun
from tests.faults.fault import CannotGive
from tests.faults.kube_outside import USUAL, KubeSeen, Pod, look
from tests.faults.user import Command, Said, tell

NAMESPACE = "dclab-campaign"
BYSTANDER = "dclab-bystander"
"""Somebody else's namespace, with a thing in it."""


class KubeRoom:
    """One namespace, a user's folders, and somebody else's namespace beside it."""

    usual = USUAL
    patience = 150.0

    def __init__(self) -> None:
        self.name = NAMESPACE
        self.base = Path(tempfile.mkdtemp(prefix="dck-"))
        self.wanted: dict[str, int] = {}
        self.commands: list[Command] = []
        self.looks: deque[tuple[float, KubeSeen]] = deque(maxlen=16)
        self.unnoticed_until = 0.0
        """Monotonic seconds until which a status need not tell of a fault yet."""
        self.running: Any = None
        """The command that runs meanwhile (`trial.Running`)."""
        self.seed = 1
        self._runs = 0
        self._before: dict[str, str | None] = {}
        self._ran = False
        self.lab: Lab

    def __enter__(self) -> KubeRoom:
        if os.geteuid():
            raise CannotGive("our own cluster needs root")
        try:
            self._ran = lifecycle.running()
            lifecycle.up()  # again, when its images are not of this checkout
        except CannotRun as error:
            raise CannotGive(str(error)) from error
        self.lab = Lab(config.new_client_from_config(str(KUBECONFIG), NAME), NAMESPACE)
        for name in ("results", "prints", "runtime", "state"):
            (self.base / name).mkdir(mode=0o700)
        env = {
            "KUBECONFIG": str(KUBECONFIG),
            "XDG_RUNTIME_DIR": str(self.base / "runtime"),
            "XDG_STATE_HOME": str(self.base / "state"),
            "DCLAB_YES": "1",
        }
        self._before = {name: os.environ.get(name) for name in env}
        os.environ.update(env)
        core = self.lab.core
        with contextlib.suppress(ApiException):
            core.create_namespace({"metadata": {"name": BYSTANDER}})
        with contextlib.suppress(ApiException):
            core.create_namespaced_config_map(BYSTANDER, {"metadata": {"name": "note"}, "data": {"of": "someone else"}})
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            self.down()
        for one in self.commands:
            if one.running:
                one.process.kill()
                one.process.wait()
        for name in (BYSTANDER, NAMESPACE):
            with contextlib.suppress(ApiException, HTTPError):
                self.lab.core.delete_namespace(name)
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(self.base, ignore_errors=True)
        if not self._ran:
            lifecycle.down()

    # The lab.

    @property
    def core(self) -> CoreV1Api:
        """Kubernetes' own client."""
        return self.lab.core

    @property
    def results(self) -> Path:
        """The working folder of commands."""
        return self.base / "results"

    def look(self) -> KubeSeen:
        """Look at the lab from outside."""
        seen = look(self.lab)
        self.looks.append((time.monotonic(), seen))
        return seen

    def processes(self, role: str) -> list[Pod]:
        """Return the pods of a deployment that do not leave."""
        return [one for one in self.look().of(role) if not one.leaving]

    def tell(self, verb: str, *arguments: str) -> Said:
        """Run a verb on the lab in this process, with --json."""
        return tell(verb, *arguments, "--context", NAME, "--name", self.name, "--json")

    def start(self, verb: str, *arguments: str, **more: Any) -> Command:
        """Start a verb on the lab in a process of its own, with --json."""
        words = (verb, *arguments, "--context", NAME, "--name", self.name, "--json")
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
            time.sleep(0.3)
        return True

    def start_lab(self) -> Said:
        """Run `up`, as for any fault."""
        return self.tell("up")

    def up(self) -> None:
        """Have the lab as it should be, from whatever there is."""
        if self.wanted == self.usual and self.whole(2):
            return
        said = self.start_lab()
        if said.code:
            self.down()
            said = self.start_lab()
        if said.code:
            raise RuntimeError(f"The lab cannot be started: {said.cause}")
        for name in ("rng", "hasher", "worker"):
            self.tell("scale", name, str(self.usual[name]))
        self.wanted = dict(self.usual)
        if not self.whole(60):
            raise RuntimeError(f"The lab is not whole: {self.look().missing(self.wanted)}")

    def down(self) -> Said:
        """End the lab."""
        self.wanted = {}
        return self.tell("down")

    # What is left.

    def idle(self) -> list[str]:
        """Return objects that have nothing to do in the lab."""
        jobs = self.lab.batch.list_namespaced_job(NAMESPACE).items
        autoscalers = self.lab.autoscaling.list_namespaced_horizontal_pod_autoscaler(NAMESPACE).items
        ours = [
            one for one in autoscalers if (one.metadata.labels or {}).get("app.kubernetes.io/managed-by") == "dclab"
        ]
        return [f"{type(one).__name__} {one.metadata.name}" for one in (*jobs, *ours)]

    def left(self) -> list[str]:
        """Return what is left of a lab that has ended."""
        seen = self.look()
        return [f"pod {one.name}" for one in seen.processes] + ([f"namespace {NAMESPACE}"] if seen.folder else [])

    def foreign(self) -> list[str]:
        """Return what of others was touched."""
        try:
            note = self.core.read_namespaced_config_map("note", BYSTANDER)
        except ApiException:
            return ["somebody else's ConfigMap"]
        return [] if note.data == {"of": "someone else"} else ["somebody else's ConfigMap was changed"]

    def sweep_out(self) -> None:
        """Remove the namespace, so that one failure is not the next one's cause."""
        with contextlib.suppress(ApiException):
            self.core.delete_namespace(NAMESPACE)
        with contextlib.suppress(ApiException):
            self.core.delete_collection_namespaced_pod(NAMESPACE, grace_period_seconds=0)
        end = time.monotonic() + 60
        while self.look().folder and time.monotonic() < end:
            time.sleep(0.3)

    @contextlib.contextmanager
    def touched(self, undo: Any) -> Iterator[None]:
        """Do something again at the end, whatever happens."""
        try:
            yield
        finally:
            with contextlib.suppress(ApiException, HTTPError):
                undo()


open_room = KubeRoom
