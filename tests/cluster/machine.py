"""What the machine looks like from outside the node: what the cluster must leave as it was."""

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
from tests.cluster.settings import CACHE

State = dict[str, set[str]]

SETTINGS = [
    *KERNEL_SETTINGS,
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/route_localnet",
    "net/netfilter/nf_conntrack_max",
]


def _lines(*command: str) -> set[str]:
    if not shutil.which(command[0]):
        return set()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    # Counters and times of day are not the machine's state.
    return {re.sub(r"\[\d+:\d+\]|^#.*", "", line) for line in done.stdout.splitlines()}


def _processes() -> set[str]:
    """Kubernetes' own, containers' shims, and whatever runs from the cache."""
    names = {*daemons.ARGUMENTS, "containerd-shim", "containerd-shim-runc-v2", "pause", "coredns", "metrics-server"}
    found = set()
    for process in psutil.process_iter(["pid", "name", "cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if process.info["name"] in names or str(CACHE) in command:
            found.add(f"{process.info['pid']} {command}")
    return found


def _namespaces() -> set[str]:
    found = set()
    for process in psutil.pids():
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
    return {
        "processes": _processes(),
        "namespaces": _namespaces(),
        "mounts": _mounts(),
        "links": _lines("ip", "-brief", "link"),
        "addresses": _lines("ip", "-brief", "address"),
        "routes": _lines("ip", "route", "show", "table", "all"),
        "rules": _lines("iptables-save"),
        "cgroups": {str(folder) for folder in CGROUPS.glob("*/*/")},
        "settings": _settings(),
        "network namespaces": {str(one) for one in Path("/run/netns").glob("*")},
        "files": {
            str(path) for path in (Path("/var/lib/cni"), Path("/var/lib/kubelet"), Path("/etc/cni")) if path.exists()
        },
    }


def difference(before: State, after: State) -> State:
    """What came and what went, by kind; empty when all is as it was."""
    return {kind: before[kind] ^ after[kind] for kind in before if before[kind] != after[kind]}
