"""dclab's own minikube profile: start, reuse, stop, delete; and images built into that or another one.

minikube writes its entry into a kubeconfig of dclab's own: the user's stays as it is.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from dclab.engines.kube.cluster import preflight
from dclab.engines.kube.cluster.images import short_name
from dclab.engines.kube.cluster.kubeconfig import PROFILE, find_profile, own_kubeconfig
from dclab.errors import DclabError, MissingTool
from dclab.paths import shipped
from dclab.tools import find_tool

__all__ = [
    "PROFILE",
    "MinikubeFailed",
    "MinikubeSettings",
    "build_images",
    "delete",
    "ensure_running",
    "running",
    "stop",
]

Say = Callable[[str], None]

HOUSEKEEPING = "--extra-config=kubelet.housekeeping-interval=10s"
"""Else the kubelet gives no CPU of pods on some minikubes (kubernetes/minikube#13969)."""
MADE_BY = "made-by-dclab"
"""An empty file in minikube's folder of the profile; it goes when the profile does."""


class MinikubeFailed(MissingTool):
    """minikube could not do it; why and what to do are its own words."""

    code = "minikube"


@dataclass(frozen=True, kw_only=True)
class MinikubeSettings:
    """How to start the profile; None leaves it to minikube."""

    driver: str | None = None
    cpus: int = 2
    memory_mb: int = 4096
    kubernetes_version: str | None = None


def _environment() -> dict[str, str]:
    return {**os.environ, "KUBECONFIG": str(own_kubeconfig()), "MINIKUBE_IN_STYLE": "false"}


def _command(*arguments: str, profile: str = PROFILE) -> list[str]:
    path = find_tool("minikube")
    if path is None:
        raise MissingTool(
            "There is no minikube here.",
            "The kube engine starts its own cluster with it.",
            "`dclab doctor --install` says how to get it; --context uses a cluster of yours.",
        )
    return [path, "--profile", profile, *arguments]


def _run(*arguments: str, profile: str = PROFILE, seconds: float | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(*arguments, profile=profile),
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        env=_environment(),
        timeout=seconds,
    )


def _folder() -> Path:
    home = Path(os.environ.get("MINIKUBE_HOME") or Path.home())
    return (home if home.name == ".minikube" else home / ".minikube") / "profiles" / PROFILE


class _State(msgspec.Struct, frozen=True):
    """`minikube status`, of a profile with one node."""

    host: str = msgspec.field(default="", name="Host")
    kubelet: str = msgspec.field(default="", name="Kubelet")
    api_server: str = msgspec.field(default="", name="APIServer")


class _Told(msgspec.Struct, frozen=True):
    """What an event of `minikube start` tells: of a step its place, of an error its advice."""

    message: str = ""
    name: str = ""
    advice: str = ""
    currentstep: str = ""
    totalsteps: str = ""


class _Event(msgspec.Struct, frozen=True):
    """A line that `minikube start --output=json` prints."""

    type: str
    data: _Told


def running(seconds: float | None = None) -> bool:
    """Whether the profile runs; False when minikube does not say so within that time."""
    try:
        state = msgspec.json.decode(_run("status", "--output=json", seconds=seconds).stdout, type=_State | list[_State])
    except (msgspec.MsgspecError, RecursionError, subprocess.TimeoutExpired):
        return False
    nodes = state if isinstance(state, list) else [state]  # a list when the profile has several nodes
    return bool(nodes) and nodes[0].host == nodes[0].kubelet == nodes[0].api_server == "Running"


def ensure_running(settings: MinikubeSettings, say: Say) -> None:
    """Start the profile, or use it as it runs.

    Raises:
        MinikubeFailed: with minikube's own advice.
    """
    made = _folder().exists()
    if made and find_profile() and running():
        return
    command = ["start", "--output=json", HOUSEKEEPING, "--addons=metrics-server", "--install-addons=true"]
    if not made:
        _command()  # before all else, whether there is a minikube
        preflight.check(settings.driver, settings.cpus, settings.memory_mb)
        command += [f"--cpus={settings.cpus}", f"--memory={settings.memory_mb}mb"]
        command += [f"--driver={settings.driver}"] if settings.driver else []
        command += [f"--kubernetes-version={settings.kubernetes_version}"] if settings.kubernetes_version else []
    try:
        _start(command, say)
    finally:
        # Also of a start that failed or was cut off: what it left is dclab's to delete.
        if not made and _folder().exists():
            (_folder() / MADE_BY).touch()


def _start(arguments: list[str], say: Say) -> None:
    failure = _Told()
    last: list[str] = []
    command = _command(*arguments)
    own_kubeconfig().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=_environment(),
    )
    assert process.stdout is not None
    with process:
        for line in process.stdout:
            last = [*last[-4:], line.strip()]
            with contextlib.suppress(msgspec.MsgspecError, RecursionError):  # other lines than events
                event = msgspec.json.decode(line, type=_Event)
                if event.type.endswith(".step"):
                    told = event.data
                    say(f"{told.message.strip()} (minikube, {told.currentstep}/{told.totalsteps})")
                elif event.type.endswith(".error"):
                    failure = event.data
    if process.returncode:
        why = failure.message.strip() or " | ".join(last)
        name = f"{failure.name}: " if failure.name else ""
        advice = failure.advice.strip() or "See `minikube logs -p dclab`."
        raise MinikubeFailed(f"minikube could not start the profile {PROFILE!r}.", f"{name}{why}", advice)


def build_images(profile: str, images: Mapping[str, str], say: Say, *, all_nodes: bool = False) -> None:
    """Build images into a profile. minikube's exit code does not tell of a failed build, its list of images does."""
    nodes = ["--all"] if all_nodes else []
    for app, image in images.items():
        say(f"building {image} in minikube")
        file = f"{app}/Dockerfile"
        done = _run("image", "build", *nodes, "--tag", image, "--file", file, str(shipped() / "apps"), profile=profile)
        listed = _run("image", "ls", profile=profile).stdout.split()
        if short_name(image) not in map(short_name, listed):
            said = " | ".join((done.stdout + done.stderr).strip().splitlines()[-5:])
            raise DclabError(
                f"{image} could not be built in minikube.",
                said or "It said nothing.",
                f"Try `minikube -p {profile} image build` by hand.",
            )


def stop() -> None:
    """Stop the profile if dclab made it; it keeps its images, and starts faster the next time."""
    if (_folder() / MADE_BY).exists():
        _run("stop")


def delete() -> bool:
    """Delete the profile if dclab made it; whether it did."""
    if not (_folder() / MADE_BY).exists():
        return False
    done = _run("delete")
    if done.returncode:
        raise MinikubeFailed(
            f"minikube could not delete the profile {PROFILE!r}.",
            done.stderr.strip()[-500:],
            f"Try `minikube delete -p {PROFILE}`.",
        )
    return True
