"""Programs that dclab uses when they are there: where they are, their versions, how to install them."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

__all__ = ["TOOLS", "Tool", "find_tool", "tool_version"]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One program."""

    name: str
    purpose: str
    without: str
    """What happens where it is missing."""
    version_args: tuple[str, ...]
    debian: str
    macos: str


TOOLS = (
    Tool(
        name="redis-server",
        purpose="the lab's Redis",
        without="the embedded Valkey server is used",
        version_args=("--version",),
        debian="sudo apt-get install --no-install-recommends redis-server",
        macos="brew install redis",
    ),
    Tool(
        name="siege",
        purpose="the load test",
        without="the built-in generator is used",
        version_args=("--version",),
        debian="sudo apt-get install siege",
        macos="brew install siege",
    ),
    Tool(
        name="prometheus",
        purpose="monitoring with its own web page",
        without="latencies are read straight from the exporter",
        version_args=("--version",),
        debian="sudo apt-get install --no-install-recommends prometheus",
        macos="brew install prometheus",
    ),
    Tool(
        name="httping",
        purpose="checking dclab's own probe by hand",
        without="nothing changes: dclab probes by itself",
        version_args=("--version",),
        debian="sudo apt-get install httping",
        macos="brew install httping",
    ),
    Tool(
        name="chromium",
        purpose="a picture of Prometheus' own page",
        without="the same graph is drawn from the query",
        version_args=("--version",),
        debian="sudo apt-get install --no-install-recommends chromium",
        macos="brew install --cask chromium",
    ),
    Tool(
        name="docker",
        purpose="minikube's usual driver",
        without="minikube needs another driver",
        version_args=("--version",),
        debian="see `dclab doctor --install`",
        macos="brew install --cask docker",
    ),
    Tool(
        name="minikube",
        purpose="a Kubernetes cluster, for the kube engine",
        without="the kube engine needs --context",
        version_args=("version", "--short"),
        debian="see https://minikube.sigs.k8s.io/docs/start/",
        macos="brew install minikube",
    ),
)
"""In the order in which `dclab doctor` shows them."""


def find_tool(name: str) -> str | None:
    """Path of the program, or None. Where Debian puts servers (`/usr/sbin`) is searched too."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")


def tool_version(name: str) -> str | None:
    """Version number of the program on this machine, or None when it is missing or does not say."""
    path = find_tool(name)
    if path is None:
        return None
    args = next((tool.version_args for tool in TOOLS if tool.name == name), ("--version",))
    try:
        done = subprocess.run(
            [path, *args],
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
            timeout=10,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+(?:\.\d+)+", done.stdout + done.stderr)
    return found.group() if found else None
