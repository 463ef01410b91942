"""The container image, built by buildah on Debian's packages, and containers of it, run by runc as Docker would run them.

No Docker is needed. A container has process, mount, network and IPC namespaces of its own, no capability, and what the image says:
entry point, variables, folder and user.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.images import BASES, PYTHON, base, buildah, debian, from_dockerfile
from tests.cluster.settings import CHECKOUT

IMAGE = "dclab.test/dockercoins-lab"
IMAGE_MB = 250
"""The most that it may have, compressed."""

RUNC = shutil.which("runc") or "/usr/sbin/runc"

MOUNTS = [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "mode=1777", "size=65536k"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
    {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "nodev", "ro"]},
    {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]},
]
"""As Docker makes them, with `--tmpfs /tmp`."""
NAMESPACES = ("pid", "network", "ipc", "uts", "mount")


class CannotRun(Exception):
    """This machine cannot build or run images; the text says why."""


@dataclass(frozen=True)
class Ended:
    """A container that has ended."""

    code: int
    output: str
    """Both streams."""
    peak_threads: int | None
    peak_memory_mb: float | None
    """Of all its processes, where the machine's cgroups tell."""


def build(wheel: Path) -> dict[str, object]:
    """Build the image of that wheel with the project's own Dockerfile; return its configuration, as OCI has it.

    Raises:
        CannotRun: this machine lacks what is needed.
    """
    for program in ("buildah", "mmdebstrap", RUNC):
        if os.geteuid() or not shutil.which(program):
            raise CannotRun(f"Building and running images needs root and {program}.")
    with tempfile.TemporaryDirectory(prefix="dclab-image-") as folder:
        work = Path(folder)
        known = {name for one in json.loads(buildah("images", "--json") or "[]") for name in one.get("names") or ()}
        if PYTHON not in known:
            debian(work)
            base(PYTHON, work)
        context = work / "context"
        (context / "dist").mkdir(parents=True)
        shutil.copy(wheel, context / "dist")
        for name in ("Dockerfile", ".dockerignore", "requirements.lock"):
            shutil.copy(CHECKOUT / name, context)
        from_dockerfile(IMAGE, context / "Dockerfile", context)
    assert PYTHON in BASES
    return json.loads(buildah("inspect", "--type", "image", IMAGE))["OCIv1"]["config"]


def compressed_mb() -> float:
    """Return the size of the image's layers as a registry has them."""
    with tempfile.TemporaryDirectory(prefix="dclab-image-") as folder:
        buildah("push", "--compression-format", "gzip", IMAGE, f"oci:{folder}/layout")
        return sum(file.stat().st_size for file in Path(folder, "layout/blobs/sha256").iterdir()) / 1e6


@contextmanager
def mounted() -> Iterator[Path]:
    """A while in which the image's files are in a folder."""
    container = buildah("from", "--pull-never", IMAGE)
    try:
        yield Path(buildah("mount", container))
    finally:
        buildah("rm", container)


def run(
    config: dict[str, object],
    root: Path,
    arguments: Sequence[str],
    work: Path,
    *,
    user: tuple[int, int] | None = None,
    cpus: float | None = None,
    seconds: float = 400,
) -> Ended:
    """Run a container as `docker run --read-only --tmpfs /tmp -v WORK:/work [--user USER] [--cpus CPUS] IMAGE ARGUMENTS` would.

    Args:
        config: of the image (`build`).
        root: the image's files (`mounted`).
        arguments: behind the image's entry point.
        work: a folder of this machine that is /work.
        user: by number; the image's own by default.
        cpus: that it may use at a time.
        seconds: to wait at most; then it is ended.
    """
    name = f"dclab-image-{os.getpid()}"
    own = str(config["User"]).split(":")
    uid, gid = user or (int(own[0]), int(own[1]))
    resources = {} if cpus is None else {"cpu": {"quota": int(100_000 * cpus), "period": 100_000}}
    described = {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": uid, "gid": gid},
            "args": [*config["Entrypoint"], *(arguments or config["Cmd"])],  # type: ignore[misc]
            "env": config["Env"],
            "cwd": config["WorkingDir"],
            "noNewPrivileges": True,
            "capabilities": {},
        },
        "root": {"path": str(root), "readonly": True},
        "mounts": [*MOUNTS, {"destination": "/work", "type": "bind", "source": str(work), "options": ["rbind", "rw"]}],
        "linux": {
            "namespaces": [{"type": one} for one in NAMESPACES],
            "cgroupsPath": f"/{name}",
            "resources": resources,
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"],
        },
    }
    with tempfile.TemporaryDirectory(prefix="dclab-bundle-") as bundle:
        Path(bundle, "config.json").write_text(json.dumps(described))
        process = subprocess.Popen(
            [RUNC, "run", "--bundle", bundle, name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            threads = memory = None
            while True:
                try:
                    output, _ = process.communicate(timeout=0.5)
                    break
                except subprocess.TimeoutExpired:
                    threads = _most(threads, f"pids/{name}/pids.current")
                    memory = _most(memory, f"memory/{name}/memory.usage_in_bytes")
                    seconds -= 0.5
                    assert seconds > 0, "the container does not end"
        finally:
            if process.poll() is None:
                subprocess.run([RUNC, "delete", "--force", name], check=False, capture_output=True)
                process.wait()
    return Ended(process.returncode, output, threads, memory and memory / 1e6)


def _most(so_far: int | None, file: str) -> int | None:
    for one in (Path("/sys/fs/cgroup", file), Path("/sys/fs/cgroup", *Path(file).parts[1:])):
        try:
            return max(so_far or 0, int(one.read_text()))
        except (OSError, ValueError):
            continue
    return so_far
