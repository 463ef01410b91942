"""One lab for all commands, with the autoscaler's clock at its fastest."""

from __future__ import annotations

import pytest

from dclab.engines.embedded import launch
from dclab.run_folder import load_results
from dclab.verify.verify import verify_run


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


@pytest.fixture
def experiment(dclab, lab_name, tmp_path):
    """Run one; its JSON data and what its folder holds."""

    def do(*arguments):
        folder = tmp_path / "run"
        done = dclab(*arguments, "--name", lab_name, "--out", str(folder), "--json")
        assert done.code == 0, done.err
        assert done.data["folder"] == str(folder)
        results = load_results(folder)
        assert results.finished is not None
        assert results.engine == "embedded"
        assert verify_run(folder).findings == ()
        return done.data, results, folder

    return do
