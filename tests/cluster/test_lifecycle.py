"""Up and down: again and again, when cut off half-way, beside another cluster, and without a trace on the machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from kubernetes import config

from tests.cluster import lifecycle, machine
from tests.cluster.node import FIRST
from tests.cluster.settings import CHECKOUT, INSTANCE, KUBECONFIG, LINK, NODE, VERSION_VARIABLE, CannotRun
from tests.cluster.waiting import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("own_cluster")]

CYCLES = 10


@pytest.mark.timeout(1200)
def test_ten_cycles_leave_the_machine_as_it_was(say):
    lifecycle.down()
    before = machine.state()
    for number in range(CYCLES):
        started = time.monotonic()
        lifecycle.up()
        up = time.monotonic() - started
        lifecycle.down()
        down = time.monotonic() - started - up
        say(f"cycle {number + 1}: up {up:.1f} s, down {down:.1f} s")
        assert machine.difference(before, machine.state()) == {}
        assert up <= 45
        assert down <= 10
    lifecycle.up()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stage", ["namespaces", "containerd", "kubelet"])
def test_an_up_that_is_killed_half_way_is_cleared(stage):
    reached = {
        "namespaces": FIRST.exists,
        "containerd": lambda: FIRST.processes("containerd"),
        "kubelet": lambda: FIRST.processes("kubelet"),
    }[stage]
    for verb in ("down", "up"):
        lifecycle.down()
        before = machine.state()
        begun = subprocess.Popen([sys.executable, "-m", "tests.cluster", "up"], cwd=CHECKOUT)
        wait_for(reached, 60, stage, every=0.01)
        begun.kill()
        begun.wait()
        assert machine.difference(before, machine.state()) != {}
        if verb == "down":
            lifecycle.down()
            assert machine.difference(before, machine.state()) == {}
            assert not NODE.exists()
        else:
            lifecycle.up()
            assert lifecycle.running()


def test_up_is_idempotent():
    lifecycle.up()
    init = FIRST.processes("kube-apiserver")
    started = time.monotonic()
    lifecycle.up()
    assert time.monotonic() - started < 5
    assert FIRST.processes("kube-apiserver") == init


def test_the_machine_sees_one_link_only():
    """The node's network is its own: no bridge, no rule, no pod on the machine."""
    links = machine.state()["links"]
    assert len([one for one in links if one.startswith(LINK)]) == 1
    assert not [one for one in links if "cni0" in one]
    assert not [one for one in machine.state()["rules"] if "KUBE" in one]


@pytest.mark.timeout(600)
def test_a_second_cluster_runs_beside_the_first():
    """It has names and addresses of its own, and neither counts as what the other one leaves behind."""
    before = machine.state()

    def other(verb: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "DCLAB_TEST_CLUSTER": str(1 - min(INSTANCE, 1))}
        return subprocess.run(
            [sys.executable, "-m", "tests.cluster", verb],
            cwd=CHECKOUT,
            env=env,
            check=True,
            capture_output=True,
            text=True,
        )

    try:
        told = other("up")
        assert str(NODE) not in told.stdout
        other_kubeconfig = told.stdout.rpartition("KUBECONFIG=")[2].strip()
        servers = {config.new_client_from_config(one).configuration.host for one in (other_kubeconfig, str(KUBECONFIG))}
        assert len(servers) == 2
        assert lifecycle.running()
        assert machine.difference(before, machine.state()) == {}
    finally:
        other("down")
    assert lifecycle.running()
    assert machine.difference(before, machine.state()) == {}


def test_a_version_that_no_module_has_is_refused(monkeypatch):
    monkeypatch.setenv(VERSION_VARIABLE, "1.33")
    with pytest.raises(CannotRun, match=r"1\.33: name one of 1\.34"):
        lifecycle.up()
    assert lifecycle.running()
