"""The part of the states' contract that needs no pods: what is said of each state. The whole runs in tests/cluster."""

from __future__ import annotations

import contextlib

import pytest

from dclab.engines.kube import launch
from dclab.engines.kube.cluster.images import BUILD, Images
from dclab.engines.kube.labels import VERSION
from tests.states import StatesOfALab


class Kept:
    """Labs on a server that keeps objects."""

    name = "dockercoins"
    where = ("--context", "mine", "--name", name)
    listing = ("--engine", "kube", "--context", "mine")

    def __init__(self, cluster, run):
        self.cluster = cluster
        self._run = run

    def run(self, *arguments):
        return self._run(*arguments, *(["--yes"] if arguments[0] == "up" else []))

    @contextlib.contextmanager
    def in_state(self, state):
        if state != "absent":
            launch.start(launch.place("mine", self.name), Images(BUILD), lambda _: None)
        with getattr(self, f"_{state.replace(' ', '_')}")():
            yield

    @contextlib.contextmanager
    def _absent(self):
        yield

    @contextlib.contextmanager
    def _not_answering(self):
        self.cluster.stop()
        yield
        self.cluster.again()

    @contextlib.contextmanager
    def _other_version(self):
        self.cluster.get("namespaces", "", self.name)["metadata"]["annotations"][VERSION] = "0.0.1"
        yield

    @contextlib.contextmanager
    def _crashed(self):
        del self.cluster.objects["deployments", self.name, "rng"]
        yield


@pytest.fixture
def place(cluster, dclab_here):
    return Kept(cluster, dclab_here)


class TestStates:
    test_each_state_has_its_message_and_its_exit_code = StatesOfALab.test_each_state_has_its_message_and_its_exit_code
    test_what_is_not_replaced = StatesOfALab.test_what_does_not_answer_or_is_another_versions_is_not_replaced
