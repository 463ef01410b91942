"""CPU and memory of replicas: of all their processes, over windows of their own, as /proc has them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from dclab.engines.embedded import launch
from dclab.engines.embedded.meter import ProcessMeter
from dclab.engines.embedded.questions import ReplicaSpent
from dclab.engines.embedded.usage import spent
from dclab.engines.embedded.wire import Settings
from dclab.experiments.usage_watch import watched_usage
from dclab.results import Resources

FAMILY = """
import os, sys, threading, time

def child():
    if os.fork() == 0:
        kept = bytearray(30_000_000)
        end = time.thread_time() + 0.3
        while time.thread_time() < end:
            pass
        os.write(1, b"x")
        time.sleep(60)

threading.Thread(target=child).start()
time.sleep(60)
"""


def test_the_processes_of_a_replica_are_counted_together():
    """Also a child that another thread than the first has started."""
    parent = subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert parent.stdout.read(1) == b"x"
        found = spent(parent.pid)
        assert found.cpu_seconds > 0.3
        assert found.memory_mb > 30
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
    assert spent(parent.pid) is None


def readings(*rounds):
    """A meter that reads these, each (replica, pid, at, CPU seconds)."""
    left = iter(rounds)

    def read():
        return {
            "rng": [
                ReplicaSpent(replica=name, pid=pid, at=at, cpu_seconds=cpu, memory_mb=20.0)
                for name, pid, at, cpu in next(left)
            ]
        }

    return ProcessMeter(read)


def test_a_reading_ends_a_window_of_each_replica_that_was_there_before():
    meter = readings([("a", 1, 10.0, 1.0)], [("a", 1, 12.0, 1.5), ("b", 2, 12.0, 0.1)], [("b", 2, 13.0, 0.2)])
    assert meter.read() == {"rng": []}
    ((one,),) = meter.read().values()
    assert (one.replica, one.cpu_millicores, one.at, one.window_seconds) == ("a", 250.0, 12.0, 2.0)
    ((one,),) = meter.read().values()
    assert (one.replica, one.cpu_millicores) == ("b", pytest.approx(100.0))


def test_a_restarted_replica_has_no_window_over_its_restart():
    meter = readings([("a", 1, 10.0, 5.0)], [("a", 2, 11.0, 0.1)], [("a", 2, 12.0, 0.2)])
    meter.read()
    assert meter.read() == {"rng": []}
    assert meter.read()["rng"][0].cpu_millicores == pytest.approx(100.0)


@pytest.fixture(scope="module")
def lab():
    made, _ = launch.start(Settings(name="usage", clock_speed=20))
    made.ready()
    yield made
    made.down()


def ticks(pid):
    """CPU seconds as /proc counts them, in hundredths."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_it_agrees_with_proc(lab):
    lab.scale("worker", 3)
    pids = {one.name: one.pid for each in lab.about().replicas.values() for one in each}

    def look():
        return {name: ticks(pid) for name, pid in pids.items()}

    meter = lab.usage_meter()
    around, _, inside = look(), meter.read(), look()
    time.sleep(4)
    ended, read, after = look(), meter.read(), look()
    found = {one.replica: one for each in read.values() for one in each}
    assert set(found) == set(pids)
    for name, one in found.items():
        seconds = one.cpu_millicores / 1000 * one.window_seconds
        # Of each look user and system time are cut to hundredths of a second.
        assert ended[name] - inside[name] - 0.021 < seconds < after[name] - around[name] + 0.021, name
        with open(f"/proc/{pids[name]}/status") as file:
            resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
        assert one.memory_mb == pytest.approx(resident * 1024 / 1e6, rel=0.1)
        assert abs(one.at - time.time()) < 2


def test_the_last_window_of_every_replica_is_dated(lab, wait_until):
    wait_until(lambda: all(len(one.usage) == one.counts.ready for one in lab.states().values()), 5)
    for state in lab.states().values():
        for one in state.usage:
            assert 0.5 < one.window_seconds < 3  # 15 s at the clock's speed
            assert -0.1 < time.time() - one.at < 4


def test_requests_and_limits_are_the_manifests(lab):
    found = lab.resources()
    assert set(found) == set(lab.deployments())
    assert found["rng"] == Resources(
        cpu_request_millicores=200, cpu_limit_millicores=500, memory_request_mib=64, memory_limit_mib=64
    )
    assert found["worker"].cpu_limit_millicores is None


class Kept:
    """An observer that keeps what it is told."""

    def __init__(self):
        self.parts, self.rows, self.caveats = {}, [], []

    def step(self, text):
        pass

    def caveat(self, caveat):
        self.caveats.append(caveat.code)

    def record(self, **parts):
        self.parts |= parts

    def raw(self, name, rows):
        assert name == "pods"
        self.rows += rows


def test_a_state_has_the_windows_that_lie_wholly_in_it(lab):
    kept = Kept()
    lab.scale("worker", 2)
    with watched_usage(lab, kept) as usage:
        time.sleep(1)  # windows of before the state
        usage.settled(2)
        time.sleep(2.5)
        usage.measured()
        lab.scale("worker", 1)
    (state,) = kept.parts["pods"].states
    assert (state.workers, state.services["worker"].replicas) == (2, 2)
    assert state.services["rng"].windows >= 2
    assert all(state.began <= one["at"] - one["window_seconds"] < one["at"] <= state.ended for one in kept.rows)
    assert kept.parts["pods"].cores >= 1


def test_a_state_in_which_a_replica_was_restarted_is_not_kept(lab, wait_until):
    kept = Kept()
    with watched_usage(lab, kept) as usage:
        usage.settled(1)
        time.sleep(1)
        restarts = lab.replicas("hasher").restarts
        os.kill(lab.about().replicas["hasher"][0].pid, signal.SIGKILL)
        wait_until(lambda: lab.replicas("hasher").restarts > restarts and lab.replicas("hasher").ready == 1)
        time.sleep(1.5)
        usage.measured()
    assert kept.parts == {}
    assert kept.rows == []


class Late(ProcessMeter):
    """Publishes a window each half second, as a metrics server does each 15 s, and the same one until the next."""

    every = 0.1
    patience = 20.0

    def __init__(self, read):
        super().__init__(read)
        self._until, self._published = 0.0, {}

    def read(self):
        if time.monotonic() >= self._until:
            self._until, self._published = time.monotonic() + 0.5, super().read()
        return self._published


class Behind:
    """The lab with a meter of that kind."""

    def __init__(self, lab, patience):
        self._lab, self._patience = lab, patience

    def __getattr__(self, name):
        return getattr(self._lab, name)

    def usage_meter(self):
        meter = Late(self._lab.usage_meter()._read)
        meter.patience = self._patience
        return meter


def test_a_state_that_began_early_goes_on_until_two_whole_windows_are_published(lab):
    kept = Kept()
    with watched_usage(Behind(lab, 20.0), kept) as usage:
        usage.early(1)
        usage.change(1)
        usage.settled(1)
        usage.measured()
        assert kept.parts == {}  # and it goes on
        usage.measured(wait=True)
        (state,) = kept.parts["pods"].states
    assert min(one.windows for one in state.services.values()) >= 2
    assert state.window_seconds > 0.45
    assert len({(one["replica"], one["at"]) for one in kept.rows}) == len(kept.rows)


def test_windows_are_waited_for_as_long_as_they_take_and_no_longer(lab):
    kept = Kept()
    with watched_usage(Behind(lab, 0.3), kept) as usage:
        usage.settled(1)
        begin = time.monotonic()
        usage.measured(wait=True)
        assert time.monotonic() - begin < 5
        usage.drop()
    assert kept.parts == {}
