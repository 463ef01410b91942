"""The machine's start and end, with everything minikube needs in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import images as cluster_images
from tests.cluster.binaries import build as build_cluster
from tests.cluster.settings import CannotRun
from tests.minikube import binaries, node_image, outer
from tests.minikube.settings import CACHE, CHECKOUT, HOME, IMAGE, KUBERNETES, MACHINE, USER_ID

PROGRAMS = (
    "go",
    "gcc",
    "containerd",
    "ctr",
    "runc",
    "dockerd",
    "docker",
    "buildah",
    "mmdebstrap",
    "iptables",
    "unshare",
)
PACKAGES = "docker.io containerd runc buildah mmdebstrap iptables gcc libc6-dev"
_MARK = MACHINE / "complete"
"""There when `up` went to its end: it names what the machine was made from."""


@contextmanager
def _alone() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def running() -> bool:
    """Whether the machine runs, whole."""
    return outer.exists() and _MARK.exists()


def up() -> None:
    """Start the machine, or find it running; what is left of a start that was cut off is removed first."""
    if lacking := [one for one in PROGRAMS if not shutil.which(one)]:
        raise CannotRun(f"The minikube of the tests needs {', '.join(lacking)}: apt install {PACKAGES}, and Go.")
    with _alone():
        programs = _programs()
        system = {f"dclab.test/{name}:1": programs[name] for name in ("coredns", "metrics-server")}
        lab = cluster_images.build(system, {"docker.io/prom/prometheus:v3.5.0": programs["prometheus"]})
        image = node_image.build(programs, lab / cluster_images.LAB)
        if running() and _MARK.read_text() == image.name:
            return
        outer.end()
        outer.begin(cluster_images.pause())
        _load(image)
        _provide(programs)
        _MARK.write_text(image.name)


def _programs() -> dict[str, Path]:
    cluster = build_cluster(KUBERNETES.removeprefix("v").rpartition(".")[0])
    return {**cluster, **binaries.build()}


def programs() -> dict[str, Path]:
    """Every program by name, built when it is not in the cache."""
    with _alone():
        return _programs()


def _load(image: Path) -> None:
    """Give docker the node's image."""
    outer.run("docker", "import", image, "dclab.test/root:1")
    context = MACHINE / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(
        'FROM dclab.test/root:1\nENV container=docker\nSTOPSIGNAL SIGRTMIN+3\nENTRYPOINT ["/entrypoint"]\n'
    )
    outer.run("docker", "build", "--tag", IMAGE, context)


def _provide(programs: Mapping[str, Path]) -> None:
    """Give the user minikube, and minikube what it would download."""
    (MACHINE / "bin").mkdir(exist_ok=True)
    for name in ("minikube", "kubectl"):
        (MACHINE / "bin" / name).symlink_to(programs[name])
    downloads = HOME / ".minikube" / "cache" / "linux" / "amd64" / KUBERNETES
    downloads.mkdir(parents=True)
    for name in ("kubeadm", "kubelet", "kubectl"):
        shutil.copy2(programs[name], downloads / name)
    for folder, _, files in os.walk(HOME):
        for each in (folder, *(os.path.join(folder, one) for one in files)):
            os.chown(each, USER_ID, USER_ID)


def _command(arguments: tuple[str, ...], env: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    more = {"PYTHONPATH": str(CHECKOUT), "MINIKUBE_BASE_IMAGE": IMAGE, "MINIKUBE_CNI": "bridge"}
    more |= {"MINIKUBE_CONTAINER_RUNTIME": "containerd", "MINIKUBE_WANTUPDATENOTIFICATION": "false", **env}
    return [sys.executable, "-c", "from dclab.cli import main; main()", *arguments], more


def dclab(*arguments: str, seconds: float = 600, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command line of dclab as the machine's user."""
    command, more = _command(arguments, env)
    return outer.run(*command, user=True, check=False, env=more, seconds=seconds)


def begin_dclab(*arguments: str) -> subprocess.Popen[str]:
    """Start a command line of dclab as the machine's user, in a process group of its own as a shell does."""
    command, more = _command(arguments, {})
    return outer.begin_command(command, more)


def interrupt(process: subprocess.Popen[str], number: int) -> None:
    """Send a signal to all that the command runs, as a terminal does for Ctrl-C."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def down() -> None:
    """Stop the machine and remove all of it but the cache."""
    with _alone():
        outer.end()
