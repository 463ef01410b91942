"""The cluster of the suite, and namespaces in it: made by the tests, and gone after them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from kubernetes import config
from kubernetes.client import ApiClient, CoreV1Api, VersionApi

from tests.cluster import lifecycle, machine
from tests.cluster.lab import Lab, empty_namespace
from tests.cluster.settings import ACCOUNTS, KUBECONFIG, NAME, CannotRun


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The time of a test is its own: whichever comes first may have to wait for Kubernetes to be built."""
    for item in items:
        if item.get_closest_marker("cluster"):
            own = item.get_closest_marker("timeout")
            item.add_marker(pytest.mark.timeout(own.args[0] if own else 120, func_only=True), append=False)


@dataclass(frozen=True)
class Cluster:
    """A cluster that tests may make namespaces in."""

    client: ApiClient
    own: bool
    """Whether it is ours to break."""


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The context that was named, or our own cluster; which is stopped in the end unless it ran before."""
    context = request.config.getoption("--cluster-context")
    if context:
        yield Cluster(config.new_client_from_config(context=context), own=False)
        return
    if os.geteuid() != 0:
        pytest.fail("Our own cluster needs root; name another one with --cluster-context.")
    ran = lifecycle.running()
    if not ran:
        lifecycle.down()  # what an earlier session's end has left is not the state to come back to
    before = machine.state()
    try:
        lifecycle.up()
    except CannotRun as error:
        pytest.fail(str(error))
    yield Cluster(config.new_client_from_config(str(KUBECONFIG), NAME), own=True)
    if not ran:
        lifecycle.down()
        assert machine.difference(before, machine.state()) == {}


@pytest.fixture(scope="session", autouse=True)
def _say_which(cluster: Cluster, say: Callable[..., None]) -> None:
    """Kubernetes' version and the nodes, in the log of the run."""
    version = VersionApi(cluster.client).get_code()
    lines = [f"Kubernetes {version.git_version}"]
    for node in CoreV1Api(cluster.client).list_node().items:
        info = node.status.node_info
        cpus = node.status.allocatable["cpu"]
        lines.append(
            f"node {node.metadata.name}: {info.kubelet_version}, {info.container_runtime_version}, {cpus} CPU free"
        )
    say(*lines)


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Print lines to the log of the run, past pytest's capture."""

    def show(*lines: str) -> None:
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print("", *lines, sep="\n  ", flush=True)

    return show


@pytest.fixture
def own_cluster(cluster: Cluster) -> Cluster:
    """A cluster that the test may break."""
    if not cluster.own:
        pytest.skip("breaks the cluster: only our own")
    return cluster


@pytest.fixture(scope="session")
def accounts(cluster: Cluster) -> Iterator[None]:
    """The namespace of users other than the administrator."""
    core = CoreV1Api(cluster.client)
    core.create_namespace({"metadata": {"name": ACCOUNTS}})
    yield
    core.delete_namespace(ACCOUNTS)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[Lab]:
    """An empty namespace that enforces restricted Pod Security."""
    yield from empty_namespace(cluster.client)


@pytest.fixture(scope="module")
def lab(cluster: Cluster) -> Iterator[Lab]:
    """A running DockerCoins that the tests of a module share."""
    for empty in empty_namespace(cluster.client):
        empty.deploy()
        yield empty
