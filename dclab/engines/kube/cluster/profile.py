"""dclab's own minikube profile, read from minikube's own record of it: the config.json in the profile's folder.

minikube makes the folder as soon as a start begins, also when that fails at once; a profile is there when config.json is
(ProfileExists in pkg/minikube/config/profile.go). A kubeconfig says nothing about it: minikube removes the context when it
stops the cluster, and leaves it in the kubeconfigs that it does not know when someone deletes the profile.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from dclab.errors import Refused

__all__ = ["PROFILE", "Profile", "find_profile", "mark_as_ours", "not_ours", "remove_remains"]

PROFILE = "dclab"
"""Name of dclab's own minikube profile, and so of its context."""
MADE_BY = "made-by-dclab"
"""An empty file in the profile's folder; minikube removes it with the profile."""


class _Node(msgspec.Struct, frozen=True):
    ip: str = msgspec.field(default="", name="IP")


class _Kubernetes(msgspec.Struct, frozen=True):
    version: str = msgspec.field(default="", name="KubernetesVersion")


class _Config(msgspec.Struct, frozen=True):
    """config.json, as far as it counts here (ClusterConfig in pkg/minikube/config/types.go)."""

    driver: str = msgspec.field(default="", name="Driver")
    cpus: int = msgspec.field(default=0, name="CPUs")
    memory: int = msgspec.field(default=0, name="Memory")
    kubernetes: _Kubernetes = msgspec.field(default=_Kubernetes(), name="KubernetesConfig")
    nodes: list[_Node] | None = msgspec.field(default=None, name="Nodes")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What minikube has recorded."""

    ours: bool
    """Whether dclab has made it; what is not dclab's own is left alone."""
    half_made: bool
    """Whether its first start ended before the node had an address: minikube cannot start such a profile again."""
    driver: str
    cpus: int
    memory_mb: int
    kubernetes_version: str


def _folder() -> Path:
    home = Path(os.environ.get("MINIKUBE_HOME") or Path.home())
    return (home if home.name == ".minikube" else home / ".minikube") / "profiles" / PROFILE


def find_profile() -> Profile | None:
    """Return the profile, also one that someone else has made under its name; None when minikube has none."""
    try:
        text = (_folder() / "config.json").read_bytes()
    except OSError:
        return None
    try:
        config = msgspec.json.decode(text, type=_Config)
    except (msgspec.MsgspecError, RecursionError):  # minikube cannot read it either
        config = _Config()
    return Profile(
        ours=(_folder() / MADE_BY).exists(),
        half_made=not (config.nodes and config.nodes[0].ip),
        driver=config.driver,
        cpus=config.cpus,
        memory_mb=config.memory,
        kubernetes_version=config.kubernetes.version,
    )


def not_ours() -> Refused:
    """Return the error for a profile of dclab's name that someone else has made."""
    return Refused(
        f"minikube has a profile {PROFILE!r} that dclab has not made.",
        "dclab's own cluster would have that name, and yours is left alone.",
        f"Use it with --context {PROFILE}, or delete it: `minikube delete -p {PROFILE}`.",
    )


def mark_as_ours() -> None:
    """Note, before minikube makes the profile, that it is dclab's: so it is also when dclab is killed meanwhile."""
    _folder().mkdir(parents=True, exist_ok=True)
    (_folder() / MADE_BY).touch()


def remove_remains() -> None:
    """Remove dclab's folder of a profile that is none: a start that failed early leaves one."""
    if find_profile() is None and (_folder() / MADE_BY).exists():
        with contextlib.suppress(OSError):
            shutil.rmtree(_folder())
