"""Getting the images to where the cluster finds them; nothing is built that every node has already."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.cluster import minikube
from dclab.engines.kube.cluster.images import BUILD, UPSTREAM, Images, short_name
from dclab.engines.kube.cluster.kubeconfig import is_minikube
from dclab.engines.kube.objects import Node
from dclab.errors import DclabError, MissingTool
from dclab.paths import shipped

__all__ = ["provide"]

BUILDERS = ("docker", "podman", "buildah")
LONGEST_BUILD = 1800.0
LISTED_SECONDS = 75.0
"""For every kubelet to list an image that its node has got: it looks every 30 s (pkg/kubelet/images/image_gc_manager.go), and
reports every 10 s."""
MOST_LISTED = 50
"""Images that a kubelet lists (nodeStatusMaxImages); of a node with more it is not known which it has."""

Say = Callable[[str], None]


def provide(api: Api, images: Images, say: Say) -> None:
    """Build what the cluster lacks.

    Raises:
        MissingTool: nothing here can build, or the cluster cannot be given what was built.
        DclabError: a build failed, and the error has its last lines; or a node has not got what was built.
    """
    if images.source == UPSTREAM:
        _only_amd64(_nodes(api))
        return
    nodes = _told(api, say)
    lacking = {app: image for app, image in images.names().items() if not _everywhere(nodes, image)}
    if not lacking:
        return
    if images.source != BUILD:
        builder = _builder()
        for app, image in lacking.items():
            say(f"{image}: building and pushing it")
            _build(builder, app, image)
            _run_tool([builder, "push", image], f"{image} cannot be pushed.")
    elif is_minikube(api.context):
        minikube.build_images(api.context, lacking, say, all_nodes=len(nodes) > 1)
        if len(nodes) > 1:  # of one node minikube has been asked; of several it tells what any of them has
            _check_arrived(api, lacking, say)
    elif loader := _loader(api.context):
        _load(loader, lacking, say)
        _check_arrived(api, lacking, say)
    else:
        raise MissingTool(
            f"The cluster of the context {api.context!r} has no images of this dclab.",
            f"It lacks {', '.join(sorted(lacking.values()))}, and what is built here does not get there by itself.",
            "Name a registry that it pulls from: --images REGISTRY/PREFIX.",
        )


def _loader(context: str) -> list[str] | None:
    """The command that loads an archive of an image, named last, into a cluster of kind's or k3d's."""
    tool, _, cluster = context.partition("-")
    loaders = {
        "kind": ["kind", "load", "image-archive", "--name", cluster],
        # Its default mode ends with success whatever has become of the images.
        "k3d": ["k3d", "image", "import", "--mode", "direct", "--cluster", cluster],
    }
    return loaders.get(tool) if cluster else None


def _load(loader: list[str], images: Mapping[str, str], say: Say) -> None:
    builder = _builder()
    with tempfile.TemporaryDirectory() as folder:
        for app, image in images.items():
            say(f"{image}: building it and loading it into {loader[0]}")
            _build(builder, app, image)
            archive = f"{folder}/{app}.tar"
            if builder == "buildah":
                save = [builder, "push", image, f"docker-archive:{archive}:{image}"]
            else:
                save = [builder, "save", "--output", archive, image]
            _run_tool(save, f"{image} cannot be saved.")
            _run_tool([*loader, archive], f"{image} cannot be loaded into {loader[0]}.")


def _nodes(api: Api) -> Sequence[Node]:
    """The nodes; none where dclab may not list them, and then every image counts as lacking."""
    try:
        return api.list(path_of("v1", "Node", ""), Node)
    except MissingTool:
        return []


def _told(api: Api, say: Say) -> Sequence[Node]:
    """The nodes, once each has told which images it has: one that lists none has just been started, and not looked yet."""
    end = time.monotonic() + LISTED_SECONDS
    waits = False
    while True:
        nodes = _nodes(api)
        if all(one.status.images for one in nodes) or time.monotonic() > end:
            return nodes
        if not waits:
            say("waiting until the nodes tell which images they have")
        waits = True
        time.sleep(0.5)


def _lists(node: Node, image: str) -> bool:
    return any(short_name(name) == short_name(image) for one in node.status.images for name in one.names)


def _everywhere(nodes: Iterable[Node], image: str) -> bool:
    return bool(nodes) and all(_lists(node, image) for node in nodes)


def _check_arrived(api: Api, images: Mapping[str, str], say: Say) -> None:
    """Wait until the nodes list the images: the programs that load them may end with success when they have failed.

    Raises:
        DclabError: a node does not list one in time.
    """
    say("waiting until the nodes list the images")
    end = time.monotonic() + LISTED_SECONDS
    while True:
        lacking = {
            image: node.metadata.name
            for node in _nodes(api)
            for image in images.values()
            if len(node.status.images) < MOST_LISTED and not _lists(node, image)
        }
        if not lacking:
            return
        if time.monotonic() > end:
            image, node_name = next(iter(lacking.items()))
            raise DclabError(
                f"{', '.join(sorted(lacking))} did not arrive in the cluster.",
                f"The build and the load ended without an error, but the node {node_name!r} does not list "
                f"{'it' if len(lacking) == 1 else image} after {LISTED_SECONDS:g} s.",
                "See whether its disk is full, then run `dclab up` again.",
            )
        time.sleep(0.5)


def _only_amd64(nodes: Iterable[Node]) -> None:
    others = {node.status.node_info.architecture for node in nodes} - {"amd64"}
    if others:
        raise MissingTool(
            "The course's public images do not run on this cluster.",
            f"They exist for amd64 alone, and a node is {', '.join(others)}.",
            "Use --images build.",
        )


def _builder() -> str:
    for name in BUILDERS:
        if shutil.which(name):
            return name
    raise MissingTool(
        "No image can be built here.",
        f"None of {', '.join(BUILDERS)} is installed.",
        "`dclab doctor` says how to get one.",
    )


def _build(builder: str, app: str, image: str) -> None:
    folder = shipped() / "apps"
    _run_tool(
        [builder, "build", "--tag", image, "--file", str(folder / app / "Dockerfile"), str(folder)],
        f"{image} cannot be built.",
    )


def _run_tool(command: list[str], what: str) -> str:
    """Run a program to its end; what it printed. DclabError says `what` and its last lines."""
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=LONGEST_BUILD,
        )
    except FileNotFoundError as error:
        raise MissingTool(what, f"{command[0]} is not installed.", "`dclab doctor` says how to get it.") from error
    except subprocess.TimeoutExpired as error:
        raise DclabError(what, f"{command[0]} took longer than {LONGEST_BUILD / 60:g} min.", "Try again.") from error
    if done.returncode:
        last = " | ".join(done.stdout.strip().splitlines()[-5:])
        raise DclabError(what, f"`{' '.join(command[:3])}` ended with {done.returncode}: {last}", "Try it by hand.")
    return done.stdout
