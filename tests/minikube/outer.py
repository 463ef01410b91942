"""A machine with docker for minikube: namespaces of its own on this one, and an ordinary user in them.

One process is its init: when that ends, the kernel ends everything in it, and with the last process go its mounts, its
network and its rules. This machine sees one cgroup folder in each hierarchy, and the machine's files. Of the kernel's
settings nothing is written: docker's are those of its network, and the node is shown files in place of the others.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.cluster.node import CGROUPS, removed
from tests.cluster.settings import CACHE as CLUSTER_CACHE
from tests.cluster.settings import CannotRun
from tests.cluster.waiting import wait_for
from tests.minikube.settings import CACHE, CHECKOUT, HERE, HOME, LOGS, MACHINE, NAME, USER, USER_ID

INIT = f"{NAME}-init"
"""The argument that the machine's init is known by."""
SOCKET = "/run/docker.sock"
DOCKER_ID = 10002
"""Of the group docker."""

# The cgroup hierarchies are bound into a tmpfs of the machine's own, so that no systemd remounts this machine's; what is
# written to /etc and /usr/lib stays in the machine; and where root's home lets nobody through, a folder with what the user
# needs of it stands in its place.
SETUP = """
set -eu
mkdir -p "$1/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$1/cgroup"
for each in /sys/fs/cgroup/*; do
    mkdir "$1/cgroup/${each##*/}"
    mount --bind "$each" "$1/cgroup/${each##*/}"
done
mount -t sysfs sysfs /sys
mount --rbind "$1/cgroup" /sys/fs/cgroup
umount -l "$1/cgroup"
mount -t tmpfs -o mode=755,size=512m tmpfs /run
mkdir -p /run/lock /run/hold /run/lib/upper /run/lib/work
mount -t overlay -o lowerdir=/etc,upperdir="$1/etc",workdir="$1/etc-work" overlay /etc
mount -t overlay -o lowerdir=/usr/lib,upperdir=/run/lib/upper,workdir=/run/lib/work overlay /usr/lib
mkdir -p /usr/lib/modules
init=$2 name=$3 hidden=$4
shift 4
if [ $# -gt 0 ]; then
    for each; do
        mkdir -p "/run/hold$each"
        mount --rbind "$each" "/run/hold$each"
    done
    mount -t tmpfs -o mode=755 tmpfs "$hidden"
    for each; do
        mkdir -p "$each"
        mount --rbind "/run/hold$each" "$each"
    done
fi
mount --make-rshared /
ip link set lo up
hostname "${name%-init}"
cd /
exec "$init" "$name"
"""


def _init() -> psutil.Process | None:
    for process in psutil.process_iter(["cmdline"]):
        if (process.info["cmdline"] or [])[1:] == [INIT]:
            return process
    return None


def exists() -> bool:
    """Whether the machine runs."""
    return _init() is not None


def _starting() -> list[psutil.Process]:
    return [one for one in psutil.process_iter(["cmdline"]) if INIT in (one.info["cmdline"] or [])]


def _cgroups() -> list[Path]:
    return [path / NAME for path in sorted(CGROUPS.iterdir()) if (path / "cgroup.procs").exists()]


def _hidden() -> list[str | Path]:
    """Root's home, and what the user needs of it: the cache, the checkout, Python; only the home where it is open."""
    home = Path.home()
    if home.stat().st_mode & 0o001:
        return [home]
    wanted = (one.resolve() for one in (CACHE, CLUSTER_CACHE, CHECKOUT, Path(sys.base_prefix)))
    return [home, *(one for one in wanted if one.is_relative_to(home))]


def begin(pause: Path) -> None:
    """Make the machine, with no program in it but its init and docker."""
    etc = MACHINE / "etc"
    for folder in (LOGS, HOME, etc, MACHINE / "etc-work"):
        folder.mkdir(parents=True, exist_ok=True)
    os.chown(HOME, USER_ID, USER_ID)
    (etc / "passwd").write_text(f"root:x:0:0:root:/root:/bin/sh\n{USER}:x:{USER_ID}:{USER_ID}::{HOME}:/bin/bash\n")
    (etc / "group").write_text(f"root:x:0:\n{USER}:x:{USER_ID}:\ndocker:x:{DOCKER_ID}:{USER}\n")
    (etc / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    (etc / "hosts").write_text(f"127.0.0.1 localhost {NAME}\n")
    for folder in _cgroups():
        folder.mkdir(exist_ok=True)
    namespaces = ["--net", "--uts", "--ipc", "--mount", "--propagation=private", "--pid", "--fork", "--mount-proc"]
    log = LOGS / "init.log"
    with log.open("w") as out:
        subprocess.Popen(
            ["unshare", *namespaces, "sh", "-c", SETUP, "sh", MACHINE, pause, INIT, *_hidden()],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    wait_for(lambda: exists() or not _starting(), 30, "the machine's namespaces")
    if not exists():
        raise CannotRun(f"The machine's namespaces cannot be made: {log.read_text().strip()}")
    _docker()


def _docker() -> None:
    wrapper = HERE / "node" / "runc"
    shutil.copy2(wrapper, MACHINE / "runc")
    (MACHINE / "runc").chmod(0o755)
    start(
        "dockerd",
        f"--host=unix://{SOCKET}",
        f"--data-root={MACHINE / 'docker'}",
        "--exec-root=/run/docker",
        "--pidfile=/run/docker.pid",
        "--group=docker",
        "--storage-driver=overlay2",
        "--default-cgroupns-mode=private",
        f"--cgroup-parent=/{NAME}",
        f"--add-runtime=wrapped={MACHINE / 'runc'}",
        "--default-runtime=wrapped",
    )
    wait_for(lambda: _succeeds("docker", "info"), 60, "docker", every=0.3)


def _inside(user: bool) -> list[str]:
    init = _init()
    if init is None:
        raise CannotRun("The machine does not run: python -m tests.minikube up")
    entered = ["nsenter", f"--target={init.pid}", "--net", "--uts", "--ipc", "--mount", "--pid", "--wd=/", "--"]
    become = ["setpriv", f"--reuid={USER_ID}", f"--regid={USER_ID}", f"--groups={DOCKER_ID}", "--"]
    return [*entered, *(become if user else [])]


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    path = f"{MACHINE / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "HOME": str(HOME), "DOCKER_HOST": f"unix://{SOCKET}", "LANG": "C.UTF-8", **more}


def run(
    *command: str | Path,
    user: bool = False,
    check: bool = True,
    env: Mapping[str, str] | None = None,
    seconds: float = 600,
) -> subprocess.CompletedProcess[str]:
    """Run a command in the machine to its end, as root or as its user."""
    done = subprocess.run(
        [*_inside(user), *command],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=_environment(env or {}),
        timeout=seconds,
    )
    if check and done.returncode:
        raise RuntimeError(f"{command[0]} failed in the machine ({done.returncode}): {done.stderr.strip()[-2000:]}")
    return done


def begin_command(command: list[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start a command in the machine as its user, in a process group of its own."""
    return subprocess.Popen(
        [*_inside(True), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(env),
        start_new_session=True,
    )


def _succeeds(*command: str) -> bool:
    return run(*command, check=False).returncode == 0


def start(program: str, *arguments: str | Path) -> None:
    """Start a program in the machine; its output goes to a log named like it."""
    detached = 'log=$1; shift; exec setsid --fork "$@" >>"$log" 2>&1 </dev/null'
    run("sh", "-c", detached, "sh", LOGS / f"{program}.log", program, *arguments)


def end() -> None:
    """Remove everything of the machine, however little of it there is."""
    ending = _starting()
    for process in ending:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    if psutil.wait_procs(ending, timeout=30)[1]:
        raise RuntimeError("The machine's processes were killed, and did not end within 30 s.")
    for folder in _cgroups():
        wait_for(lambda folder=folder: removed(folder), 30, f"the end of {folder}")
    wait_for(_disk_removed, 60, f"the removal of {MACHINE}")


def _disk_removed() -> bool:
    shutil.rmtree(MACHINE, ignore_errors=True)
    return not MACHINE.exists()
