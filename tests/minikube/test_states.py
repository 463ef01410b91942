"""What becomes of a real minikube besides dclab: stopped, paused, deleted, its first start cut off or failed."""

from __future__ import annotations

import json
import random
import re
import signal
import time

import pytest

from tests.cluster.waiting import wait_for
from tests.minikube import lifecycle, outer
from tests.minikube.settings import HOME, KUBERNETES

pytestmark = [pytest.mark.minikube, pytest.mark.slow]

UP = ("up", "--engine", "kube", "--driver", "docker", "--kubernetes-version", KUBERNETES)
PROFILE = HOME / ".minikube" / "profiles" / "dclab"
MOMENTS = 10


def data(done):
    return json.loads(done.stdout)["data"]


def minikube(*arguments):
    return outer.run("minikube", "--profile", "dclab", *arguments, user=True, check=False)


def containers():
    return outer.run("docker", "ps", "--all", "--format", "{{.Names}}").stdout.split()


@pytest.fixture(scope="module", autouse=True)
def nothing_left(dclab):
    yield
    dclab("down", "--cluster", "--engine", "kube")
    assert containers() == []


@pytest.fixture
def up(dclab):
    """A lab in a minikube of dclab's, whatever the test before has left."""
    return data(dclab(*UP, "--json"))


def test_a_stopped_one_is_known_and_started_again(up, dclab):
    assert minikube("stop").returncode == 0
    done = dclab("status", code=1)
    assert "is stopped" in done.stderr
    assert "dclab down --cluster" in done.stderr
    assert data(dclab("doctor", "--json"))["engine"] == "kube"
    assert "is stopped already" in dclab("down").stderr
    # The lab in it is there again.
    assert data(dclab("up", "--json"))["started"] is False
    assert data(dclab("status", "--json"))["ready"] is True


def test_one_that_is_started_by_hand_is_reached_at_its_new_port(up, dclab):
    """The user's own kubeconfig gets the entry, not dclab's."""
    assert minikube("stop").returncode == 0
    assert minikube("start").returncode == 0
    wait_for(lambda: data(dclab("status", "--json"))["ready"], 90, "the lab", every=2)


@pytest.mark.parametrize("verb", ["up", "down"])
def test_a_paused_one(up, dclab, verb):
    assert minikube("pause").returncode == 0
    done = dclab("status", code=1)
    assert "is paused" in done.stderr
    assert dclab(verb).returncode == 0
    if verb == "up":
        assert data(dclab("status", "--json"))["ready"] is True


def test_one_that_is_killed_is_started_again(up, dclab):
    outer.run("docker", "kill", "dclab")
    assert "is stopped" in dclab("status", code=1).stderr
    dclab("up")
    assert data(dclab("status", "--json"))["ready"] is True


def test_one_that_the_user_deletes_is_forgotten(up, dclab):
    assert minikube("delete").returncode == 0
    assert data(dclab("doctor", "--json"))["engine"] == "embedded"
    assert "There is no cluster of dclab's own" in dclab("status", "--engine", "kube", code=5).stderr
    assert data(dclab("list", "--json"))["labs"] == []


def test_a_first_start_that_fails_says_why_and_leaves_nothing(dclab):
    dclab("down", "--cluster", "--engine", "kube")
    done = dclab(*UP, code=5, MINIKUBE_CONTAINER_RUNTIME="cri-o")
    assert "✗ minikube could not start the profile 'dclab'." in done.stderr
    assert re.search(r"^  [A-Z]+(_[A-Z]+)+: ", done.stderr, re.MULTILINE), done.stderr
    assert not PROFILE.exists()
    assert containers() == []


@pytest.mark.timeout(1800)
def test_ctrl_c_at_any_moment_of_the_first_start_leaves_nothing(dclab):
    dclab("down", "--cluster", "--engine", "kube")
    chosen = random.Random(1)
    for _ in range(MOMENTS):
        starting = lifecycle.begin_dclab(*UP)
        moment = chosen.uniform(0.5, 40)
        time.sleep(moment)
        lifecycle.interrupt(starting, signal.SIGINT)
        said = starting.communicate(timeout=180)[1]
        print(f"Ctrl-C after {moment:.1f} s: {said.strip().splitlines()[-1]}", flush=True)
        # Not its exit code, since nsenter before it ends by the signal, too.
        assert "Interrupted." in said or "is up on the kube engine" in said, said
        if PROFILE.exists():  # minikube had done
            dclab("down", "--cluster", "--engine", "kube")
        assert not PROFILE.exists(), said
        # minikube fills the node's volume by a container that ends by itself, and does not know it when it deletes.
        wait_for(lambda: containers() == [], 120, f"the end of {containers()}", every=1)
    dclab(*UP)
    assert data(dclab("status", "--json"))["ready"] is True


def test_what_a_killed_first_start_has_left_is_replaced(dclab):
    dclab("down", "--cluster", "--engine", "kube")
    starting = lifecycle.begin_dclab(*UP)
    wait_for((PROFILE / "config.json").exists, 60, "minikube's record of the profile")
    lifecycle.interrupt(starting, signal.SIGKILL)
    starting.communicate(timeout=60)
    dclab(*UP)
    assert data(dclab("status", "--json"))["ready"] is True
