"""Who holds a lab, and whom a lab ends with: also when a supervisor or a client is killed in between."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dclab import manifests
from dclab.engines.embedded import launch, questions, wire
from dclab.engines.embedded.client import EmbeddedLab
from dclab.engines.embedded.wire import Settings
from dclab.errors import DclabError, InvalidInput, LabCrashed, LabEnded, LabHeld, NotAnswering
from dclab.lab import LoadSpec, TemplateChange
from dclab.paths import lab_folder, state_folder
from tests.conftest import CHECKOUT
from tests.supervisors import line

CHANGES = {
    "scale": lambda lab: lab.scale("worker", 1),
    "configure": lambda lab: lab.configure("rng", {}),
    "rolling update": lambda lab: lab.roll_out("rng", TemplateChange(bad_image=True)),
    "delete": lambda lab: lab.delete_replica("rng", "rng-1"),
    "undo": lambda lab: lab.roll_back("rng"),
    "load": lambda lab: lab.start_load(LoadSpec(target="rng", seconds=1)),
    "load balancing": lambda lab: lab.set_load_balancing("random"),
    "autoscaler": lambda lab: lab.apply_autoscaler(manifests.autoscaler("rng")),
    "no autoscaler": lambda lab: lab.remove_autoscaler("rng"),
}


@pytest.fixture(scope="module")
def lab():
    made, _ = launch.start(Settings(name="held"))
    made.ready()
    yield made
    launch.stop(made.folder)
    assert launch.leftovers(made.folder) == []


@pytest.fixture
def other(lab):
    """The same lab, for another command."""
    return launch.find_lab(lab.name)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_changes_a_held_lab_is_refused_with_its_holder(lab, other, change):
    with lab.hold("dclab scale-sweep"):
        with pytest.raises(
            LabHeld, match=rf"is held by `dclab scale-sweep` \(process {os.getpid()}, since \d\d:\d\d\)"
        ):
            change(other)
        lab.scale("worker", 1)
    other.scale("worker", 1)


def test_a_held_lab_is_read_and_held_once(lab, other):
    with lab.hold("dclab prove"):
        assert other.counter().hashes >= 0
        assert other.replicas("worker").desired == 1
        assert other.autoscalers() == {}
        with pytest.raises(LabHeld, match="dclab prove"), other.hold("dclab latency"):
            pass
        with lab.hold("within"):
            lab.scale("worker", 1)
        with pytest.raises(LabHeld, match="dclab prove"):
            other.scale("worker", 1)
    with other.hold("dclab latency"), pytest.raises(LabHeld, match="dclab latency"):
        lab.scale("worker", 1)


def test_whoever_asks_without_dclab_is_refused_too(lab):
    arguments = {"deployment": "worker", "replicas": 5, "timeout": 1.0}
    with lab.hold("dclab scale-sweep"), socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(wire.socket_path(lab.folder)))
        raw.sendall(line(verb="scale", arguments=arguments))
        assert wire.decode_reply(raw.makefile("rb").readline()).fault.code == "lab-held"
    assert lab.replicas("worker").desired == 1


def python(program):
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    return subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)


HOLDER = """
import time
from dclab import manifests
from dclab.engines.embedded import launch
from dclab.lab import LoadSpec
lab = launch.find_lab("held")
with lab.hold("dclab scale-sweep"):
    lab.scale("worker", 3)
    lab.configure("rng", {"THREADS": "4"})
    lab.set_load_balancing("round robin")
    lab.apply_autoscaler(manifests.autoscaler("hasher"))
    print(lab.start_load(LoadSpec(target="hasher", concurrent=2, seconds=60)).name, flush=True)
    time.sleep(60)
"""


def test_of_a_killed_holder_nothing_stays(lab):
    """The lab is free at once, and as it was: else the next measurement would be one of a lab that nobody knows."""
    holder = python(HOLDER)
    job = holder.stdout.readline().strip()
    with pytest.raises(LabHeld, match=f"process {holder.pid}"):
        lab.scale("worker", 1)
    assert lab.autoscalers() == {"hasher": "hasher"}
    holder.kill()
    holder.wait()
    end = time.monotonic() + 8.0  # its load has 5 s to print a summary
    while True:
        try:
            with lab.hold("dclab latency"):
                break
        except LabHeld:
            assert time.monotonic() < end
            time.sleep(0.02)
    assert lab.autoscalers() == {}
    assert lab.replicas("worker").desired == 1
    assert lab.load_balancing == "random"
    assert lab.ask(questions.AskJob(name=job)).state == "stopped"
    lab.ready()
    (rng,) = lab.about().replicas["rng"]
    assert "THREADS=4" not in environment_of(rng.pid)


def test_a_hold_that_is_given_up_undoes_nothing(lab):
    with lab.hold("dclab scale-sweep"):
        lab.scale("worker", 2)
    time.sleep(0.1)
    assert lab.replicas("worker").desired == 2
    lab.scale("worker", 1)


def environment_of(pid):
    return Path(f"/proc/{pid}/environ").read_text().split("\0")


def test_after_a_crash_the_lab_is_the_same_and_held_again(lab, other, wait_until):
    with lab.hold("dclab scale-sweep"):
        os.kill(lab.about().pid, signal.SIGKILL)
        wait_until(lambda: launch.leftovers(lab.folder) == [])
        with pytest.raises(LabCrashed, match="The lab 'held' has crashed"):
            lab.replicas("worker")
        with pytest.raises(LabCrashed):
            lab.counter()
        lab.deploy()
        lab.ready()
        with pytest.raises(LabHeld):
            other.scale("worker", 1)
        lab.scale("worker", 1)
    other.scale("worker", 1)  # the same instance for those who have used it before


def test_a_lab_that_was_ended_is_brought_back_by_nobody_who_used_it():
    lab, _ = launch.start(Settings(name="over"))
    lab.ready()
    assert launch.stop(lab.folder)
    for use in (lab.deploy, lab.counter, lambda: lab.scale("worker", 2), lambda: lab.hold("x").__enter__()):
        with pytest.raises(LabEnded, match="was ended while this command used it"):
            use()
    assert not lab.folder.exists()
    another, started = launch.start(Settings(name="over"))
    try:
        assert started
        for use in (lab.deploy, lab.counter, lambda: lab.scale("worker", 2)):
            with pytest.raises(LabEnded, match="Another lab has its name now"):
                use()
        lab.down()
        assert another.replicas("worker").desired == 1
    finally:
        another.down()
    assert not lab.folder.exists()


def test_a_crashed_lab_that_cannot_be_started_again_stays_a_crashed_one(wait_until):
    """Rather than look as if someone had ended it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    lab, _ = launch.start(Settings(name="twice", webui_port=port))
    os.kill(lab.about().pid, signal.SIGKILL)
    wait_until(lambda: launch.leftovers(lab.folder) == [])
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(InvalidInput, match=f"Port {port} is in use"):
            lab.deploy()
        with pytest.raises(LabCrashed):
            lab.replicas("worker")
    lab.deploy()
    assert lab.replicas("worker").desired == 1
    lab.down()
    assert not lab.folder.exists()


def test_a_lab_whose_folder_is_gone_still_runs_and_is_not_called_ended():
    """As where a logout removes XDG_RUNTIME_DIR: its processes are there, and `down` ends them."""
    lab, _ = launch.start(Settings(name="homeless"))
    shutil.rmtree(lab.folder)
    with pytest.raises(NotAnswering, match="The lab 'homeless' does not answer"):
        lab.replicas("worker")
    assert launch.stop(lab.folder)
    assert launch.leftovers(lab.folder) == []
    with pytest.raises(LabEnded):
        lab.replicas("worker")


def test_down_removes_what_a_reboot_has_left_of_a_lab():
    """The runtime folder is gone, the logs are not."""
    kept = state_folder("rebooted")
    (kept / "logs").mkdir(parents=True)
    assert launch.find_lab("rebooted") is None
    assert launch.stop(lab_folder("rebooted"))
    assert not kept.exists()
    assert not launch.stop(lab_folder("rebooted"))


def test_who_waits_for_an_answer_hears_at_once_that_the_lab_is_ended():
    lab, _ = launch.start(Settings(name="waiting"))
    lab.ready()
    waiter = python(
        "from dclab.engines.embedded import launch\n"
        "from dclab.errors import LabEnded\n"
        "lab = launch.find_lab('waiting')\n"
        "print('waiting', flush=True)\n"
        "try:\n"
        "    lab.configure('rng', {'THREADS': 'none'}, 60)\n"
        "except LabEnded as error:\n"
        "    print(error.why)\n"
    )
    assert waiter.stdout.readline() == "waiting\n"
    time.sleep(0.5)
    began = time.monotonic()
    assert launch.stop(lab.folder)
    out, _ = waiter.communicate(timeout=10)
    assert time.monotonic() - began < 8
    assert f"(process {os.getpid()})" in out


def test_a_signal_to_the_supervisor_is_an_end_and_no_crash(wait_until):
    lab, _ = launch.start(Settings(name="signalled"))
    lab.ready()
    os.kill(lab.about().pid, signal.SIGTERM)
    wait_until(lambda: not lab.folder.exists(), 15)
    with pytest.raises(LabEnded):
        lab.deploy()
    wait_until(lambda: launch.leftovers(lab.folder) == [])


LEASED = """
import os, signal, sys, time
from dclab.engines.embedded import launch
from dclab.engines.embedded.wire import Settings
lab, started = launch.start(Settings(name="{name}"), leased=True)
if {crash}:
    os.kill(lab.about().pid, signal.SIGKILL)
    time.sleep(0.2)
    lab.deploy()
print(lab.about().pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("crash", [False, True])
def test_a_leased_lab_ends_with_the_process_that_started_it(wait_until, crash):
    tenant = python(LEASED.format(name="leased", crash=crash))
    assert int(tenant.stdout.readline()) > 0
    folder = lab_folder("leased")
    assert launch.find_lab("leased").settings.instance
    tenant.kill()
    tenant.wait()
    wait_until(lambda: not folder.exists(), 8)
    wait_until(lambda: launch.leftovers(folder) == [], 3)


def test_a_lease_is_not_taken_on_a_lab_that_was_there():
    first, _ = launch.start(Settings(name="shared"))
    tenant = python(LEASED.format(name="shared", crash=False))
    assert int(tenant.stdout.readline()) == first.about().pid
    tenant.kill()
    tenant.wait()
    time.sleep(0.5)
    assert first.about().pid > 0
    first.down()


def test_a_wrong_instance_is_answered_by_nobody(lab):
    stranger = EmbeddedLab(lab.folder, Settings(name=lab.name, instance="another"))
    with pytest.raises(LabEnded, match="was ended"):
        stranger.replicas("worker")
    with pytest.raises(DclabError):
        stranger.scale("worker", 7)
    stranger.down()
    assert lab.replicas("worker").desired == 1
    with pytest.raises(InvalidInput):
        lab.scale("miner", 1)


def test_a_lab_is_held_from_before_another_command_can_find_it():
    """Of two runs that start at once on one name, the one that starts the lab has it."""
    mine, started = launch.start(Settings(name="first"), held_by="dclab run")
    other, again = launch.start(Settings(name="first"), held_by="dclab run")
    try:
        assert (started, again) == (True, False)
        with pytest.raises(LabHeld, match="is held by `dclab run`"):
            other.scale("worker", 1)
        with mine.hold("dclab run"):
            mine.scale("worker", 1)
        with pytest.raises(LabHeld), other.hold("dclab run"):
            pass
    finally:
        mine.down()
