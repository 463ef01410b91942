"""The node: namespaces of its own for processes, mounts and network, in which a whole Kubernetes runs.

One process (`pause`) is the node's init: when it ends, the kernel ends everything in the node, and with the
last process go its mounts, its network and its rules. The machine sees one network link, one cgroup folder
in each hierarchy, and the node's files. Nothing is remembered: the node is found by its init's arguments.

What the machine shares with its containers stays as it is: the kernel's settings that a kubelet wants are
shown to it as files of the node (it may write them), and the network's settings are those of the node.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psutil

from tests.cluster.settings import HOST_ADDRESS, LINK, NAME, NODE, NODE_ADDRESS, SERVICE_RANGE, CannotRun
from tests.cluster.waiting import wait_for

INIT = f"{NAME}-init"
"""The argument that the node's init is known by."""
CGROUPS = Path("/sys/fs/cgroup")
DISK = NODE / "disk"
"""The node's /var/lib and /var/log, where Kubernetes' programs keep what they keep."""
LOGS = NODE / "logs"
"""What each program of the node printed."""

# pkg/kubelet/cm/container_manager_linux.go wants these, and would write them into the machine's kernel.
KERNEL_SETTINGS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}

# /sys is mounted afresh, since it shows the network of who mounted it; then the cgroups are put back.
# / is shared within the node alone, as kubelet's mounts for containers need it.
SETUP = """
set -eu
mount --rbind /sys/fs/cgroup "$1/cgroup"
mount -t sysfs sysfs /sys
mount --rbind "$1/cgroup" /sys/fs/cgroup
umount -l "$1/cgroup"
mount --bind "$1/disk/lib" /var/lib
mount --bind "$1/disk/log" /var/log
cd "$1/kernel"
find . -type f | while read -r file; do mount --bind "$file" "/proc/sys/$file"; done
mount -t tmpfs -o mode=755,size=256m tmpfs /run
mkdir /run/lock
mount --make-rshared /
ip link set lo up
cd /
exec "$2" "$3"
"""


def _init() -> psutil.Process | None:
    """The node's first process, as the machine sees it."""
    for process in psutil.process_iter(["cmdline"]):
        if (process.info["cmdline"] or [])[1:] == [INIT]:
            return process
    return None


def _starting() -> list[psutil.Process]:
    """What an `up` that was killed may have left on the way to the init."""
    return [one for one in psutil.process_iter(["cmdline"]) if INIT in (one.info["cmdline"] or [])]


def exists() -> bool:
    """Whether the node runs."""
    return _init() is not None


def processes(name: str) -> list[psutil.Process]:
    """The node's programs of a name; not what runs in containers."""
    init = _init()
    if init is None:
        return []
    mine = os.readlink(f"/proc/{init.pid}/ns/pid")
    found = []
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(OSError, psutil.Error):
            in_node = os.readlink(f"/proc/{process.pid}/ns/pid") == mine and process.pid != init.pid
            if in_node and process.info["name"] == name:
                found.append(process)
    return found


def cgroup_folders() -> list[Path]:
    """The node's folder in every hierarchy of the machine."""
    return [path / NAME for path in sorted(CGROUPS.iterdir()) if (path / "cgroup.procs").exists()]


def begin(pause: Path) -> None:
    """Make the node, with no program in it but its init."""
    for folder in (DISK / "lib", DISK / "log", NODE / "cgroup", LOGS):
        folder.mkdir(parents=True, exist_ok=True)
    for name, value in KERNEL_SETTINGS.items():
        file = NODE / "kernel" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
    for folder in cgroup_folders():
        folder.mkdir(exist_ok=True)
    namespaces = ["--net", "--uts", "--ipc", "--mount", "--propagation=private", "--pid", "--fork", "--mount-proc"]
    log = LOGS / "init.log"
    with log.open("w") as out:
        subprocess.Popen(
            ["unshare", *namespaces, "sh", "-c", SETUP, "sh", NODE, pause, INIT],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    wait_for(lambda: exists() or not _starting(), 10, "the node's namespaces")
    if not exists():
        raise CannotRun(f"The node's namespaces cannot be made: {log.read_text().strip()}")
    _connect()


def _connect() -> None:
    """One wire between the machine and the node; the services' addresses lead nowhere but into the node."""
    init = _init()
    assert init
    for arguments in (
        f"link add {LINK} type veth peer name eth0 netns {init.pid}",
        f"address add {HOST_ADDRESS}/30 dev {LINK}",
        f"link set {LINK} up",
    ):
        subprocess.run(["ip", *arguments.split()], check=True)
    for arguments in (
        f"address add {NODE_ADDRESS}/30 dev eth0",
        "link set eth0 up",
        f"route add {SERVICE_RANGE} dev eth0",
    ):
        run("ip", *arguments.split())
    run("hostname", NAME)


def _inside() -> list[str]:
    init = _init()
    if init is None:
        raise CannotRun("The cluster does not run: python -m tests.cluster up")
    return ["nsenter", f"--target={init.pid}", "--net", "--uts", "--ipc", "--mount", "--pid", "--wd=/", "--"]


def run(*command: str | Path) -> str:
    """Run a command in the node to its end; what it printed.

    Daemons that it starts outlive this process, and runc keeps files of its own in XDG_RUNTIME_DIR: not in one of a test's.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    done = subprocess.run([*_inside(), *command], check=False, capture_output=True, text=True, env=env)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed in the node ({done.returncode}): {done.stderr.strip()[-2000:]}")
    return done.stdout


def start(program: Path | str, *arguments: str | Path) -> None:
    """Start a program in the node; its output goes to a log named like it."""
    log = LOGS / f"{Path(program).name}.log"
    detached = 'log=$1; shift; exec setsid --fork "$@" >>"$log" 2>&1 </dev/null'
    run("sh", "-c", detached, "sh", log, program, *arguments)


def stop(name: str) -> None:
    """Kill a program of the node, as a crash would."""
    for process in processes(name):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    wait_for(lambda: not processes(name), 10, f"the end of {name}")


def end() -> None:
    """Remove everything of the node, however little of it there is."""
    # What a test has frozen cannot even be killed.
    for folder, _, _ in os.walk(CGROUPS / "freezer" / NAME):  # unlike rglob, it bears with pods that are ending
        with contextlib.suppress(OSError):
            (Path(folder) / "freezer.state").write_text("THAWED")
    ending = _starting()
    for process in ending:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    # Until they are gone as zombies too: their namespaces go with them.
    if psutil.wait_procs(ending, timeout=10)[1]:
        raise RuntimeError("The node's processes were killed, and did not end within 10 s.")
    # The kernel takes the network down after the last process; the link's end in the node may outlive it a little.
    subprocess.run(["ip", "link", "delete", LINK], check=False, capture_output=True)
    for folder in cgroup_folders():
        wait_for(lambda folder=folder: removed(folder), 10, f"the end of {folder}")
    wait_for(_disk_removed, 10, f"the removal of {NODE}")


def removed(cgroup: Path) -> bool:
    """Whether a cgroup and those below it are gone; they go from the leaves up, once nothing runs in them."""
    for folder, _, _ in os.walk(cgroup, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    return not cgroup.exists()


def _disk_removed() -> bool:
    shutil.rmtree(NODE, ignore_errors=True)
    return not NODE.exists()
