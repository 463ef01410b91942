"""In which state a lab on a cluster is, and that nothing brings back what someone has ended."""

from __future__ import annotations

import signal
import subprocess
import sys

import psutil
import pytest

from dclab.engines.kube import launch
from dclab.engines.kube.cluster.images import BUILD, Images
from dclab.engines.kube.faults import Forbidden, NoCluster
from dclab.engines.kube.labels import MARK, OURS, VERSION
from dclab.errors import LabCrashed, LabEnded, NotAnswering, OtherVersion, Refused, TimedOut
from dclab.lab import SERVICES
from tests.conftest import CHECKOUT

LAB = "dockercoins"


def start(**more):
    return launch.start(launch.place("mine", LAB), Images(BUILD), lambda _: None, **more)


def find():
    return launch.find_lab(launch.place("mine", LAB))


def end():
    return launch.end("mine", LAB, cluster=False)[:2]


def state():
    return [one.state for one in launch.labs("mine")]


def deployments(cluster):
    return {name for kind, _, name in cluster.objects if kind == "deployments"}


def mark(cluster):
    return cluster.get("namespaces", "", LAB)["metadata"]["annotations"].get(MARK)


def test_absent(cluster):
    assert find() is None
    assert state() == []
    assert end() == (False, [])


def test_a_namespace_that_an_administrator_has_made_is_no_lab_yet(cluster):
    cluster.put("namespaces", "", LAB, metadata={"labels": OURS})
    assert find() is None
    assert state() == []
    lab, started = start()
    assert started
    assert find().instance == lab.instance


def test_running_and_up_again(cluster):
    lab, started = start()
    assert started
    assert set(SERVICES) <= deployments(cluster)
    again, started = start()
    assert not started
    assert again.instance == lab.instance == find().instance
    assert state() == ["running"]


def test_ended(cluster):
    lab, _ = start()
    assert end() == (True, [])
    uses = (
        lab.deploy,
        lab.deployments,
        lambda: lab.scale("rng", 2),
        lambda: lab.replicas("rng"),
        lab.counter,
        lab.states,
    )
    for use in uses:
        with pytest.raises(LabEnded, match="was ended while this command used it"):
            use()
    assert deployments(cluster) == set()
    assert cluster.get("namespaces", "", LAB) is None
    assert find() is None
    lab.down()


def test_ended_in_a_namespace_that_stays(cluster):
    """Someone else's object keeps it, so its uid says nothing of the lab."""
    cluster.put("namespaces", "", LAB, metadata={"labels": OURS})
    lab, _ = start()
    cluster.put("secrets", LAB, "someones")
    assert end() == (True, ["Secret/someones"])
    with pytest.raises(LabEnded):
        lab.deploy()
    assert deployments(cluster) == set()
    assert find() is None
    assert state() == []
    assert end() == (False, ["Secret/someones"])
    assert start()[1]


def test_a_namespace_on_its_way_out_is_an_end(cluster):
    lab, _ = start()
    cluster.get("namespaces", "", LAB)["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    with pytest.raises(LabEnded):
        lab.deploy()
    assert find() is None


@pytest.mark.parametrize("stays", [False, True])
def test_another_lab_in_its_place_is_left_alone(cluster, stays):
    cluster.put("namespaces", "", LAB, metadata={"labels": OURS})
    lab, _ = start()
    if stays:
        cluster.put("secrets", LAB, "someones")
    end()
    other, _ = start()
    with pytest.raises(LabEnded, match="Another lab has its name now"):
        lab.deploy()
    lab.down()
    assert find().instance == other.instance


def test_a_namespace_of_someone_else_in_its_place(cluster):
    lab, _ = start()
    end()
    cluster.put("namespaces", "", LAB)
    with pytest.raises(LabEnded, match="Another lab has its name now"):
        lab.deploy()
    with pytest.raises(Refused):
        find()


def test_crashed(cluster):
    lab, _ = start()
    del cluster.objects["deployments", LAB, "rng"]
    with pytest.raises(LabCrashed, match="deleted its deployments rng"):
        find()
    with pytest.raises(LabCrashed, match="rng"):
        lab.ready(0)
    with pytest.raises(LabCrashed, match="rng"):
        lab.states()
    assert state() == ["crashed"]
    lab.deploy()
    assert find().instance == lab.instance
    del cluster.objects["deployments", LAB, "rng"]
    again, started = start()
    assert started
    assert again.instance == lab.instance


def test_a_service_that_someone_deletes_is_missed(cluster):
    lab, _ = start()
    assert "The hash counter cannot be read" in lab.data_path_trouble()  # there are no pods
    del cluster.objects["services", LAB, "rng"]
    assert "deleted services, so that they cannot be reached: rng." in lab.data_path_trouble()
    start()
    assert "deleted services" not in lab.data_path_trouble()


@pytest.mark.parametrize("version", ["0.0.1", None])
def test_of_another_version(cluster, version):
    start()
    notes = cluster.get("namespaces", "", LAB)["metadata"]["annotations"]
    if version:
        notes[VERSION] = version
    else:  # before dclab wrote either
        del notes[VERSION], notes[MARK]
    with pytest.raises(OtherVersion, match=version or "an older dclab"):
        find()
    assert state() == ["other version"]
    before = dict(cluster.objects)
    with pytest.raises(OtherVersion):
        start()
    assert cluster.objects == before
    assert end() == (True, [])


def test_not_answering(cluster):
    lab, _ = start()
    lab.api.patience = 0.0
    cluster.stop()
    with pytest.raises(NotAnswering, match="does not answer"):
        lab.replicas("rng")
    with pytest.raises(NotAnswering) as told:
        find()
    assert isinstance(told.value, NoCluster)
    assert state() == ["not answering"]
    cluster.again()
    assert lab.deployments()


def test_down_without_the_right_to_delete_the_namespace(cluster):
    start()
    cluster.fail = lambda method, path: 403 if method == "DELETE" and path.endswith(LAB) else None
    with pytest.raises(Forbidden, match="its empty namespace 'dockercoins' is left"):
        end()
    assert deployments(cluster) == set()
    assert find() is None


def test_a_namespace_whose_end_is_held_up(cluster, monkeypatch):
    start()
    monkeypatch.setattr("dclab.engines.kube.lab.removal.wait_gone", lambda *_: False)
    conditions = [{"type": "NamespaceDeletionDiscoveryFailure", "status": "True", "message": "metrics.k8s.io is away"}]
    found = dict(cluster.get("namespaces", "", LAB), status={"conditions": conditions})
    cluster.fail = lambda method, path: (
        cluster.objects.update({("namespaces", "", LAB): found}) if method == "GET" and path.endswith(LAB) else None
    )
    with pytest.raises(TimedOut, match=r"metrics\.k8s\.io is away"):
        end()


LEASED = """
import sys, time
from dclab.engines.kube import launch
from dclab.engines.kube.cluster.images import BUILD, Images
lab, started = launch.start(launch.place("mine", "dockercoins"), Images(BUILD), lambda _: None, leased=True)
print(lab._lease.pid if lab._lease else 0, flush=True)
time.sleep(float(sys.argv[1]))
lab.down()
"""


@pytest.fixture
def leased(cluster, wait_until):
    """Start a command that has started a lab on a lease; its process, and the number of its watchdog."""
    running = []
    watchdogs = []

    def begin(seconds=60):
        process = subprocess.Popen(
            [sys.executable, "-c", LEASED, str(seconds)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        watchdogs.append(int(process.stdout.readline()))
        return process, watchdogs[-1]

    yield begin
    for one in running:
        one.kill()
        one.wait()
    wait_until(lambda: not any(one and psutil.pid_exists(one) for one in watchdogs), 20)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGHUP])
def test_a_lab_ends_with_what_has_started_it(cluster, leased, wait_until, how):
    process, _ = leased()
    assert find()
    process.send_signal(how)
    wait_until(lambda: cluster.get("namespaces", "", LAB) is None, 15)


def test_its_end_waits_for_a_cluster_that_is_away(cluster, leased, wait_until, monkeypatch):
    process, _ = leased()
    cluster.stop()
    process.kill()
    process.wait()
    cluster.again()
    wait_until(lambda: cluster.get("namespaces", "", LAB) is None, 20)


def test_what_came_after_it_is_left_alone(cluster, leased, wait_until):
    process, watchdog = leased()
    end()
    other, _ = start()
    process.kill()
    wait_until(lambda: not psutil.pid_exists(watchdog), 15)
    assert find().instance == other.instance


def test_a_command_that_has_ended_its_lab_leaves_no_watchdog(cluster, leased):
    process, watchdog = leased(0)
    assert process.wait(20) == 0
    assert cluster.get("namespaces", "", LAB) is None
    assert not psutil.pid_exists(watchdog)


def test_a_lab_that_was_there_has_no_lease(cluster, leased):
    start()
    process, watchdog = leased(0)
    assert watchdog == 0
    process.wait(20)


def test_what_could_not_be_removed_is_written_down(cluster, tmp_path):
    """Such as where the context is gone by then: that does not get better by waiting."""
    command = [sys.executable, "-m", "dclab.engines.kube.watchdog", "absent", LAB, "lab", "0123"]
    assert subprocess.run(command, cwd=CHECKOUT, input="", text=True, timeout=20, check=False).returncode == 1
    left = (tmp_path / "state" / "dclab" / "left-behind.log").read_text()
    assert f"the lab '{LAB}' was not removed: There is no context 'absent'." in left
