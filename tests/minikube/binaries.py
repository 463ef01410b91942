"""minikube, kind, kubeadm, kubectl and crictl, built from their published Go modules.

As in tests/cluster/binaries.py: the folders under modules/ hold nothing but go.mod, whose `tool` lines name the programs, and
go.sum. minikube needs cgo; libvirt, which it loads when asked for its KVM driver, is not needed to build it so.
"""

from __future__ import annotations

from pathlib import Path

from tests.cluster.binaries import build_module
from tests.minikube.settings import CACHE, HERE

MODULES = HERE / "modules"


def build() -> dict[str, Path]:
    """Every program by name, built when it is not in the cache."""
    folders = [build_module(one.parent, CACHE / "bin") for one in sorted(MODULES.glob("*/go.mod"))]
    return {file.name: file for folder in folders for file in folder.iterdir()}
