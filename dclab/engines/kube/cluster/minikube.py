"""dclab's own minikube profile: start, reuse, stop, delete; and images built into that or another one.

minikube writes its entry into a kubeconfig of dclab's own: the user's stays as it is.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from dclab.engines.kube.cluster import preflight
from dclab.engines.kube.cluster.images import short_name
from dclab.engines.kube.cluster.kubeconfig import own_kubeconfig
from dclab.engines.kube.cluster.minikube_events import Events
from dclab.engines.kube.cluster.profile import PROFILE, find_profile, mark_as_ours, not_ours, remove_remains
from dclab.errors import DclabError, MissingTool
from dclab.paths import shipped
from dclab.tools import find_tool

__all__ = [
    "MinikubeFailed",
    "MinikubeSettings",
    "State",
    "build_images",
    "delete",
    "ensure_running",
    "find_state",
    "stop",
    "unpause",
    "update_context",
]

Say = Callable[[str], None]

State = Literal["running", "stopped", "paused", "failing", "unknown"]
"""What minikube says of the profile: failing is one whose machine runs and whose API server does not; unknown, that minikube
gave no answer."""

HOUSEKEEPING = "--extra-config=kubelet.housekeeping-interval=10s"
"""Else the kubelet gives no CPU of pods on some minikubes (kubernetes/minikube#13969)."""
END_SECONDS = 15.0
"""For a start that is cut off to end by itself."""
REMAINS = "`dclab down --cluster` removes what is left of it."


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


class _Status(msgspec.Struct, frozen=True):
    """`minikube status` of a node."""

    host: str = msgspec.field(default="", name="Host")
    kubelet: str = msgspec.field(default="", name="Kubelet")
    api_server: str = msgspec.field(default="", name="APIServer")


def find_state(seconds: float | None = None) -> State:
    """Return the profile's state; unknown when minikube does not tell it within that time.

    Its exit code says less than its output: it also counts whether $KUBECONFIG has the context.
    """
    try:
        found = msgspec.json.decode(
            _run("status", "--output=json", seconds=seconds).stdout, type=_Status | list[_Status] | None
        )
    except (msgspec.MsgspecError, RecursionError, subprocess.TimeoutExpired):
        return "unknown"
    nodes = found if isinstance(found, list) else [found] if found else []  # a list when there are several nodes
    if not nodes or nodes[0].host in ("Stopped", "Nonexistent"):  # none is printed where the machine is gone
        return "stopped"
    control_plane = nodes[0]
    if control_plane.api_server == "Paused":
        return "paused"
    whole = control_plane.host == control_plane.kubelet == control_plane.api_server == "Running"
    return "running" if whole else "failing"


def ensure_running(settings: MinikubeSettings, say: Say) -> None:
    """Start the profile, or use it as it runs.

    A profile that dclab makes is removed again when its first start fails or is cut off.

    Raises:
        Refused: someone else has made a profile of that name.
        MinikubeFailed: with minikube's own advice.
    """
    found = find_profile()
    if found and not found.ours:
        raise not_ours()
    if found and found.half_made:
        say("removing a minikube profile whose first start was cut off")
        delete()
        found = None
    command = ["start", "--output=json", HOUSEKEEPING, "--addons=metrics-server", "--install-addons=true"]
    if found:
        if find_state() != "running":
            _start(command, say, "`dclab down --cluster` deletes it; the next `dclab up` makes another.")
        return
    _command()  # before all else, whether there is a minikube
    preflight.check(settings.driver, settings.cpus, settings.memory_mb)
    command += [f"--cpus={settings.cpus}", f"--memory={settings.memory_mb}mb"]
    command += [f"--driver={settings.driver}"] if settings.driver else []
    command += [f"--kubernetes-version={settings.kubernetes_version}"] if settings.kubernetes_version else []
    with _removed_unless_made(say):
        _start(command, say, "`minikube start --alsologtostderr` in a profile of yours shows more.")


@contextlib.contextmanager
def _removed_unless_made(say: Say) -> Iterator[None]:
    """Remove the profile when its first start does not end well: many of them could not be started again."""
    mark_as_ours()
    try:
        yield
    except BaseException as error:
        say("removing what minikube has made so far")
        try:
            delete()
            if not isinstance(error, DclabError):
                _run("delete")  # docker may have made more meanwhile: it goes on when its client is cut off
        except DclabError:
            if isinstance(error, DclabError):
                error.hint = f"{error.hint} {REMAINS}".strip()
            else:
                say(REMAINS)
        raise


def _start(arguments: list[str], say: Say, hint: str) -> None:
    events = Events()
    own_kubeconfig().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    process = subprocess.Popen(
        _command(*arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=_environment(),
    )
    assert process.stdout is not None
    with process:
        try:
            for line in process.stdout:
                if shown := events.read(line):
                    say(f"{shown} (minikube)")
        except BaseException:
            _end(process)
            raise
    if process.returncode:
        raise MinikubeFailed(
            f"minikube could not start the profile {PROFILE!r}.",
            events.failure or f"It ended with {process.returncode} and said nothing.",
            f"{events.advice or 'It gives no advice.'} {hint}",
        )


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def update_context() -> None:
    """Have dclab's kubeconfig name the cluster as it is: its port changes with each start.

    Whether that worked shows when the cluster is asked.
    """
    own_kubeconfig().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _run("update-context")


def build_images(profile: str, images: Mapping[str, str], say: Say, *, all_nodes: bool = False) -> None:
    """Build images into a profile. minikube's exit code does not tell of a failed build, its list of images does."""
    nodes = ["--all"] if all_nodes else []
    for app, image in images.items():
        say(f"{image}: building it in minikube")
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


def unpause() -> None:
    """Have a paused cluster run on."""
    _do("unpause", "resume")


def stop() -> None:
    """Stop the profile; it keeps its images, and starts faster the next time."""
    _do("stop", "stop")


def delete() -> bool:
    """Delete the profile if there is one, however little of it was made; return whether there was.

    Raises:
        Refused: dclab has not made it.
        MinikubeFailed: minikube cannot.
    """
    found = find_profile()
    if found and not found.ours:
        raise not_ours()
    if found:
        _do("delete", "delete")
    remove_remains()
    return found is not None


def _do(verb: str, what: str) -> None:
    done = _run(verb)
    if done.returncode:
        raise MinikubeFailed(
            f"minikube could not {what} the profile {PROFILE!r}.",
            " ".join((done.stderr.strip() or done.stdout.strip())[-500:].split()),
            f"Try `minikube {verb} -p {PROFILE}`.",
        )
