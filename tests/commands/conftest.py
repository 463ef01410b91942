"""One lab for all commands, with the autoscaler's clock at its fastest."""

from __future__ import annotations

import pytest

from dclab.engines.embedded import launch


@pytest.fixture(scope="package")
def lab_name(dclab):
    """Name of a running lab, started through the command line."""
    started = dclab("up", "--name", "commands", "--clock-speed", "20", "--json")
    assert started.code == 0, started.err
    assert started.data["started"] is True
    yield "commands"
    ended = dclab("down", "--name", "commands", "--json")
    assert (ended.code, ended.data["ended"]) == (0, True)
    assert launch.find_lab("commands") is None
