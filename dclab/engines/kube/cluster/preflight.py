"""What minikube needs of this machine, checked before anything is changed; each failure with its remedy.

Limits are minikube's own: two CPUs and 1800 MiB (pkg/minikube/constants), and no root with the docker driver
(reason DRV_AS_ROOT).
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator

import psutil

from dclab.errors import InvalidInput, MissingTool
from dclab.tools import find_tool, tool_version

__all__ = ["check"]

CPUS = 2
MEMORY_MB = 1800
MINIKUBE = (1, 30)
"""The oldest that is known to take what dclab asks of it."""
DOCKER = (20, 10)
BARE = ("none", "native")
"""Drivers without a machine of their own, by both of minikube's names."""

INSTALL = "`dclab doctor --install` says how to get it."


def check(driver: str | None, cpus: int, memory_mb: int) -> None:
    """Raise MissingTool for the first thing that is not as minikube needs it; InvalidInput for a driver that cannot be had."""
    if driver in BARE:
        raise InvalidInput(
            f"dclab's own minikube cannot have the driver {driver}.",
            "minikube runs it as the profile 'minikube' only: it puts Kubernetes on this machine itself.",
            f"Run `sudo minikube start --driver={driver}`, then `dclab up --context minikube`.",
        )
    for one in _problems(driver, cpus, memory_mb):
        raise one


def _problems(driver: str | None, cpus: int, memory_mb: int) -> Iterator[MissingTool]:
    if _older(tool_version("minikube"), MINIKUBE):
        yield MissingTool(
            "The minikube here is too old.", f"dclab needs {'.'.join(map(str, MINIKUBE))} or newer.", INSTALL
        )
    here = os.cpu_count() or 1
    if here < max(CPUS, cpus):
        yield MissingTool(
            "This machine has too few CPUs.",
            f"It has {here}, and the cluster is to have {max(CPUS, cpus)}.",
            "Use --engine embedded here, or a machine with two CPUs." if here < CPUS else f"Say --cpus {here}.",
        )
    there = psutil.virtual_memory().total // 1_000_000
    if there < max(MEMORY_MB, memory_mb):
        yield MissingTool(
            "This machine has too little memory.",
            f"It has {there} MB, and the cluster is to have {max(MEMORY_MB, memory_mb)} MB.",
            "Use --engine embedded here." if there < MEMORY_MB + 500 else f"Say --memory {there - 500}.",
        )
    if (driver or ("docker" if find_tool("docker") else "")) == "docker":
        yield from _docker()


def _older(version: str | None, wanted: tuple[int, int]) -> bool:
    found = re.match(r"(\d+)\.(\d+)", version or "")
    return found is not None and tuple(map(int, found.groups())) < wanted


def _docker() -> Iterator[MissingTool]:
    path = find_tool("docker")
    if path is None:
        yield MissingTool("There is no docker here.", "minikube's docker driver needs it.", INSTALL)
        return
    if _older(tool_version("docker"), DOCKER):
        yield MissingTool(
            "The docker here is too old.", f"minikube needs {'.'.join(map(str, DOCKER))} or newer.", INSTALL
        )
    if os.geteuid() == 0:
        yield MissingTool(
            "minikube does not use docker as root.",
            "Its docker driver refuses root, since the cluster's files would be root's.",
            "Become an ordinary user of the docker group, or start a cluster yourself and name it with --context.",
        )
    asked = subprocess.run([path, "info"], check=False, capture_output=True, text=True, errors="replace")
    said = asked.stdout + asked.stderr
    if "permission denied" in said.lower():
        yield MissingTool(
            "You may not use docker.",
            "Its socket is for root and the docker group.",
            "sudo usermod -aG docker $USER, then log in again (or: newgrp docker).",
        )
    elif asked.returncode:
        last = said.strip().splitlines()[-1:] or ["it does not say why"]
        yield MissingTool("Docker does not run.", f"`docker info`: {last[0]}", "sudo systemctl start docker")
