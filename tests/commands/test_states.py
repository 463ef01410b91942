"""The states of a lab on the embedded engine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

import pytest

from dclab.engines.embedded import ask as asking
from dclab.engines.embedded import launch
from dclab.engines.embedded.look import leftovers
from dclab.engines.embedded.wire import Settings
from dclab.paths import lab_folder
from tests.conftest import CHECKOUT, COMMAND
from tests.states import StatesOfALab
from tests.supervisors import Fake, line


class Embedded:
    """Labs of this machine."""

    name = "states"
    where = ("--engine", "embedded", "--name", name)
    listing = ("--engine", "embedded")
    release_seconds = 5.0

    def __init__(self, run, monkeypatch):
        self.run = run
        self.monkeypatch = monkeypatch

    def start(self, *arguments):
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([*COMMAND, *arguments], env=environment, **pipes)

    @contextlib.contextmanager
    def in_state(self, state):
        with getattr(self, f"_{state.replace(' ', '_')}")():
            yield
        launch.stop(lab_folder(self.name))

    @contextlib.contextmanager
    def up(self):
        lab, _ = launch.start(Settings(name=self.name))
        lab.ready()
        try:
            yield
        finally:
            launch.stop(lab.folder)
            assert leftovers(lab.folder) == []

    @contextlib.contextmanager
    def _absent(self):
        yield

    @contextlib.contextmanager
    def _not_answering(self):
        with self.up():
            pid = launch.find_lab(self.name).about().pid
            os.kill(pid, signal.SIGSTOP)
            with self.monkeypatch.context() as patch:
                patch.setattr(asking, "ANSWER_TIMEOUT", 0.5)
                yield
            os.kill(pid, 0)  # nobody has replaced it

    @contextlib.contextmanager
    def _other_version(self):
        fake = Fake(lab_folder(self.name))
        fake.pieces = [line(version="0.0.1", answer=None)]
        yield
        fake.close()

    @contextlib.contextmanager
    def _crashed(self):
        with self.up():
            os.kill(launch.find_lab(self.name).about().pid, signal.SIGKILL)
            yield


@pytest.fixture
def place(dclab_here, monkeypatch):
    """Commands in this process, so that they can wait for a lab that hangs only a moment."""
    return Embedded(dclab_here, monkeypatch)


class TestStates(StatesOfALab):
    """All of them."""
