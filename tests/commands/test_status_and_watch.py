"""What status and watch say of a lab in which something is amiss, while it is."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time

import pytest

from dclab.engines.embedded import ask, launch
from dclab.engines.embedded.wire import Settings
from dclab.errors import ExitCode


@pytest.fixture(scope="module")
def lab():
    made, _ = launch.start(Settings(name="shown"))
    made.ready()
    yield made
    made.down()


def status(dclab_here, lab):
    return dclab_here("status", "--name", lab.name, "--json").data


def test_a_whole_lab_is_ready_and_nothing_is_wrong(dclab_here, lab):
    lab.ready()
    found = status(dclab_here, lab)
    assert (found["ready"], found["troubles"]) == (True, [])
    assert "not ready" not in dclab_here("status", "--name", lab.name).out


def test_a_data_path_that_hangs_is_said_within_a_second_and_no_longer_than_it_does(dclab_here, lab, wait_until):
    os.kill(lab.about().proxy_pid, signal.SIGSTOP)
    time.sleep(0.8)
    found = status(dclab_here, lab)
    assert not found["ready"]
    assert "data path" in found["troubles"][0]
    shown = dclab_here("status", "--name", lab.name).out
    assert "The lab is not ready.\nThe data path does not take connections." in shown
    wait_until(lambda: status(dclab_here, lab)["ready"], 3)
    assert lab.counter().hashes > 0


def test_ready_waits_for_the_data_path(lab):
    os.kill(lab.about().proxy_pid, signal.SIGSTOP)
    time.sleep(0.8)
    begin = time.monotonic()
    lab.ready()
    assert time.monotonic() - begin > 1
    assert lab.data_path_trouble() is None


def test_a_replica_that_is_not_ready_is_said_with_its_cause(dclab_here, lab, wait_until):
    (one,) = lab.about().replicas["rng"]
    os.kill(one.pid, signal.SIGKILL)
    seen = []
    wait_until(lambda: seen.append(status(dclab_here, lab)) or seen[-1]["ready"])
    for found in seen:
        assert not found["ready"] or all(one["ready"] == one["desired"] for one in found["deployments"].values())
        assert found["ready"] or any("SIGKILL" in each for each in found["troubles"])


def test_watch_goes_on_while_parts_of_the_lab_are_restarted(dclab_here, lab, wait_until):
    def harm():
        time.sleep(1)
        about = lab.about()
        for pid in (about.proxy_pid, about.replicas["redis"][0].pid, about.replicas["httplat-rng"][0].pid):
            os.kill(pid, signal.SIGKILL)
        os.kill(about.replicas["webui"][0].pid, signal.SIGSTOP)

    harming = threading.Thread(target=harm)
    harming.start()
    done = dclab_here("watch", "--seconds", "11", "--name", lab.name)
    harming.join()
    assert done.code == ExitCode.OK
    lines = [one for one in done.out.splitlines() if "worker" in one]
    assert len(lines) >= 4
    assert any("(The hash counter cannot be read." in one for one in lines)
    assert "(" not in lines[-1]


def test_watch_goes_on_while_the_supervisor_does_not_answer(dclab_here, lab, monkeypatch):
    monkeypatch.setattr(ask, "ANSWER_TIMEOUT", 0.3)
    pid = lab.about().pid

    def stop():
        time.sleep(1)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(2.5)
        os.kill(pid, signal.SIGCONT)

    stopping = threading.Thread(target=stop)
    stopping.start()
    done = dclab_here("watch", "--seconds", "7", "--name", lab.name)
    stopping.join()
    assert done.code == ExitCode.OK
    assert "does not answer" in done.out
    assert "does not answer" not in done.out.splitlines()[-1]


@pytest.mark.parametrize("how", ["down", "crash"])
def test_watch_ends_with_the_lab(start_dclab, tmp_path, how):
    made, _ = launch.start(Settings(name="ending"))
    made.ready()
    watching = start_dclab("watch", "--name", "ending", cwd=tmp_path)
    assert "worker" in watching.stdout.readline()
    if how == "down":
        made.down()
    else:
        os.kill(made.about().pid, signal.SIGKILL)
    try:
        _, said = watching.communicate(timeout=8)
    except subprocess.TimeoutExpired:
        watching.kill()
        raise
    finally:
        made.down()
    assert watching.returncode == ExitCode.ERROR
    assert "ending" in said
