"""What kind of machine this is, as far as it matters to a lab: system, WSL, container, limits."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dclab import cgroup

__all__ = ["Platform", "read_platform", "usable_cpus", "wsl_version"]


@dataclass(frozen=True, kw_only=True)
class Platform:
    """One machine, or the container that is all a process sees of one."""

    system: str
    """As platform.system() has it."""
    machine: str
    """As platform.machine() has it."""
    wsl: int
    """Version of the Windows Subsystem for Linux, 0 elsewhere."""
    container: str
    """What runs the container, such as docker; empty where nothing tells of one."""
    cpus: int
    """That a process may be scheduled on."""
    cpu_limit: float | None
    """CPUs that may be used at a time; None for all of them."""
    memory_limit_mb: int | None
    process_limit: int | None
    """Threads of all processes together."""


def read_platform(
    root: Path = cgroup.ROOT,
    environment: Mapping[str, str] = os.environ,
    uname: platform.uname_result | None = None,
) -> Platform:
    """Return what this machine is. Everything that is said of a platform goes by this one function.

    Args:
        root: folder in which /proc, /sys, /run and the marks of containers are looked up.
        environment: variables of this process.
        uname: platform.uname() by default.
    """
    uname = uname or platform.uname()
    memory = cgroup.memory_limit(root)
    return Platform(
        system=uname.system,
        machine=uname.machine,
        wsl=wsl_version(uname.release) or (2 if "WSL_DISTRO_NAME" in environment else 0),
        container=_container(root, environment),
        cpus=usable_cpus(),
        cpu_limit=cgroup.cpu_limit(root),
        memory_limit_mb=None if memory is None else memory // 1_000_000,
        process_limit=cgroup.process_limit(root),
    )


def usable_cpus() -> int:
    """Return on how many CPUs this process may be scheduled."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def wsl_version(release: str) -> int:
    """Return the version of WSL by its kernel's release, 0 for another kernel.

    WSL 1 says 4.4.0-N-Microsoft, WSL 2 N.N.N-microsoft-standard-WSL2 or what its user has built.
    """
    if re.fullmatch(r"4\.4\.0-\d+-Microsoft", release):
        return 1
    return 2 if re.search("microsoft|WSL2", release, re.IGNORECASE) else 0


def _container(root: Path, environment: Mapping[str, str]) -> str:
    """Return what runs this container, by the marks that each leaves; empty for none."""
    # Set by what supports the dev container specification, and by Codespaces; Docker's mark is there, too.
    if "true" in (environment.get("REMOTE_CONTAINERS"), environment.get("CODESPACES")):
        return "dev container"
    if "KUBERNETES_SERVICE_HOST" in environment and (root / "var/run/secrets/kubernetes.io").exists():
        return "kubernetes"
    if (root / "run/.containerenv").exists():
        return "podman"
    if (root / ".dockerenv").exists():
        return "docker"
    return environment.get("container", "")
