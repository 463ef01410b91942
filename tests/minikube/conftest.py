"""The machine of the suite, stopped in the end unless it ran before; what it leaves is nothing."""

from __future__ import annotations

import os

import pytest

from tests.cluster import machine as surroundings
from tests.cluster.settings import CannotRun
from tests.minikube import lifecycle, outer


def pytest_collection_modifyitems(items):
    """The time of a test is its own: whichever comes first may have to wait for everything to be built."""
    for item in items:
        if item.get_closest_marker("minikube"):
            own = item.get_closest_marker("timeout")
            item.add_marker(pytest.mark.timeout(own.args[0] if own else 600, func_only=True), append=False)


@pytest.fixture(scope="session")
def machine():
    """A machine with docker and minikube, on which no profile of dclab's is left at the end."""
    if os.geteuid() != 0:
        pytest.fail("The machine needs root.")
    ran = lifecycle.running()
    if not ran:
        lifecycle.down()
    before = surroundings.state()
    try:
        lifecycle.up()
    except CannotRun as error:
        pytest.fail(str(error))
    yield outer
    if not ran:
        lifecycle.down()
        assert surroundings.difference(before, surroundings.state()) == {}


@pytest.fixture(scope="session")
def dclab(machine):
    """Run a command line of dclab as the machine's user."""

    def run(*arguments, code=0, **env):
        done = lifecycle.dclab(*arguments, **env)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, f"{arguments}\n{done.stderr}\n{done.stdout}"
        return done

    return run
