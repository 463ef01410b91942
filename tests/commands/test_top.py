"""dclab top on a real lab: once, as JSON, and again and again."""

from __future__ import annotations

import re
import signal
import subprocess

import pytest

from dclab.engines.embedded import launch
from dclab.engines.embedded.wire import Settings
from dclab.errors import ExitCode


@pytest.fixture
def measured(lab_name, wait_until):
    """The lab, of which every replica has been measured."""
    lab = launch.find_lab(lab_name)
    lab.scale("worker", 2)
    wait_until(lambda: all(len(one.usage) == one.counts.ready for one in lab.states().values()), 5)
    return lab


def test_every_service_and_replica_is_shown_with_requests_and_limits(dclab_here, measured):
    done = dclab_here("top", "--name", measured.name)
    assert done.code == 0, done.err
    for name, state in measured.states().items():
        assert re.search(rf"│ {name} +│ +{state.counts.desired} │ +\d+m │", done.out)
        for replica in state.counts.names:
            assert re.search(rf"│ {replica} +│ +\d+m │", done.out)
    assert re.search(r"│ worker +│ +2 │ +\d+m │ +40m │ +– │ +\d+Mi │ +128Mi │ +128Mi │", done.out)
    assert re.search(r"mean of windows of 1 s that ended [01]( to [12])? s ago", done.out)
    assert max(map(len, done.out.splitlines())) <= 90


def test_json_has_the_same_figures(dclab_here, measured):
    data = dclab_here("top", "--name", measured.name, "--json").data
    rng = data["services"]["rng"]
    (one,) = rng["replicas"].values()
    assert rng["cpu_millicores"] == one["cpu_millicores"] > 0
    assert rng["memory_mib"] == one["memory_mib"] > 5
    assert rng["resources"]["cpu_limit_millicores"] == 500
    assert len(data["services"]["worker"]["replicas"]) == 2


def test_watch_goes_on_until_it_is_interrupted(start_dclab, measured, tmp_path):
    process = start_dclab("top", "--watch", "--name", measured.name, cwd=tmp_path)
    try:
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0, err
    assert all(re.search(r"rng \d+m \d+Mi", one) for one in lines)


def test_a_lab_that_has_not_been_measured_yet_is_shown_all_the_same(dclab_here):
    lab, _ = launch.start(Settings(name="young"))
    try:
        done = dclab_here("top", "--name", "young")
        assert done.code == 0, done.err
        assert "No replica has been measured yet" in done.out
        assert re.search(r"│ rng +│ +1 │ +– │ +200m │ +500m │ +– │", done.out)
    finally:
        lab.down()


def test_without_a_lab_it_is_said(dclab_here):
    done = dclab_here("top", "--name", "nobodys")
    assert done.code == ExitCode.ENVIRONMENT
    assert "dclab up" in done.err
