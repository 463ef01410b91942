"""A lab that one command holds: no other changes it, whatever has become of the holder is seen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from dclab.engines.kube import launch
from dclab.engines.kube.cluster.images import BUILD, Images
from dclab.engines.kube.lab import hold
from dclab.engines.kube.labels import OURS
from dclab.errors import LabEnded, LabHeld
from dclab.lab import LoadSpec
from tests.conftest import CHECKOUT

LAB = "dockercoins"
KEY = ("leases", LAB, hold.NAME)


@pytest.fixture
def labs(cluster):
    """The same lab, as two commands have it."""
    launch.start(launch.place("mine", LAB), Images(BUILD), lambda _: None)
    return [launch.find_lab(launch.place("mine", LAB)) for _ in range(2)]


CHANGES = {
    "scale": lambda lab: lab.scale("rng", 2),
    "configure": lambda lab: lab.configure("rng", {"THREADS": "2"}),
    "load": lambda lab: lab.start_load(LoadSpec(target="rng")),
    "autoscaler": lambda lab: lab.apply_autoscaler({"metadata": {"name": "rng"}}),
    "no autoscaler": lambda lab: lab.remove_autoscaler("rng"),
    "up": lambda _: launch.start(launch.place("mine", LAB), Images(BUILD), lambda _: None),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_no_other_command_changes_it(cluster, labs, change):
    one, other = labs
    with one.hold("dclab scale-sweep"):
        before = len(cluster.asked)
        with pytest.raises(LabHeld) as told:
            change(other)
        assert f"`dclab scale-sweep` (process {os.getpid()}, since " in told.value.what
        assert f"kill {os.getpid()}" in told.value.hint
        assert {method for method, _ in cluster.asked[before:]} == {"GET"}
    assert KEY not in cluster.objects
    other.remove_autoscaler("rng")


def test_the_holder_may_and_holds_once(cluster, labs):
    one, other = labs
    with one.hold("dclab run"):
        with one.hold("dclab run"):
            one.remove_autoscaler("rng")
        assert KEY in cluster.objects
        with pytest.raises(LabHeld), other.hold("dclab prove"):
            pass
        assert other.deployments()
    with other.hold("dclab prove"):
        pass


def test_ending_the_lab_is_never_refused(cluster, labs):
    one, other = labs
    with one.hold("dclab run"):
        other.down()
        with pytest.raises(LabEnded):
            one.deploy()
    with pytest.raises(LabEnded), one.hold("dclab run"):
        pass


HOLDING = """
import time
from dclab import manifests
from dclab.engines.kube import launch
lab = launch.find_lab(launch.place("mine", "dockercoins"))
with lab.hold("dclab latency"):
    lab.apply_autoscaler(manifests.autoscaler("rng"))
    print(lab._hold._lease.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(labs, wait_until):
    """A command that holds the lab and has made an autoscaler; killed, with what cleans up after it, in the end."""
    process = subprocess.Popen([sys.executable, "-c", HOLDING], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    watchdog = int(process.stdout.readline())
    yield process
    process.kill()
    process.wait()
    wait_until(lambda: not psutil.pid_exists(watchdog), 20)


def test_a_holder_that_was_killed_holds_nothing(cluster, labs, holder):
    with pytest.raises(LabHeld, match=f"process {holder.pid}"):
        labs[0].remove_autoscaler("rng")
    holder.kill()
    holder.wait()
    labs[0].remove_autoscaler("hasher")
    with labs[0].hold("dclab prove"):
        assert cluster.objects[KEY]["metadata"]["annotations"][hold.WHAT] == "dclab prove"


def test_what_a_killed_holder_has_made_is_removed_and_nothing_else(cluster, labs, holder, wait_until):
    cluster.put("horizontalpodautoscalers", LAB, "someone-elses", metadata={"labels": OURS})
    assert ("horizontalpodautoscalers", LAB, "rng") in cluster.objects
    cluster.stop()
    holder.kill()
    holder.wait()
    cluster.again()
    wait_until(lambda: KEY not in cluster.objects, 20)
    assert {name for kind, _, name in cluster.objects if kind == "horizontalpodautoscalers"} == {"someone-elses"}
    assert launch.find_lab(launch.place("mine", LAB)).instance == labs[0].instance


def stamp(seconds_ago):
    return (datetime.now(UTC) - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def elsewhere(cluster, seconds_ago):
    """Have another machine hold the lab, renewed so many seconds ago by its clock."""
    notes = {hold.WHAT: "dclab run", hold.PROCESS: "4242/1.0", hold.HOST: "other", hold.MACHINE: "another boot"}
    spec = {
        "holderIdentity": "theirs",
        "leaseDurationSeconds": 15,
        "acquireTime": stamp(100),
        "renewTime": stamp(seconds_ago),
    }
    return cluster.put("leases", LAB, hold.NAME, metadata={"annotations": notes}, spec=spec)


def test_a_holder_on_another_machine_is_named(cluster, labs):
    elsewhere(cluster, 3)
    with pytest.raises(LabHeld, match=r"`dclab run` \(process 4242 on other, since "):
        labs[0].remove_autoscaler("rng")


def test_a_holder_elsewhere_that_renews_no_more_is_taken_over_from(cluster, labs, monkeypatch):
    monkeypatch.setattr(hold, "DOUBT_SECONDS", 0.6)
    elsewhere(cluster, 20)
    labs[0].remove_autoscaler("rng")
    with labs[0].hold("dclab prove"):
        assert cluster.objects[KEY]["spec"]["holderIdentity"] != "theirs"


def test_a_holder_elsewhere_whose_clock_is_behind_is_seen_to_renew(cluster, labs, monkeypatch):
    monkeypatch.setattr(hold, "DOUBT_SECONDS", 5)
    elsewhere(cluster, 3600)
    threading.Timer(0.7, elsewhere, (cluster, 3600)).start()
    with pytest.raises(LabHeld), labs[0].hold("dclab prove"):
        pass


def test_it_is_renewed_and_only_while_it_is_its_own(cluster, labs, monkeypatch, wait_until):
    monkeypatch.setattr(hold, "RENEW_SECONDS", 0.05)
    with labs[0].hold("dclab run"):
        first = cluster.objects[KEY]["spec"]["renewTime"]
        wait_until(lambda: cluster.objects[KEY]["spec"]["renewTime"] > first, 5)
        elsewhere(cluster, 0)
        theirs = cluster.objects[KEY]["spec"]["renewTime"]
        time.sleep(0.3)
        assert cluster.objects[KEY]["spec"]["renewTime"] == theirs
    assert cluster.objects[KEY]["spec"]["holderIdentity"] == "theirs"


def test_an_outage_while_it_is_held_is_bridged(cluster, labs, monkeypatch, wait_until):
    monkeypatch.setattr(hold, "RENEW_SECONDS", 0.05)
    with labs[0].hold("dclab run"):
        cluster.stop()
        time.sleep(0.3)
        cluster.again()
        first = cluster.objects[KEY]["spec"]["renewTime"]
        wait_until(lambda: cluster.objects[KEY]["spec"]["renewTime"] > first, 10)
    assert KEY not in cluster.objects
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first)
