"""What the tests of the kube engine share."""

from __future__ import annotations

import pytest

from tests.kube.server import Server


@pytest.fixture
def server():
    """A server that has to be told what to answer; /version it knows."""
    made = Server()
    yield made
    made.close()
