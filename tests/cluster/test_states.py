"""The states of a lab on Kubernetes: the contract of both engines."""

from __future__ import annotations

import contextlib
import os
import subprocess

import pytest
from kubernetes.client import AppsV1Api, CoreV1Api

from dclab.engines.kube import launch
from dclab.engines.kube.labels import VERSION
from tests.cluster import faults
from tests.cluster.settings import KUBECONFIG, NAME
from tests.conftest import CHECKOUT, COMMAND
from tests.states import StatesOfALab

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.usefixtures("own_cluster"),
]


class OnKube:
    """Labs on our own cluster."""

    name = launch.USUAL_NAME
    where = ("--context", NAME, "--name", name)
    listing = ("--engine", "kube", "--context", NAME)
    release_seconds = 5.0

    def __init__(self, client, run):
        self.client = client
        self._run = run

    def run(self, *arguments):
        return self._run(*arguments, *(["--yes"] if arguments[0] == "up" else []))

    def start(self, *arguments):
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([*COMMAND, *arguments], env=environment, **pipes)

    @contextlib.contextmanager
    def in_state(self, state):
        with getattr(self, f"_{state.replace(' ', '_')}")():
            yield

    @contextlib.contextmanager
    def up(self):
        up = self.run("up", *self.where)
        assert up.code == 0, up.err
        try:
            yield
        finally:
            assert self.run("down", *self.where).code == 0
            names = [one.metadata.name for one in CoreV1Api(self.client).list_namespace().items]
            assert self.name not in names

    @contextlib.contextmanager
    def _absent(self):
        yield

    @contextlib.contextmanager
    def _not_answering(self):
        with self.up(), faults.without("kube-apiserver"):
            yield

    @contextlib.contextmanager
    def _other_version(self):
        with self.up():
            CoreV1Api(self.client).patch_namespace(self.name, {"metadata": {"annotations": {VERSION: "0.0.1"}}})
            yield

    @contextlib.contextmanager
    def _crashed(self):
        with self.up():
            AppsV1Api(self.client).delete_namespaced_deployment("rng", self.name)
            yield


@pytest.fixture
def place(cluster, dclab_here, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(KUBECONFIG))
    return OnKube(cluster.client, dclab_here)


class TestStates(StatesOfALab):
    """All of them."""
