"""A node: namespaces of its own for processes, mounts and network, in which Kubernetes' programs run.

One process (`pause`) is the node's init: when it ends, the kernel ends everything in the node, and with the
last process go its mounts, its network and its rules. The machine sees one network link to the first node, one cgroup
folder of each in each hierarchy, and the nodes' files. Nothing is remembered: a node is found by its init's arguments.

The first node runs the control plane, and is the router of the others: each of them has one wire, to it.

What the machine shares with its containers stays as it is: the kernel's settings that a kubelet wants are
shown to it as files of the node (it may write them), and the network's settings are those of the node.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.cluster.settings import (
    HOST_ADDRESS,
    LINK,
    MACHINES_RANGE,
    NAME,
    NODE,
    NODE_ADDRESS,
    PODS_RANGE,
    SERVICE_RANGE,
    CannotRun,
    address_of,
    name_of,
    pods_of,
    router_of,
)
from tests.cluster.waiting import wait_for

CGROUPS = Path("/sys/fs/cgroup")
_INIT = re.compile(rf"{re.escape(NAME)}(-node\d+)?-init")
"""The argument that the init of a node of this cluster is known by."""

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
sysctl -qw net.ipv4.ip_forward=1
cd /
exec "$2" "$3"
"""


def _of_inits() -> list[psutil.Process]:
    """The inits of all nodes of this cluster, and what an `up` that was killed may have left on the way to them."""
    every = psutil.process_iter(["cmdline"])
    return [one for one in every if any(_INIT.fullmatch(word) for word in one.info["cmdline"] or [])]


def _ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)


@dataclass(frozen=True)
class Node:
    """One of the cluster's, by its number; the first is 0."""

    number: int

    @property
    def name(self) -> str:
        """Its name, in the cluster and as host; its cgroup's."""
        return name_of(self.number)

    @property
    def folder(self) -> Path:
        """Its files, on the machine."""
        return NODE / "others" / str(self.number) if self.number else NODE

    @property
    def logs(self) -> Path:
        """What each of its programs printed."""
        return self.folder / "logs"

    @property
    def freezer(self) -> Path:
        """What stops all of its pods at once."""
        return CGROUPS / "freezer" / self.name / "kubepods" / "freezer.state"

    def init(self) -> psutil.Process | None:
        """Its first process, as the machine sees it."""
        found = (one for one in _of_inits() if one.info["cmdline"][1:] == [f"{self.name}-init"])
        return next(found, None)

    def exists(self) -> bool:
        """Whether it runs."""
        return self.init() is not None

    def processes(self, name: str) -> list[psutil.Process]:
        """Its programs of a name; not what runs in containers."""
        init = self.init()
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

    def begin(self, pause: Path) -> None:
        """Make it, with no program in it but its init; the first one before the others."""
        for folder in ("disk/lib", "disk/log", "cgroup", "logs"):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        for name, value in KERNEL_SETTINGS.items():
            file = self.folder / "kernel" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{value}\n")
        for hierarchy in _hierarchies():
            (hierarchy / self.name).mkdir(exist_ok=True)
        namespaces = ["--net", "--uts", "--ipc", "--mount", "--propagation=private", "--pid", "--fork", "--mount-proc"]
        log = self.logs / "init.log"
        with log.open("w") as out:
            setting_up = subprocess.Popen(
                ["unshare", *namespaces, "sh", "-c", SETUP, "sh", self.folder, pause, f"{self.name}-init"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        wait_for(lambda: self.exists() or setting_up.poll() is not None, 10, "the node's namespaces")
        init = self.init()
        if init is None:
            raise CannotRun(f"The node's namespaces cannot be made: {log.read_text().strip()}")
        if self.number:
            self._connect_to_first(init.pid)
        else:
            self._connect_to_machine(init.pid)
        self.run("hostname", self.name)
        # Pods are known to each other by their own addresses, and to the rest of the world by their node's.
        self.run(
            *f"iptables -w -t nat -A POSTROUTING -s {pods_of(self.number)} ! -d {PODS_RANGE} -j MASQUERADE".split()
        )

    def _connect_to_machine(self, init: int) -> None:
        """One wire between the machine and the node; the services' addresses lead nowhere but into the node."""
        _ip(f"link add {LINK} type veth peer name eth0 netns {init}")
        _ip(f"address add {HOST_ADDRESS}/30 dev {LINK}")
        _ip(f"link set {LINK} up")
        self.ip(f"address add {NODE_ADDRESS}/30 dev eth0")
        self.ip("link set eth0 up")
        self.ip(f"route add {SERVICE_RANGE} dev eth0")
        _ip(f"route add {MACHINES_RANGE} via {NODE_ADDRESS}")

    def _connect_to_first(self, init: int) -> None:
        """One wire to the first node, through which it reaches the other nodes, their pods and the machine."""
        router = FIRST.init()
        assert router
        wire = f"node{self.number}"
        _ip(f"link add {wire} netns {router.pid} type veth peer name eth0 netns {init}")
        FIRST.ip(f"address add {router_of(self.number)}/30 dev {wire}")
        FIRST.ip(f"link set {wire} up")
        FIRST.ip(f"route add {pods_of(self.number)} via {address_of(self.number)}")
        self.ip(f"address add {address_of(self.number)}/30 dev eth0")
        self.ip("link set eth0 up")
        for away in (MACHINES_RANGE, PODS_RANGE):
            self.ip(f"route add {away} via {router_of(self.number)}")
        self.ip(f"route add {SERVICE_RANGE} dev eth0")

    def ip(self, arguments: str) -> None:
        """Change its network."""
        self.run("ip", *arguments.split())

    def run(self, *command: str | Path) -> str:
        """Run a command in the node to its end; what it printed.

        Daemons that it starts outlive this process, and runc keeps files of its own in XDG_RUNTIME_DIR: not in one of a test's.
        """
        init = self.init()
        if init is None:
            raise CannotRun("The cluster does not run: python -m tests.cluster up")
        inside = ["nsenter", f"--target={init.pid}", "--net", "--uts", "--ipc", "--mount", "--pid", "--wd=/", "--"]
        env = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        done = subprocess.run([*inside, *command], check=False, capture_output=True, text=True, env=env)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed in the node ({done.returncode}): {done.stderr.strip()[-2000:]}")
        return done.stdout

    def start(self, program: Path | str, *arguments: str | Path) -> None:
        """Start a program in the node; its output goes to a log named like it."""
        log = self.logs / f"{Path(program).name}.log"
        detached = 'log=$1; shift; exec setsid --fork "$@" >>"$log" 2>&1 </dev/null'
        self.run("sh", "-c", detached, "sh", log, program, *arguments)

    def stop(self, name: str) -> None:
        """Kill a program of the node, as a crash would."""
        for process in self.processes(name):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        wait_for(lambda: not self.processes(name), 10, f"the end of {name}")


FIRST = Node(0)
"""The node of the control plane, and of the only pods where there is no other."""


def _hierarchies() -> list[Path]:
    """The machine's cgroup hierarchies."""
    return [path for path in sorted(CGROUPS.iterdir()) if (path / "cgroup.procs").exists()]


def _cgroup_folders() -> list[Path]:
    """The nodes' folders in every hierarchy of the machine."""
    return [one for path in _hierarchies() for one in (path / NAME, *path.glob(f"{NAME}-node*"))]


def end() -> None:
    """Remove everything of every node, however little of it there is."""
    folders = _cgroup_folders()
    # What a test has frozen cannot even be killed.
    for frozen in (one for one in folders if one.parent.name == "freezer"):
        for folder, _, _ in os.walk(frozen):  # unlike rglob, it bears with pods that are ending
            with contextlib.suppress(OSError):
                (Path(folder) / "freezer.state").write_text("THAWED")
    ending = _of_inits()
    for process in ending:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    # Until they are gone as zombies too: their namespaces go with them.
    if psutil.wait_procs(ending, timeout=10)[1]:
        raise RuntimeError("The nodes' processes were killed, and did not end within 10 s.")
    # The kernel takes the network down after the last process; the link's end in the node may outlive it a little.
    subprocess.run(["ip", "link", "delete", LINK], check=False, capture_output=True)
    for folder in folders:
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
