"""Container images without a registry: bases from Debian's packages, the rest from the project's own Dockerfiles.

A base carries the very name that a Dockerfile or a manifest asks for, so that both are used as they are. It
is not the image of that name: `redis:7.4-bookworm` here is Debian's redis, and `python:3.11-slim-bookworm`
Debian's python3.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from dclab.engines.kube.cluster.images import BUILD, Images
from dclab.engines.kube.cluster.upstream import IMAGES
from tests.cluster.settings import CACHE, CHECKOUT, HERE

APPS = CHECKOUT / "apps"
DEBIAN = "docker.io/library/debian:bookworm-slim"
PYTHON = "docker.io/library/python:3.11-slim-bookworm"
REDIS = "docker.io/library/redis:7.4-bookworm"
PAUSE = "dclab.test/pause:1"

SYSTEM, LAB = "system.tar", "lab.tar"

_INSTALL = "RUN apt-get update && apt-get install --yes --no-install-recommends {} && rm -rf /var/lib/apt/lists/*"
# Debian forbids pip outside of a virtual environment; the image whose name this one bears does not.
BASES = {
    PYTHON: f"""FROM {DEBIAN}
{_INSTALL.format("python3 python3-pip")} \\
    && ln -s python3 /usr/bin/python && rm /usr/lib/python3.11/EXTERNALLY-MANAGED
""",
    REDIS: f"""FROM {DEBIAN}
{_INSTALL.format("redis-server")}
""",
}
_MMDEBSTRAP = (
    "mmdebstrap --variant=minbase --mode=root --quiet --include=ca-certificates "
    "--dpkgopt=path-exclude=/usr/share/doc/* --dpkgopt=path-exclude=/usr/share/man/* "
    "--dpkgopt=path-exclude=/usr/share/locale/* bookworm {} http://deb.debian.org/debian"
)
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
"""The machine's certificate authorities: where a proxy of the house answers for the package registries."""


def buildah(*arguments: str | Path) -> str:
    """Run buildah on the storage of the tests, and return what it printed."""
    storage = CACHE / "buildah"
    # Or it makes /etc/cni for networks that no build here uses.
    settings = storage / "containers.conf"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(f'[network]\nnetwork_config_dir = "{storage / "networks"}"\n')
    done = subprocess.run(
        [
            "buildah",
            "--root",
            storage / "root",
            "--runroot",
            storage / "run",
            "--storage-driver",
            "overlay",
            *arguments,
        ],
        check=False,
        capture_output=True,
        text=True,
        # The machine lets no build have a runtime's namespaces of its own.
        env={**os.environ, "BUILDAH_ISOLATION": "chroot", "CONTAINERS_CONF": str(settings)},
    )
    if done.returncode:
        raise RuntimeError(f"buildah {arguments[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout.strip()


def from_dockerfile(image: str, dockerfile: Path, context: Path) -> None:
    """Build an image, whose bases have to be in the storage by their names."""
    bundle = ["--volume", f"{_BUNDLE}:{_BUNDLE}:ro"] if _BUNDLE.exists() else []
    how = ["--layers", "--pull-never", "--format", "oci", *bundle]
    buildah("bud", *how, "--tag", image, "-f", dockerfile, context)


def debian(work: Path) -> None:
    """The one base that is not built on another; made again when its recipe changes."""
    recipe = hashlib.sha256(_MMDEBSTRAP.encode()).hexdigest()[:12]
    known = json.loads(buildah("images", "--json", "--filter", f"label=recipe={recipe}") or "[]")
    if any(DEBIAN in (one.get("names") or ()) for one in known):
        return
    archive = work / "debian.tar"
    subprocess.run(_MMDEBSTRAP.format(archive).split(), check=True)
    container = buildah("from", "scratch")
    buildah("add", container, archive)
    buildah("config", "--label", f"recipe={recipe}", "--cmd", "bash", container)
    buildah("commit", "--rm", "--format", "oci", container, DEBIAN)
    archive.unlink()


def base(image: str, work: Path) -> None:
    """Build one of BASES; what it is built on has to be there."""
    file = work / "Dockerfile"
    file.write_text(BASES[image])
    from_dockerfile(image, file, work)


def _from_file(image: str, program: Path, work: Path) -> None:
    """An image of one static program."""
    context = work / program.name
    context.mkdir()
    shutil.copy2(program, context / program.name)
    (context / "Dockerfile").write_text(
        f'FROM scratch\nENV PATH=/bin\nCOPY {program.name} /bin/\nUSER 10001:10001\nENTRYPOINT ["{program.name}"]\n'
    )
    from_dockerfile(image, context / "Dockerfile", context)


def pause() -> Path:
    """The program that waits, compiled when it is not in the cache."""
    source = HERE / "pause.c"
    program = CACHE / "bin" / f"pause-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}" / "pause"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-Os", "-static", "-s", "-Wall", "-Werror", "-o", program, source], check=True)
    return program


def _key(programs: Mapping[str, Path], ours: Images) -> str:
    key = hashlib.sha256(repr((BASES, _MMDEBSTRAP, ours.names())).encode())
    for image, program in sorted(programs.items()):
        key.update(f"{image}\0{program.parent.name}\0".encode())
    return key.hexdigest()[:12]


def _archive(file: Path, names: Mapping[str, Iterable[str]], work: Path) -> None:
    """An OCI layout in a tar: images of buildah's storage, each by one name or more."""
    layout = work / "layout"
    for image, each in names.items():
        for name in each:
            buildah("push", image, f"oci:{layout}:{name}")
    with tarfile.open(file, "w") as tar:
        for part in sorted(layout.iterdir()):
            tar.add(part, part.name)
    shutil.rmtree(layout)


def build(system: Mapping[str, Path], lab: Mapping[str, Path]) -> Path:
    """A folder with the images as two archives, SYSTEM for what the cluster itself needs, and LAB.

    Args:
        system: images of one static program each, by name; the pause container's comes to them.
        lab: such images again. Redis, python and those of `apps/` come to them.
    """
    system = {**system, PAUSE: pause()}
    ours = Images(BUILD)
    folder = CACHE / "images" / _key({**system, **lab}, ours)
    if folder.is_dir():
        return folder
    started = time.monotonic()
    print("Making the container images …", flush=True)
    work = CACHE / "images" / "unfinished"
    shutil.rmtree(work, ignore_errors=True)
    made = work / "made"
    made.mkdir(parents=True)
    debian(work)
    for image in BASES:
        base(image, work)
    for image, program in {**system, **lab}.items():
        _from_file(image, program, work)
    names = {one: [one] for one in (*BASES, *lab)}
    for dockerfile in sorted(APPS.glob("*/Dockerfile")):
        app = dockerfile.parent.name
        image = f"docker.io/dockercoins/{app}:dclab"
        from_dockerfile(image, dockerfile, APPS)
        # By the manifests' name and by the one that dclab gives what it builds.
        names[image] = [image, ours.name(app)]
    _archive(made / SYSTEM, {one: [one] for one in system}, work)
    _archive(made / LAB, names, work)
    for other in folder.parent.iterdir():
        if other != work:
            shutil.rmtree(other) if other.is_dir() else other.unlink()
    made.rename(folder)
    shutil.rmtree(work)
    print(f"  {time.monotonic() - started:.0f} s", flush=True)
    return folder


def as_upstream(work: Path) -> Path:
    """Images that behave as the course's public ones, under their names, as an archive in a folder."""
    context = work / "context"
    shutil.copytree(HERE / "as_upstream", context)
    for shared in ("__init__.py", "resp.py"):
        shutil.copy2(APPS / shared, context)
    for app, image in IMAGES.items():
        dockerfile = context / f"Dockerfile.{app}"
        # Not an argument of the build, so that no layer that was made with another one can be taken for it.
        dockerfile.write_text(f"{(context / 'Dockerfile').read_text()}ENV NAME={app}\n")
        from_dockerfile(image, dockerfile, context)
    file = work / "images.tar"
    _archive(file, {one: [one] for one in IMAGES.values()}, work)
    return file


def program_archive(image: str, program: Path, work: Path) -> Path:
    """An image of one static program, as an archive in a folder."""
    _from_file(image, program, work)
    file = work / "image.tar"
    _archive(file, {image: [image]}, work)
    return file
