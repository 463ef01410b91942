"""A cluster of three nodes, beside any other of the tests, and a lab in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config
from kubernetes.client import CoreV1Api

from tests.cluster.settings import CACHE, FAMILY, NODES_VARIABLE
from tests.conftest import CHECKOUT, COMMAND

INSTANCE = 13
CONTEXT = f"{FAMILY}-{INSTANCE}"
KUBECONFIG = CACHE / f"node-{INSTANCE}" / "kubeconfig"
HERE = {**os.environ, "DCLAB_TEST_CLUSTER": str(INSTANCE), NODES_VARIABLE: "3", "PYTHONPATH": str(CHECKOUT)}
LAB = "dclab-nodes"
AWAY = """
import sys
from tests.cluster import faults
from tests.cluster.node import Node
with faults.without_node(Node(int(sys.argv[1]))):
    print("away", flush=True)
    sys.stdin.read()
"""


def _cluster(verb: str) -> None:
    subprocess.run([sys.executable, "-m", "tests.cluster", verb], check=True, env=HERE, cwd=CHECKOUT)


@pytest.fixture(scope="session")
def core() -> Iterator[CoreV1Api]:
    """The API of the cluster; it is ended after the tests."""
    if os.geteuid() != 0:
        pytest.fail("The cluster of the tests needs root.")
    _cluster("up")
    yield CoreV1Api(config.new_client_from_config(str(KUBECONFIG), CONTEXT))
    _cluster("down")


@dataclass(frozen=True)
class OnNodes:
    """A lab in it, and what its nodes do."""

    core: CoreV1Api
    folder: Path

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a verb on the lab."""
        return subprocess.Popen(
            [*COMMAND, *arguments, "--context", CONTEXT, "--name", LAB, "--json"],
            cwd=self.folder,
            env={**HERE, "KUBECONFIG": str(KUBECONFIG)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> dict[str, Any]:
        """Return a verb's data."""
        process = self.begin(*arguments)
        out, err = process.communicate(timeout=900)
        assert process.returncode == 0, err + out
        data: dict[str, Any] = json.loads(out)["data"]
        return data

    def pods(self, app: str) -> dict[str, list[str]]:
        """Names of an app's pods, by node."""
        found: dict[str, list[str]] = {}
        for one in self.core.list_namespaced_pod(LAB, label_selector=f"app={app}").items:
            found.setdefault(one.spec.node_name, []).append(one.metadata.name)
        return found

    def addresses(self) -> dict[str, str]:
        """Address of each node, by its name."""
        return {
            node.metadata.name: next(one.address for one in node.status.addresses if one.type == "InternalIP")
            for node in self.core.list_node().items
        }

    def cordon(self, node: str, closed: bool) -> None:
        """Let no more pods onto a node, or let them again."""
        self.core.patch_node(node, {"spec": {"unschedulable": closed}})

    @contextmanager
    def without(self, number: int) -> Iterator[None]:
        """A while in which a node is lost."""
        gone = subprocess.Popen(
            [sys.executable, "-c", AWAY, str(number)],
            env=HERE,
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert gone.stdout
        assert gone.stdout.readline() == "away\n"
        try:
            yield
        finally:
            gone.communicate()
            assert gone.returncode == 0


@pytest.fixture(scope="session")
def lab(core: CoreV1Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnNodes]:
    """A lab whose services are on the first node; workers, and what is scaled, go to any."""
    made = OnNodes(core, tmp_path_factory.mktemp("nodes"))
    others = sorted(made.addresses())[1:]
    for one in others:
        made.cordon(one, closed=True)
    made.run("up", "--yes")
    for one in others:
        made.cordon(one, closed=False)
    yield made
    made.run("down")
