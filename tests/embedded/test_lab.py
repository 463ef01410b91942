"""A running lab: what it is asked, what it survives, what it leaves behind. Real processes, really killed."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
import requests

from dclab import manifests
from dclab.engines.embedded import launch, lock
from dclab.engines.embedded.ask import ask
from dclab.engines.embedded.questions import Down
from dclab.engines.embedded.wire import Settings, grows, log_file
from dclab.errors import InvalidInput, LabCrashed, LabLost, TimedOut
from dclab.lab import LoadSpec, ProbeSpec
from dclab.measure.latency import summarise
from dclab.paths import labs_folder
from tests.worker_reports import check_worker_reports


@pytest.fixture(scope="module")
def lab():
    made, started = launch.start(Settings(name="parts", clock_speed=20))
    assert started
    made.ready()
    yield made
    folder = made.folder
    made.down()
    assert not folder.exists()
    assert launch.leftovers(folder) == []


def pids(lab, deployment):
    return {one.name: one.pid for one in lab.about().replicas[deployment]}


def test_a_second_start_changes_nothing(lab):
    before = lab.about().pid
    again, started = launch.start(Settings(name="parts", clock_speed=1))
    assert not started
    assert (again.about().pid, again.clock_speed) == (before, 20)


def test_scaling_returns_when_all_are_ready_and_none_is_terminating(lab):
    for count in (4, 2, 1):
        lab.scale("worker", count)
        found = lab.replicas("worker")
        assert (found.desired, found.ready, found.terminating) == (count, count, 0)
        assert len(pids(lab, "worker")) == count


def test_the_youngest_replicas_go_first(lab):
    lab.scale("hasher", 1)
    oldest = pids(lab, "hasher")
    lab.scale("hasher", 3)
    lab.scale("hasher", 1)
    assert pids(lab, "hasher") == oldest


def test_scaling_down_loses_no_request(lab):
    lab.scale("hasher", 3)
    job_spec = ProbeSpec(method="POST", body=b"x", count=8, interval=0.001)
    samples = []
    thread = threading.Thread(target=lambda: samples.extend(lab.probe("hasher", job_spec)))
    thread.start()
    time.sleep(0.25)
    lab.scale("hasher", 1)
    thread.join()
    assert [one.error for one in samples] == [None] * 8


def test_a_replica_that_dies_is_restarted_under_its_name(lab, wait_until):
    ((name, pid),) = pids(lab, "hasher").items()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: lab.replicas("hasher").restarts == 1 and lab.replicas("hasher").ready == 1)
    ((again, new),) = pids(lab, "hasher").items()
    assert (again, new != pid) == (name, True)
    assert lab.probe("hasher", ProbeSpec(count=1))[0].error is None


def test_the_data_path_comes_back_on_the_same_ports(lab, wait_until):
    ports = lab.about().ports
    old = lab.about().proxy_pid
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: lab.about().proxy_pid not in (old, None))
    assert lab.probe("rng", ProbeSpec(count=1))[0].error is None
    assert lab.about().ports == ports


def test_an_intervention_and_its_end(lab):
    lab.configure("rng", {"THREADS": "4"})
    assert lab.replicas("rng").ready == 1
    lab.configure("rng", {})
    with pytest.raises(TimedOut, match="runs on as it was"):
        lab.configure("rng", {"THREADS": "none"}, timeout=2)
    assert lab.probe("rng", ProbeSpec(path="/8", count=1))[0].error is None


def test_usage_per_replica(lab, wait_until):
    expected = lab.replicas("worker").desired
    wait_until(lambda: [one.cpu_millicores > 0 for one in lab.usage("worker")] == [True] * expected)
    for one in lab.usage("worker"):
        assert 0 < one.cpu_millicores < 500
        assert 5 < one.memory_mb < 45


def test_a_load_is_a_job_with_a_log(lab, wait_until):
    job = lab.start_load(LoadSpec(target="hasher", seconds=60, concurrent=2))
    assert job.status().state == "running"
    time.sleep(1.2)
    job.stop()
    assert job.status().state == "stopped"
    assert "ransaction" in job.log()


def test_an_autoscaler_scales_and_is_removed(lab, wait_until):
    wrong = manifests.autoscaler("rng")
    wrong["spec"]["maxReplicas"] = 0
    with pytest.raises(InvalidInput, match="maxReplicas"):
        lab.apply_autoscaler(wrong)
    lab.scale("worker", 10)
    lab.apply_autoscaler(manifests.autoscaler("rng"))
    try:
        wait_until(lambda: lab.replicas("rng").desired > 1)
        status = lab.autoscaler("rng")
        assert any(one.reason == "SuccessfulRescale" for one in status.events)
        assert {one.type for one in status.conditions} >= {"AbleToScale", "ScalingActive"}
        assert status.metrics[0].target == 5
    finally:
        lab.remove_autoscaler("rng")
    with pytest.raises(LabLost, match="no autoscaler"):
        lab.autoscaler("rng")
    lab.scale("rng", 1)
    lab.scale("worker", 1)


def test_all_states_in_one_question_are_those_of_each_deployment(lab):
    lab.scale("worker", 2)
    states = lab.states()
    assert sorted(states) == lab.deployments()
    for name, state in states.items():
        assert state.counts == lab.replicas(name)
        assert {one.replica for one in state.usage} <= set(state.counts.names)
    assert states["worker"].counts.ready == 2
    lab.scale("worker", 1)


def test_a_running_lab_is_listed(lab):
    (found,) = [one for one in launch.labs() if one.name == lab.name]
    assert (found.engine, found.state, found.context) == ("embedded", "running", None)


def test_an_unknown_deployment_is_named_with_those_there_are(lab):
    with pytest.raises(InvalidInput, match="hasher"):
        lab.scale("miner", 1)


def test_after_the_supervisor_was_killed_nothing_runs_on_and_a_lab_starts_anew(wait_until):
    lab, _ = launch.start(Settings(name="killed"))
    lab.ready()
    os.kill(lab.about().pid, signal.SIGKILL)
    wait_until(lambda: launch.leftovers(lab.folder) == [])
    with pytest.raises(LabLost):
        lab.counter()
    with pytest.raises(LabCrashed, match="The lab 'killed' has crashed"):
        launch.find_lab("killed")
    lab.deploy()
    lab.ready()
    lab.down()
    lab.down()
    assert not lab.folder.exists()


def test_started_at_once_by_several_there_is_one_lab_and_no_lock_stays(runtime_folder):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(launch.start, [Settings(name="together")] * 4))
    assert sorted(started for _, started in found) == [False, False, False, True]
    assert len({lab.about().pid for lab, _ in found}) == 1
    with ThreadPoolExecutor(3) as pool:
        ended = list(pool.map(launch.stop, [found[0][0].folder] * 3))
    assert True in ended
    assert not [one.name for one in (runtime_folder / "dclab").iterdir() if one.name.startswith(".")]
    assert not found[0][0].folder.exists()


def test_another_start_or_end_is_waited_for_only_so_long(runtime_folder, monkeypatch):
    monkeypatch.setattr(lock, "LOCK_TIMEOUT", 0.2)
    monkeypatch.setattr(lock, "SAID_AFTER", 0.1)
    said = []
    descriptor = os.open(labs_folder(), os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(TimedOut, match="Another command is starting or ending a lab: ") as caught:
            launch.start(Settings(name="locked"), say=said.append)
    finally:
        os.close(descriptor)
    if sys.platform == "linux":
        assert f"(process {os.getpid()})" in caught.value.what
        assert f"`kill {os.getpid()}`" in caught.value.hint
        assert f"(process {os.getpid()})" in said[0]
    assert len(said) == 1


def test_a_supervisor_that_is_asked_to_ends_in_order_by_itself(wait_until):
    lab, _ = launch.start(Settings(name="ending"))
    lab.ready()
    assert lab.start_load(LoadSpec(target="hasher", seconds=60, concurrent=2)).status().state == "running"
    ask(lab.folder, Down())
    wait_until(lambda: launch.leftovers(lab.folder) == [], 5)
    assert not lab.folder.exists()
    assert not launch.stop(lab.folder)


def test_a_folder_left_by_a_reboot_is_no_obstacle(runtime_folder):
    folder = runtime_folder / "dclab" / "stale"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "lab.json").write_text("garbage")
    (folder / "control").write_text("not a socket")
    lab, started = launch.start(Settings(name="stale"))
    assert started
    lab.down()


@pytest.mark.parametrize("rate", [20.0, None])
def test_a_stall_of_rng_shows_in_an_open_loop_and_hides_in_a_closed_one(lab, rate):
    lab.scale("worker", 0)
    (pid,) = pids(lab, "rng").values()

    def stall():
        time.sleep(1.0)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(1.4)
        os.kill(pid, signal.SIGCONT)

    stalling = threading.Thread(target=stall)
    stalling.start()
    found = summarise(lab.probe("rng", ProbeSpec(count=80, interval=0.05, rate=rate)), rate)
    stalling.join()
    lab.scale("worker", 1)
    assert found.errors == 0
    assert found.max > 1000
    assert found.p50 < 50
    # 28 of the 80 requests that were due, or the one that was waiting.
    assert (found.p95 > 1000) is (rate is not None)
    assert found.connect <= found.first_byte <= found.mean


def test_how_a_service_chooses(lab, wait_until):
    """By the process that answers: at random, strictly in turn, and never the busy one of two."""
    lab.scale("worker", 0)  # it would make one of two busy
    lab.scale("hasher", 2)
    names = set(pids(lab, "hasher"))

    def answered_by(count):
        seen = []
        for _ in range(count):
            seen.append(requests.get(lab.url("hasher"), timeout=5).text.split()[-1])
            time.sleep(0.02)  # for the proxy to see that the connection has ended
        return seen

    def repeats(count):
        """How often the same one answered twice running; httplat's own probes take a turn now and then."""
        return sum(a == b for a, b in pairwise(answered_by(count)))

    try:
        assert set(answered_by(40)) == names
        lab.set_load_balancing("round robin")
        assert repeats(30) <= 6
        proxy = lab.about().proxy_pid
        os.kill(proxy, signal.SIGKILL)
        wait_until(lambda: lab.about().proxy_pid not in (proxy, None))  # connections wait for it from now on
        assert repeats(30) <= 6
        lab.set_load_balancing("better of two")
        host, port = lab.url("hasher").removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as held:
            held.sendall(b"GET / HTTP/1.1\r\n")
            time.sleep(0.1)
            assert Counter(answered_by(20)).most_common(1)[0][1] >= 17
        with pytest.raises(InvalidInput, match="There is no load-balancing policy"):
            lab.set_load_balancing("by size")
    finally:
        lab.set_load_balancing("random")
        lab.scale("hasher", 1)
        lab.scale("worker", 1)


def test_reports_of_workers(lab):
    before = check_worker_reports(lab, seconds=2.6)
    assert lab.worker_reports(before.t) is not None, "also of those that are gone"


def test_when_no_worker_is_left_the_counter_has_what_they_reported(lab):
    lab.scale("worker", 0)
    before = lab.counter()
    lab.scale("worker", 3)
    time.sleep(1.5)
    lab.scale("worker", 0)
    after = lab.counter()
    reports = lab.worker_reports(before.t)
    assert sum(one.units for one in reports) == after.hashes - before.hashes > 0
    lab.scale("worker", 1)


def test_what_a_crashing_replica_said_last_is_in_its_log_each_time(lab):
    with pytest.raises(TimedOut, match="runs on as it was"):
        lab.configure("hasher", {"THREADS": "none"}, timeout=2)
    said = [one.read_text() for one in (grows(lab.folder) / "logs").glob("hasher-*.log")]
    (crashed,) = [one for one in said if one]
    assert crashed.count("THREADS is 'none'; it must be a whole number from 1 to 256.\n") >= 1


def test_down_in_the_middle_of_a_load_keeps_the_last_words_and_leaves_nothing(monkeypatch):
    lab, _ = launch.start(Settings(name="words"))
    lab.ready()
    lab.scale("worker", 5)
    lab.start_load(LoadSpec(target="rng", seconds=60, concurrent=20))
    time.sleep(1.2)
    logs = [os.open(log_file(lab.folder, name), os.O_RDONLY) for name in lab.replicas("worker").names]
    try:
        lab.down()
        assert launch.leftovers(lab.folder) == []
        for log in logs:
            assert b"Leaving; " in os.read(log, 1 << 20).splitlines()[-1]
    finally:
        for log in logs:
            os.close(log)
