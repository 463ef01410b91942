"""What doctor says of each platform. Platforms that cannot be had here are folders with their marks and limits."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from dclab import cgroup, platforms
from dclab.errors import ExitCode
from tests.conftest import CHECKOUT

VERSION_2 = "0::/system.slice/docker-1.scope\n"
VERSION_1 = "4:memory:/docker/1\n3:cpu,cpuacct:/docker/1\n2:pids:/docker/1\n1:name=systemd:/docker/1\n0::/\n"


def uname(release="6.1.0-18-amd64", machine="x86_64", system="Linux"):
    return platform.uname_result(system, "host", release, "#1", machine)


@pytest.fixture
def on(monkeypatch, tmp_path):
    """Have the command line find itself on a platform: files below the root, variables, uname."""
    real = platforms.read_platform

    def be(files=None, environment=None, **names):
        for name, text in (files or {}).items():
            file = tmp_path / "root" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        one = real(tmp_path / "root", environment or {}, uname(**names))
        monkeypatch.setattr(platforms, "read_platform", lambda: one)
        monkeypatch.setattr(platform, "release", lambda: names.get("release", uname().release))
        return one

    return be


@pytest.fixture
def doctor(dclab_here):
    """The text of doctor, on one line; and its remarks for programs, which are the same."""

    def say():
        found = dclab_here("doctor", "--json")
        assert found.code == 0
        text = " ".join(dclab_here("doctor").out.split())
        assert all(" ".join(one.split()) in text for one in found.data["remarks"])
        return found.data["platform"], " ".join(found.data["remarks"])

    return say


def test_a_plain_machine_needs_no_remark(on, doctor, monkeypatch):
    monkeypatch.setattr(platforms, "usable_cpus", lambda: 2)
    on()
    assert doctor() == (
        {
            "system": "Linux",
            "machine": "x86_64",
            "wsl": 0,
            "container": "",
            "cpus": 2,
            "cpu_limit": None,
            "memory_limit_mb": None,
            "process_limit": None,
        },
        "",
    )


@pytest.mark.parametrize(
    ("release", "version"),
    [
        ("4.4.0-19041-Microsoft", 1),
        ("4.19.104-microsoft-standard", 2),
        ("5.15.167.4-microsoft-standard-WSL2", 2),
        ("6.6.0-mine-WSL2+", 2),
        ("4.4.0-210-generic", 0),
        ("6.1.0-18-cloud-amd64", 0),
        ("5.15.0-1064-azure", 0),
    ],
)
def test_wsl_by_its_kernel(release, version):
    assert platforms.wsl_version(release) == version


def test_a_kernel_of_ones_own_on_wsl(on):
    assert on(environment={"WSL_DISTRO_NAME": "Debian"}).wsl == 2


def test_wsl_2(on, doctor):
    on(release="5.15.167.4-microsoft-standard-WSL2")
    found, said = doctor()
    assert found["wsl"] == 2
    assert "nobody has tried it yet" in said
    assert "/mnt/c" in said


@pytest.mark.parametrize("verb", [("up",), ("run", "--quick")])
def test_wsl_1_is_refused(on, doctor, dclab_here, tmp_path, verb):
    on(release="4.4.0-19041-Microsoft")
    assert "wsl --set-version" in doctor()[1]
    done = dclab_here(*verb, "--name", "on-wsl", cwd=tmp_path)
    assert done.code == ExitCode.ENVIRONMENT
    assert "does not run on WSL 1" in done.err
    assert "wsl --set-version" in done.err


@pytest.mark.parametrize(
    ("files", "environment", "kind", "says"),
    [
        ({".dockerenv": ""}, {}, "docker", "shares the host's network"),
        ({"run/.containerenv": ""}, {"container": "podman"}, "podman", "shares the host's network"),
        (
            {".dockerenv": "", "var/run/secrets/kubernetes.io/serviceaccount/token": "x"},
            {"KUBERNETES_SERVICE_HOST": "10.96.0.1"},
            "kubernetes",
            "not with the pod's service account",
        ),
        ({}, {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, "", ""),
        ({".dockerenv": ""}, {"REMOTE_CONTAINERS": "true"}, "dev container", "without Docker"),
        ({".dockerenv": ""}, {"CODESPACES": "true"}, "dev container", "without Docker"),
        ({}, {"container": "systemd-nspawn"}, "systemd-nspawn", "shares the host's network"),
    ],
)
def test_containers(on, doctor, files, environment, kind, says):
    on(files, environment)
    found, said = doctor()
    assert found["container"] == kind
    assert says in said
    assert ("its lab ends with it" in said) == bool(kind)


@pytest.mark.parametrize("browser", [None, "/usr/bin/chromium"])
def test_the_browsers_sandbox_is_of_interest_where_there_is_a_browser(on, doctor, monkeypatch, browser):
    monkeypatch.setattr("dclab.browser.find_browser", lambda: browser)
    on({".dockerenv": ""})
    assert ("sandbox" in doctor()[1]) == bool(browser)


@pytest.mark.parametrize(
    ("files", "limits"),
    [
        ({"proc/self/cgroup": VERSION_2}, (None, None, None)),
        (
            {
                "proc/self/cgroup": VERSION_2,
                "sys/fs/cgroup/system.slice/docker-1.scope/cpu.max": "max 100000\n",
                "sys/fs/cgroup/system.slice/docker-1.scope/memory.max": "max\n",
                "sys/fs/cgroup/system.slice/docker-1.scope/pids.max": "max\n",
            },
            (None, None, None),
        ),
        (
            {
                "proc/self/cgroup": VERSION_2,
                "sys/fs/cgroup/system.slice/docker-1.scope/cpu.max": "150000 100000\n",
                "sys/fs/cgroup/system.slice/cpu.max": "50000 100000\n",
                "sys/fs/cgroup/system.slice/docker-1.scope/memory.max": "436870912\n",
                "sys/fs/cgroup/system.slice/docker-1.scope/pids.max": "100\n",
            },
            (0.5, 436, 100),
        ),
        # Within a container whose groups have a namespace of their own.
        (
            {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "100000 100000", "sys/fs/cgroup/pids.max": "64"},
            (1.0, None, 64),
        ),
        # Version 1 without such a namespace: the path is the host's, the files are at the top.
        (
            {
                "proc/self/cgroup": VERSION_1,
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "25000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000000\n",
                "sys/fs/cgroup/pids/pids.max": "200\n",
            },
            (0.25, 2000, 200),
        ),
        (
            {
                "proc/self/cgroup": VERSION_1,
                "sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "9223372036854771712\n",
            },
            (None, None, None),
        ),
    ],
)
def test_limits(on, doctor, monkeypatch, files, limits):
    monkeypatch.setattr(platforms, "usable_cpus", lambda: 4)
    on(files)
    found, said = doctor()
    assert (found["cpu_limit"], found["memory_limit_mb"], found["process_limit"]) == limits
    cpus, memory, threads = limits
    assert ("--cpus 2" in said) == (cpus is not None and cpus < 2)
    assert ("--memory" in said) == (memory is not None and memory < 500)
    assert ("--pids-limit" in said) == (threads is not None and threads < 200)
    assert "1 CPUs" not in said


@pytest.mark.parametrize(("cpus", "limit", "said"), [(1, None, "use 1 CPU here"), (4, "150000", "use 1.5 CPUs here")])
def test_less_than_two_cpus_are_named_wherever_they_come_from(on, doctor, monkeypatch, cpus, limit, said):
    monkeypatch.setattr(platforms, "usable_cpus", lambda: cpus)
    on({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": f"{limit or 'max'} 100000"})
    assert said in doctor()[1]


@pytest.mark.parametrize(
    ("system", "machine", "says"),
    [
        ("Darwin", "x86_64", ["hundredths of a second"]),
        ("Darwin", "arm64", ["hundredths of a second", "amd64 only"]),
        ("Linux", "aarch64", ["amd64 only"]),
    ],
)
def test_systems_that_nobody_has_tried(on, doctor, system, machine, says):
    on(system=system, machine=machine)
    said = doctor()[1]
    assert all(one in said for one in says)
    assert "obody has tried" in said


BURN = """
import json, sys, time
from dclab import cgroup
before = cgroup.throttling()
end = time.monotonic() + 1
while time.monotonic() < end:
    pass
print(json.dumps([cgroup.cpu_limit(), before, cgroup.throttling()]))
"""


@pytest.fixture
def small_group():
    """A real group of this machine that allows a fifth of a CPU; its file for processes to go into."""
    tree = Path("/sys/fs/cgroup")
    old = (tree / "cpu" / "cgroup.procs").exists()
    folder = tree / ("cpu" if old else "") / f"dclab-tests-{os.getpid()}"
    try:
        folder.mkdir()
        try:
            if old:
                (folder / "cpu.cfs_quota_us").write_text("20000")
            else:
                (folder / "cpu.max").write_text("20000 100000")
        except OSError:
            folder.rmdir()
            raise
    except OSError as error:
        pytest.skip(f"no group can be made here: {error}")
    yield folder / "cgroup.procs"
    folder.rmdir()


def test_a_real_limit_is_read_and_seen_at_work(small_group):
    line = f'echo $$ > {small_group} && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", line, "sh", sys.executable, "-c", BURN], check=True, capture_output=True, text=True, cwd=CHECKOUT
    )
    limit, before, after = json.loads(done.stdout)
    assert limit == 0.2
    periods, throttled = (late - early for late, early in zip(after, before, strict=True))
    assert periods >= 5
    assert throttled > periods / 2
    assert cgroup.cpu_limit() != 0.2
