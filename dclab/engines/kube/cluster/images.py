"""Where the app's images come from, and what a manifest must say to use them.

`build`: from `apps/`, into the cluster. A registry's prefix, such as `ghcr.io/me`: the same, through that
registry. `upstream`: the public images of the course. The tag says what is inside: dclab's version and a hash
of `apps/`, so that nothing is built again until something has changed.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from dclab import __version__
from dclab.engines.kube.cluster.upstream import fit_upstream
from dclab.engines.kube.labels import IMAGES
from dclab.engines.kube.objects import Namespace
from dclab.errors import InvalidInput
from dclab.manifests import Manifest
from dclab.paths import shipped

__all__ = ["BUILD", "IN_MANIFESTS", "UPSTREAM", "Images", "apps", "images_of", "parse_images", "short_name", "tag"]

BUILD, UPSTREAM = "build", "upstream"
IN_MANIFESTS = "dockercoins/"
"""How the manifests' own images begin; the others (redis, Prometheus) are public."""


@cache
def tag() -> str:
    """Tag of the images of this dclab."""
    folder = shipped() / "apps"
    key = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            key.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes())
    return f"{__version__}-{key.hexdigest()[:8]}"


def apps() -> list[str]:
    """Names of the apps that an image is made of."""
    return sorted(file.parent.name for file in (shipped() / "apps").glob("*/Dockerfile"))


@dataclass(frozen=True)
class Images:
    """A source of images: `build`, `upstream`, or the prefix of a registry."""

    source: str

    @property
    def pod_security(self) -> str:
        """The Pod Security profile that the images can be held to."""
        return "baseline" if self.source == UPSTREAM else "restricted"

    def name(self, app: str) -> str:
        """Image of an app, when it is ours."""
        prefix = "docker.io/dockercoins" if self.source == BUILD else self.source
        return f"{prefix}/{app}:{tag()}"

    def names(self) -> dict[str, str]:
        """Image of each app, by app; empty when none is ours."""
        return {} if self.source == UPSTREAM else {app: self.name(app) for app in apps()}

    def fit(self, objects: Iterable[Manifest]) -> list[Manifest]:
        """The objects with these images."""
        if self.source == UPSTREAM:
            return [fit_upstream(one) for one in objects]
        return [self._fit(one) for one in objects]

    def _fit(self, manifest: Manifest) -> Manifest:
        if manifest["kind"] not in ("Deployment", "Job"):
            return manifest
        made = copy.deepcopy(manifest)
        for container in made["spec"]["template"]["spec"]["containers"]:
            if container["image"].startswith(IN_MANIFESTS):
                app = container["image"].removeprefix(IN_MANIFESTS).split(":")[0]
                container["image"] = self.name(app)
                # What is built into the cluster is nowhere else: a pull could only fail, or fetch a stranger's.
                container["imagePullPolicy"] = "Never" if self.source == BUILD else "IfNotPresent"
        return made


def parse_images(value: str) -> Images:
    """A source as the user names it; InvalidInput when it cannot be one."""
    source = value.rstrip("/")
    if source in (BUILD, UPSTREAM) or ("/" in source and " " not in source and "://" not in source):
        return Images(source)
    raise InvalidInput(
        f"{value!r} is not a source of images.",
        "It is build, upstream, or a registry with a prefix.",
        "Try --images build, or --images ghcr.io/your-name.",
    )


def short_name(image: str) -> str:
    """An image's name as Docker shows it: without the registry that is understood.

    A node whose runtime is Docker lists its images so, one with containerd in full.
    """
    return image.removeprefix("docker.io/").removeprefix("library/")


def images_of(namespace: Namespace) -> Images:
    """The source that a namespace of ours was made with."""
    return Images(namespace.metadata.annotations.get(IMAGES, BUILD))
