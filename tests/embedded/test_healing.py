"""What a lab gets over by itself: room, descriptors or a process that is gone, at every moment. Real faults, real processes."""

from __future__ import annotations

import http.client
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psutil
import pytest

from dclab.engines.embedded import launch
from dclab.engines.embedded.wire import Settings, grows, supervisor_log
from dclab.errors import TimedOut
from dclab.lab import LoadSpec, ProbeSpec
from dclab.loopback import LOOPBACK

as_root = pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0, reason="mounts and foreign limits need Linux and root"
)


@pytest.fixture(scope="module")
def lab():
    made, _ = launch.start(Settings(name="healing"))
    made.ready()
    yield made
    made.down()
    assert launch.leftovers(made.folder) == []


def replicas(lab, deployment):
    return lab.about().replicas[deployment]


def whole(lab):
    """Whether the lab is as it should be, as seen from outside: each replica lives, and each service answers."""
    counts = [lab.replicas(one) for one in lab.deployments()]
    alive = all(psutil.pid_exists(one.pid or 0) for name in lab.deployments() for one in replicas(lab, name))
    answers = all(lab.probe(one, ProbeSpec(count=1))[0].error is None for one in ("rng", "hasher", "webui"))
    return alive and answers and all(one.ready == one.desired and not one.terminating for one in counts)


def counts_on(lab):
    before = lab.counter().hashes
    end = time.monotonic() + 5
    while lab.counter().hashes <= before:
        assert time.monotonic() < end, "the counter does not rise"
        time.sleep(0.1)


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    """256 kB for everything that a lab writes."""
    command = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", tmp_path]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def fill(folder):
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (4096, 1):
            with_room = True
            while with_room:
                try:
                    with_room = file.write(b"x" * size) == size
                except OSError:
                    with_room = False


@as_root
def test_a_full_disk_costs_lines_of_logs_and_no_replica(small_disk, wait_until):
    lab, _ = launch.start(Settings(name="full"))
    try:
        lab.ready()
        fill(small_disk)
        lab.scale("worker", 3)
        for deployment in ("worker", "rng", "redis"):
            os.kill(replicas(lab, deployment)[0].pid, signal.SIGKILL)
        os.kill(lab.about().proxy_pid, signal.SIGKILL)
        time.sleep(1.5)
        wait_until(lambda: whole(lab), 8)
        lab.scale("worker", 4)
        (small_disk / "filler").unlink()
        lab.scale("worker", 2)
        assert whole(lab)
        counts_on(lab)
    finally:
        lab.down()
    assert launch.leftovers(lab.folder) == []


@as_root
def test_a_load_test_on_a_full_disk_keeps_its_summary(small_disk, wait_until):
    lab, _ = launch.start(Settings(name="full"))
    try:
        lab.ready()
        job = lab.start_load(LoadSpec(target="hasher", seconds=1, concurrent=2))
        fill(small_disk)
        wait_until(lambda: job.status().state != "running")
        assert job.status().state == "succeeded"
        assert "ransaction" in job.log()
    finally:
        lab.down()


@contextmanager
def no_descriptors(pid):
    """Let a process open nothing more, whatever it has open."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


@as_root
@pytest.mark.parametrize("seconds", [0.5, 4])
def test_a_supervisor_out_of_descriptors_replaces_what_died_once_it_can(lab, wait_until, seconds):
    lab.scale("worker", 2)
    about = lab.about()
    with no_descriptors(about.pid):
        os.kill(about.proxy_pid, signal.SIGKILL)
        for deployment in ("worker", "rng"):
            os.kill(about.replicas[deployment][0].pid, signal.SIGKILL)
        time.sleep(seconds)
    began = time.monotonic()
    wait_until(lambda: whole(lab), 5)
    assert time.monotonic() - began < 5
    assert lab.about().pid == about.pid
    assert lab.about().ports == about.ports
    counts_on(lab)


@as_root
def test_a_shortage_of_the_supervisor_takes_no_replica_out_of_its_service(lab):
    """Its checks cannot be made, and tell nothing."""
    host, port = lab.url("rng").removeprefix("http://").split(":")
    with no_descriptors(lab.about().pid):
        time.sleep(11)  # rng's readiness is checked every 2 s and may fail 4 times
        answers = [request(host, int(port)) for _ in range(3)]
    assert answers == [200] * 3
    assert whole(lab)


def request(host, port):
    """Status of a request to a service; the supervisor is not asked for anything."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


def kill_one(lab, deployment, killed):
    """Kill a process of a deployment that has not been killed before, if there is one."""
    for pid in {one.pid for one in replicas(lab, deployment)} - killed - {None}:
        os.kill(pid, signal.SIGKILL)
        killed.add(pid)
        return True
    return False


@pytest.mark.parametrize("deployment", ["worker", "redis", "rng", "hasher", "webui", "httplat-rng"])
def test_a_replica_killed_while_it_starts_comes_back(lab, wait_until, deployment):
    killed = set()
    for _ in range(3):  # that they were killed, and what they had printed, is no crash loop: nobody waits now
        wait_until(lambda: kill_one(lab, deployment, killed))
    wait_until(lambda: whole(lab), 8)
    counts_on(lab)


def test_a_replica_killed_while_it_leaves_is_gone_at_once(lab, wait_until):
    lab.scale("hasher", 2)
    youngest = replicas(lab, "hasher")[-1]
    with ThreadPoolExecutor(1) as pool, socket.create_connection((LOOPBACK, youngest.port)) as unfinished:
        unfinished.sendall(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n1")  # it waits 2 s for the rest
        scaling = pool.submit(lab.scale, "hasher", 1)
        wait_until(lambda: lab.replicas("hasher").terminating == 1)
        time.sleep(0.3)
        assert lab.replicas("hasher").terminating == 1
        os.kill(youngest.pid, signal.SIGKILL)
        scaling.result(1)
    assert whole(lab)


def test_a_replica_that_is_stopped_leaves_in_time(lab):
    lab.scale("hasher", 2)
    os.kill(replicas(lab, "hasher")[-1].pid, signal.SIGSTOP)
    began = time.monotonic()
    lab.scale("hasher", 1)
    assert time.monotonic() - began < 2


def test_a_replica_that_stays_stopped_is_replaced_and_one_that_is_continued_is_not(lab, wait_until):
    (before,) = replicas(lab, "rng")
    os.kill(before.pid, signal.SIGSTOP)
    time.sleep(0.01)  # for the kernel to have stopped it
    assert lab.replicas("rng").ready == 0, "as soon as it is asked for"
    assert "is stopped by a signal" in lab.trouble("rng")
    os.kill(before.pid, signal.SIGCONT)
    time.sleep(0.01)
    assert lab.replicas("rng").ready == 1
    time.sleep(2.2)
    assert replicas(lab, "rng") == (before,)
    os.kill(before.pid, signal.SIGSTOP)
    wait_until(lambda: replicas(lab, "rng")[0].pid not in (before.pid, None), 5)
    wait_until(lambda: whole(lab), 5)
    assert "was stopped by a signal and not continued" in supervisor_log(lab.folder).read_text()


def test_a_lab_whose_folders_are_removed_heals_without_them_and_leaves_nothing(tmp_path, monkeypatch, wait_until):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    lab, _ = launch.start(Settings(name="bare"))
    lab.ready()
    about, place = lab.about(), grows(lab.folder).resolve()
    supervisor = psutil.Process(about.pid)
    shutil.rmtree(tmp_path / "dclab", ignore_errors=True)
    shutil.rmtree(place, ignore_errors=True)
    killed = [about.replicas["redis"][0].pid, about.replicas["worker"][0].pid, about.proxy_pid]
    family = len(supervisor.children())
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len([one for one in supervisor.children() if one.pid not in killed]) >= family)
    wait_until(lambda: any(place.glob("logs/worker-*.log")))
    assert not lab.folder.exists(), "it is not brought back"
    assert place.stat().st_mode & 0o077 == 0
    launch.stop(lab.folder)
    assert launch.leftovers(lab.folder) == []
    assert not place.exists()


def test_a_crash_loop_ends_the_waiting_with_its_last_line(lab):
    began = time.monotonic()
    with pytest.raises(TimedOut, match="runs on as it was") as failed:
        lab.configure("hasher", {"THREADS": "none"}, timeout=60)
    assert time.monotonic() - began < 10
    assert "THREADS is 'none'; it must be a whole number from 1 to 256." in failed.value.why
    assert "(3 times in a row)" in failed.value.why
    assert whole(lab)
    with pytest.raises(TimedOut) as failed:  # which has no readiness check
        lab.configure("worker", {"DELAY": "none"}, timeout=60)
    assert "DELAY is 'none'" in failed.value.why
    assert whole(lab)
    counts_on(lab)


def test_every_descendant_of_the_supervisor_bears_the_mark_and_no_other_process(lab, wait_until):
    lab.scale("worker", 2)
    lab.prometheus_url()
    job = lab.start_load(LoadSpec(target="hasher", seconds=30, concurrent=2))
    supervisor = psutil.Process(lab.about().pid)

    def family():
        return {supervisor.pid} | {one.pid for one in supervisor.children(recursive=True)}

    try:
        # A process that is just being started has no environment for a moment.
        wait_until(lambda: {one.pid for one in launch.leftovers(lab.folder)} == family(), 3)
        assert len(family()) >= 10
    finally:
        job.stop()
