"""What the machine looks like from outside the node: what the cluster must leave as it was.

Other clusters of the tests may come and go meanwhile (DCLAB_TEST_CLUSTER): what is theirs is left out.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import psutil

from tests.cluster import daemons
from tests.cluster.node import CGROUPS, KERNEL_SETTINGS
from tests.cluster.settings import CACHE, FAMILY, LINK, NAME

State = dict[str, set[str]]

_MEMBER = re.compile(rf"\b{FAMILY}(?:-?\d+)?\b")
"""The name of any cluster of the tests, or its link's."""

SETTINGS = [
    *KERNEL_SETTINGS,
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/route_localnet",
    "net/netfilter/nf_conntrack_max",
]


def _others(text: str) -> bool:
    """Whether it names another cluster of the tests."""
    return any(one not in (NAME, LINK) for one in _MEMBER.findall(text))


def _processes_of_others() -> set[int]:
    """Every process in or around another cluster's node: it was started as one, shares a namespace with one, or is in its cgroup."""
    found, spaces = set(), {}
    for process in psutil.pids():
        with contextlib.suppress(OSError):
            command, cgroups = (Path(f"/proc/{process}/{file}").read_text() for file in ("cmdline", "cgroup"))
            spaces[process] = os.readlink(f"/proc/{process}/ns/pid")
            if _others(command) or _others(cgroups):
                found.add(process)
    theirs = {spaces[one] for one in found} - {spaces[os.getpid()]}
    return found | {process for process, space in spaces.items() if space in theirs}


def _lines(*command: str) -> set[str]:
    if not shutil.which(command[0]):
        return set()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    # Counters and times of day are not the machine's state.
    return {re.sub(r"\[\d+:\d+\]|^#.*", "", line) for line in done.stdout.splitlines() if not _others(line)}


def _processes(others: set[int]) -> set[str]:
    """Kubernetes' own, containers' shims, and whatever runs from the cache."""
    names = {*daemons.ARGUMENTS, "containerd-shim", "containerd-shim-runc-v2", "pause", "coredns", "metrics-server"}
    found = set()
    for process in psutil.process_iter(["pid", "name", "cmdline"]):
        if process.info["pid"] in others:
            continue
        command = process.info["cmdline"] or [""]
        if process.info["name"] in names or command[0].startswith(str(CACHE)):
            found.add(f"{process.info['pid']} {' '.join(command)}")
    return found


def _namespaces(others: set[int]) -> set[str]:
    found = set()
    for process in set(psutil.pids()) - others:
        for kind in ("net", "mnt", "pid"):
            with contextlib.suppress(OSError):
                found.add(os.readlink(f"/proc/{process}/ns/{kind}"))
    return found


def _mounts() -> set[str]:
    return {line.split(" ", 2)[2] for line in Path("/proc/self/mountinfo").read_text().splitlines()}


def _settings() -> set[str]:
    found = set()
    for name in SETTINGS:
        with contextlib.suppress(OSError):
            found.add(f"{name} = {Path('/proc/sys', name).read_text().strip()}")
    return found


def state() -> State:
    """Everything that a cluster could leave behind, by kind."""
    others = _processes_of_others()
    return {
        "processes": _processes(others),
        "namespaces": _namespaces(others),
        "mounts": _mounts(),
        "links": _lines("ip", "-brief", "link"),
        "addresses": _lines("ip", "-brief", "address"),
        "routes": _lines("ip", "route", "show", "table", "all"),
        "rules": _lines("iptables-save"),
        "cgroups": {str(folder) for folder in CGROUPS.glob("*/*/") if not _others(str(folder))},
        "settings": _settings(),
        "network namespaces": {str(one) for one in Path("/run/netns").glob("*")},
        "files": {
            str(path) for path in (Path("/var/lib/cni"), Path("/var/lib/kubelet"), Path("/etc/cni")) if path.exists()
        },
    }


def difference(before: State, after: State) -> State:
    """What came and what went, by kind; empty when all is as it was."""
    return {kind: before[kind] ^ after[kind] for kind in before if before[kind] != after[kind]}
