"""Kubernetes, etcd, CoreDNS, metrics-server, Prometheus and helm, built from their published Go modules.

The folders under modules/ hold nothing but go.mod (whose `tool` lines name the programs) and go.sum, which
pins every byte. What is built is kept in the cache, keyed by those files and by the flags; of each version of Kubernetes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.settings import CACHE, HERE, CannotRun

MODULES = HERE / "modules"
KUBERNETES = "kubernetes-"
VERSIONS = [one.name.removeprefix(KUBERNETES) for one in sorted(MODULES.glob(f"{KUBERNETES}*"))]
"""Of Kubernetes: the minor versions that have a module."""
KEY_DIGITS = 12


def _linker_flags(required: Mapping[str, str]) -> str:
    """Programs built from a module do not know their version, and clients go by what the API server says."""
    if prometheus := required.get("github.com/prometheus/prometheus"):
        # Its module's v0.305.0 is what the world calls 3.5.0.
        _, minor, patch = prometheus.split(".")
        version = f"{int(minor) // 100}.{int(minor) % 100}.{patch}"
        return f"-s -w -X github.com/prometheus/common/version.Version={version}"
    if helm := required.get("helm.sh/helm/v3"):
        return f"-s -w -X helm.sh/helm/v3/internal/version.version={helm}"
    if minikube := required.get("k8s.io/minikube"):
        values = {"version": minikube, "isoVersion": "v1.38.0", "storageProvisionerVersion": "v5"}
        return " ".join(["-s -w", *(f"-X k8s.io/minikube/pkg/version.{key}={value}" for key, value in values.items())])
    version = required.get("k8s.io/kubernetes", "")
    if not version:
        return "-s -w"
    major, minor = version.removeprefix("v").split(".")[:2]
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(
        ["-s -w", *(f"-X {package}.{key}={value}" for package in packages for key, value in values.items())]
    )


def _name(tool: str) -> str:
    """What a program is called: etcd's main package is named `server`, and its module `v3`."""
    return "etcd" if "/etcd/" in tool else tool.rsplit("/", 1)[-1]


def build_module(module: Path, into: Path = CACHE / "bin") -> Path:
    """The folder with the programs of one module, built when they are not in the cache."""
    read = subprocess.run(["go", "mod", "edit", "-json"], cwd=module, check=True, capture_output=True, text=True)
    described = json.loads(read.stdout)
    tools = [one["Path"] for one in described["Tool"]]
    flags = _linker_flags({one["Path"]: one["Version"] for one in described["Require"]})
    key = hashlib.sha256(flags.encode())
    for file in ("go.mod", "go.sum"):
        key.update((module / file).read_bytes())
    folder = into / f"{module.name}-{key.hexdigest()[:KEY_DIGITS]}"
    if folder.is_dir():
        return folder
    started = time.monotonic()
    print(f"Building {', '.join(_name(one) for one in tools)} …", flush=True)
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for tool in tools:
        cgo = "/minikube/" in tool
        tags = ["-tags", "libvirt_dlopen"] if cgo else []
        subprocess.run(
            ["go", "build", "-trimpath", *tags, "-ldflags", flags, "-o", unfinished / _name(tool), tool],
            cwd=module,
            check=True,
            env={**os.environ, "CGO_ENABLED": "1" if cgo else "0"},
        )
    for other in folder.parent.glob(f"{module.name}-{'[0-9a-f]' * KEY_DIGITS}"):
        shutil.rmtree(other)
    unfinished.rename(folder)
    print(f"  {time.monotonic() - started:.0f} s", flush=True)
    return folder


def build(kubernetes: str) -> dict[str, Path]:
    """Every program by name, with Kubernetes' of one minor version (as `1.36`), built when it is not in the cache."""
    if kubernetes not in VERSIONS:
        raise CannotRun(f"The cluster of the tests has no Kubernetes {kubernetes}: name one of {', '.join(VERSIONS)}.")
    others = [one.parent for one in sorted(MODULES.glob("*/go.mod")) if not one.parent.name.startswith(KUBERNETES)]
    folders = [build_module(module) for module in (MODULES / f"{KUBERNETES}{kubernetes}", *others)]
    return {file.name: file for folder in folders for file in folder.iterdir()}
