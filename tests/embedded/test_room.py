"""For how many replicas a machine has room: by whatever there is least of."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab import manifests
from dclab.engines.embedded import room
from dclab.engines.embedded.room import Machine, Running, this_machine
from dclab.measure.queueing import bound_rate
from tests.conftest import CHECKOUT

PLENTY = Machine(memory_mb=1e6, processes=math.inf, descriptors=math.inf, ports=10_000, cores=1000)
ALONE = Running({"worker": 1, "rng": 1, "hasher": 1})


WORKLOADS = {
    one["metadata"]["name"]: manifests.workload(one) for one in manifests.of_kind(manifests.load(), "Deployment")
}


@pytest.mark.parametrize(
    ("short", "deployment", "most", "why"),
    [
        ({"memory_mb": 5700.0}, "worker", 271, "5.7 GB of memory are free, and a replica takes 19 MB"),
        ({"processes": 400}, "worker", 301, "The system allows 400 more processes and threads"),
        # Each rng has a thread beside the one that waits for signals.
        ({"processes": 400}, "rng", 151, "The system allows 400 more processes and threads"),
        ({"descriptors": 1024}, "worker", 229, "A process may open 1024 files"),
        ({"ports": 10}, "rng", 8, "There are 10000 ports"),
        # One rng makes 10 hashes/s, however many workers there are.
        ({"cores": 0.1}, "worker", 49_000, "memory"),
    ],
)
def test_what_there_is_least_of(short, deployment, most, why):
    found = replace(PLENTY, **short).room(WORKLOADS[deployment], ALONE)
    assert found.replicas == pytest.approx(most, rel=0.04)
    assert why.lower() in found.why.lower()


def test_cores_limit_what_makes_more_hashes():
    running = Running({"worker": 1, "rng": 100, "hasher": 5})
    found = replace(PLENTY, cores=2).room(WORKLOADS["worker"], running)
    assert "2 cores carry about 562 hashes/s" in found.why
    assert bound_rate(found.replicas, 100, 5) <= 562.5 < bound_rate(found.replicas + 1, 100, 5)


@given(
    st.integers(0, 400),
    st.floats(0, 1e5),
    st.integers(0, 5000),
    st.integers(0, 70_000),
    st.sampled_from([0.5, 1, 2, 64]),
)
def test_what_runs_has_room_and_more_of_anything_is_no_less_room(running, memory, processes, descriptors, cores):
    machine = Machine(memory_mb=memory, processes=processes, descriptors=descriptors, ports=10_000, cores=cores)
    there = Running({"worker": running, "rng": 1, "hasher": 1})
    found = machine.room(WORKLOADS["worker"], there).replicas
    assert found >= running
    more = replace(machine, memory_mb=2 * memory, processes=2 * processes, descriptors=2 * descriptors, cores=2 * cores)
    assert more.room(WORKLOADS["worker"], there).replicas >= found


@pytest.mark.parametrize("version", [1, 2])
def test_control_groups_limit_it_too_also_those_above(tmp_path, monkeypatch, version):
    def write(folder, **files):
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in files.items():
            (folder / name.replace("_in_", "@").replace("_", ".").replace("@", "_in_")).write_text(f"{value}\n")

    own = tmp_path / "own"
    monkeypatch.setattr(room, "OWN_GROUPS", own)
    monkeypatch.setattr(room, "GROUPS", tmp_path / "groups")
    groups = tmp_path / "groups"
    if version == 2:
        own.write_text("0::/user/lab\n")
        write(groups / "user", memory_max=10**9, memory_current=4 * 10**8, pids_max=500, pids_current=100)
        write(groups / "user" / "lab", memory_max="max", memory_current=1, pids_max="max", pids_current=1)
        (groups / "user" / "memory.stat").write_text("anon 1\ninactive_file 100000000\n")
        (groups / "user" / "cpu.max").write_text("150000 100000\n")
        (groups / "user" / "lab" / "cpu.max").write_text("max 100000\n")
    else:
        own.write_text("4:memory:/lab\n3:cpu,cpuacct:/\n2:pids:/lab\n")
        write(groups / "memory" / "lab", memory_limit_in_bytes=10**9)
        (groups / "memory" / "lab" / "memory.usage_in_bytes").write_text("400000000\n")
        (groups / "memory" / "lab" / "memory.stat").write_text("total_inactive_file 100000000\n")
        (groups / "memory" / "lab" / "memory.limit_in_bytes").write_text("1000000000\n")
        (groups / "cpu,cpuacct").mkdir()
        (groups / "cpu,cpuacct" / "cpu.cfs_quota_us").write_text("150000\n")
        (groups / "cpu,cpuacct" / "cpu.cfs_period_us").write_text("100000\n")
        write(groups / "pids" / "lab", pids_max=500, pids_current=100)
    found = this_machine()
    assert found.memory_mb == pytest.approx(700)
    assert found.processes == 400
    assert found.cores <= 1.5


def test_this_machine_has_some_and_says_how_many_files_a_process_may_open():
    found = this_machine()
    assert found.memory_mb > 50
    assert found.cores >= 0.1
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 300));"
        "from dclab.engines.embedded.room import this_machine; print(this_machine().descriptors)"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=True, capture_output=True, text=True)
    assert float(said.stdout) == 300
