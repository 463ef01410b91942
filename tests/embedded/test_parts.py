"""Parts of the embedded engine that need no lab."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.clock import reached, wait_for
from dclab.engines.embedded.container import command_line, container_env, expand
from dclab.engines.embedded.crashes import back_off
from dclab.engines.embedded.listeners import free_port
from dclab.engines.embedded.usage import cpu_seconds
from dclab.engines.embedded.wire import LAB_MARK
from dclab.errors import TimedOut
from dclab.loopback import LOOPBACK, is_loopback
from dclab.manifests import Workload
from dclab.paths import labs_folder


def workload(**more):
    fields = {
        "name": "rng",
        "labels": {"app": "rng"},
        "replicas": 1,
        "command": ("python", "-m", "apps.rng"),
        "env": {},
        "port": 8080,
        "mounts": (),
        "cpu_request_millicores": 200,
        "readiness_period": 2.0,
    }
    return Workload(**(fields | more))


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("http://$(A):$(B)/", "http://x:1/"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$$(A)", "$(A)"),
        ("$A ${A}", "$A ${A}"),
        ("$(A", "$(A"),
    ],
)
def test_references_are_replaced_as_kubernetes_does(text, expanded):
    assert expand(text, {"A": "x", "B": "1"}) == expanded


def test_the_environment_is_the_manifests_and_kubernetes_and_nothing_of_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy")
    monkeypatch.setenv("SECRET", "x")
    found = container_env(
        workload(env={"HOST": "0.0.0.0", "PORT": "8080", "TARGET": "http://$(MY_RNG_SERVICE_HOST)", "DELAY": "1"}),
        replica="rng-1",
        port=20001,
        services={"my-rng": 4711},
        overrides={"DELAY": "2"},
        folder=tmp_path,
    )
    assert (found["HOST"], found["PORT"], found["DELAY"]) == ("127.0.0.1", "20001", "2")
    assert (found["MY_RNG_SERVICE_HOST"], found["MY_RNG_SERVICE_PORT"]) == ("127.0.0.1", "4711")
    assert found["TARGET"] == "http://127.0.0.1"
    assert (found["HOSTNAME"], found[LAB_MARK]) == ("rng-1", str(tmp_path))
    assert not {"HTTP_PROXY", "SECRET"} & set(found)


def test_a_replica_finds_the_modules_that_the_supervisor_finds(monkeypatch, tmp_path):
    """Wherever dclab is installed; and what the user sets for Python does not reach it."""
    (tmp_path / "only_here.py").write_text("found = True")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    found = container_env(workload(), replica="rng-1", port=1, services={}, overrides={}, folder=tmp_path)
    assert [one for one in found if one.startswith("PYTHON")] == [
        "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"
    ]  # fmt: skip
    subprocess.run([sys.executable, "-c", "import only_here, prometheus_client"], env=found, cwd="/", check=True)


def test_python_is_our_own_and_mounts_become_private_folders(tmp_path):
    found = command_line(
        workload(command=("python", "-m", "x", "--dir", "/data", "--path=/data", "$(A)"), mounts=("/data",)),
        {"A": "b"},
        tmp_path,
    )
    assert found == [sys.executable, "-m", "x", "--dir", f"{tmp_path}/data", f"--path={tmp_path}/data", "b"]
    assert (tmp_path / "data").is_dir()


def test_the_first_restart_is_at_once_and_the_others_back_off():
    assert [back_off(n) for n in range(1, 9)] == [0, 1, 2, 2, 2, 2, 2, 2]


@given(st.integers(1, 10_000))
def test_back_off_never_shrinks_and_is_bounded(restarts):
    assert back_off(restarts) <= back_off(restarts + 1) <= 2


def test_replicas_listen_below_the_ports_that_a_siege_uses():
    if sys.platform == "linux":
        low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        assert all(free_port() < low for _ in range(5))


def test_a_relative_runtime_folder_is_ignored(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "tmp").mkdir()
    for ignored in ("run", "./run", "../run", ""):
        monkeypatch.setenv("XDG_RUNTIME_DIR", ignored)
        assert labs_folder() == tmp_path / "tmp" / f"dclab-{os.getuid()}"
    assert [one.name for one in tmp_path.iterdir()] == ["tmp"]
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    assert labs_folder() == tmp_path / "run" / "dclab"


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        (LOOPBACK, True),
        ("127.8.9.10", True),
        ("::1", True),
        ("localhost", True),
        ("LocalHost.", True),
        ("0.0.0.0", False),
        ("192.0.2.1", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_what_always_means_this_machine(host, is_one):
    assert is_loopback(host) is is_one


def test_waiting_ends_when_it_is_reached_or_in_time():
    looks = iter([False, False, True])
    assert asyncio.run(reached(lambda: next(looks), 10))
    assert not asyncio.run(reached(lambda: False, 0.01))
    looks = iter([False, True])
    wait_for(lambda: next(looks), 10, "It does not come.", poll=0)
    with pytest.raises(TimedOut, match=r"It does not come\. Waited 0\.01 s\."):
        wait_for(lambda: False, 0.01, "It does not come.", poll=0)


def test_cpu_time_of_another_process_in_fine_steps():
    code = "import sys; print(flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        assert 0 < cpu_seconds(process.pid) < 5
        if sys.platform == "linux":
            assert cpu_seconds(process.pid) * 1000 % 10 != 0
    finally:
        process.communicate()
    with pytest.raises(OSError, match=r"Invalid argument|No such process"):
        cpu_seconds(process.pid)
