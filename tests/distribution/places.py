"""Empty environments with a Python: Debian's, each in a root of its own, and this machine's.

A command gets a home that is empty, and no variables but how this machine reaches the package registries. As root each Debian is
a chroot in process and mount namespaces of its own: what a command leaves running ends with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dclab-distribution"

SUITES = ("bookworm", "trixie", "forky")
PACKAGES = "ca-certificates,git,pipx,python3,python3-pip,python3-venv,sudo"
MINORS = (11, 12, 13, 14)
"""Of Python 3, that are looked for."""

USER = 1000
HOME = "/home/student"
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")

_UNSHARE = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--ipc")
# The machine's own certificate authorities take the place of Debian's, as the registries are reached by them.
_ENTER = """
set -eu
root=$1; bundle=$2; shift 2
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
[ ! -e "$bundle" ] || mount --bind "$bundle" "$root$bundle"
exec chroot "$@"
"""


class CannotRun(Exception):
    """A place that cannot be had here; the text says why."""


@dataclass(frozen=True)
class Place:
    """Where commands are run."""

    name: str
    python: str
    """Interpreter that tools are told to use."""
    root: Path | None
    """Of a Debian's files; None for this machine's."""
    home: Path
    """As seen from here."""

    def inside(self, path: Path) -> str:
        """Return the path as a command in this place sees it."""
        return f"/{path.relative_to(self.root)}" if self.root else str(path)

    def empty(self) -> None:
        """Leave nothing in the home."""
        shutil.rmtree(self.home, ignore_errors=True)
        (self.home / "runtime").mkdir(mode=0o700, parents=True)
        if self.root:
            for folder in (self.home, self.home / "runtime"):
                os.chown(folder, USER, USER)

    def run(
        self, command: Sequence[str], *, cwd: str | None = None, seconds: float = 600, root: bool = False, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as a user without rights (as root if said), and return what became of it.

        Args:
            command: its words.
            cwd: as seen there; the home by default.
            seconds: to wait at most.
            root: whether it may do everything in that root.
            more: variables of its environment.
        """
        home = self.inside(self.home)
        path = f"{home}/.local/bin:/usr/local/bin:/usr/bin:/bin"
        if self.root:
            path += ":/usr/sbin:/sbin"
        variables = {"HOME": home, "PATH": path, "LANG": "C.UTF-8", **_registries(), **more}
        # Labs of other users of this machine, and this user's own, are not to be met.
        variables["XDG_RUNTIME_DIR"] = f"{home}/runtime"
        words = ["env", "-i", "-C", cwd or home, *(f"{name}={value}" for name, value in variables.items()), *command]
        if self.root:
            user = [] if root else [f"--userspec={USER}:{USER}"]
            enter = ["sh", "-c", _ENTER, "sh", str(self.root), str(_BUNDLE), *user, str(self.root)]
            words = [*_UNSHARE, *enter, *words]
        return subprocess.run(
            words, check=False, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL
        )


def _registries() -> dict[str, str]:
    """Return how this machine reaches package registries: certificates and proxies."""
    wanted = ("CERT", "CA_BUNDLE", "PROXY")
    return {name: value for name, value in os.environ.items() if any(one in name.upper() for one in wanted)}


def debian(suite: str) -> Place:
    """Return a Debian with its Python, pipx and uv, made when it is not in the cache.

    Raises:
        CannotRun: it cannot be made here.
    """
    root = CACHE / suite
    if not root.is_dir():
        _make(suite, root)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    place = Place(suite, "/usr/bin/python3", root, root / HOME[1:])
    if not place.home.exists():
        place.empty()
    version = place.run([place.python, "-V"])
    if version.returncode:
        raise CannotRun(f"{suite}: {version.stderr.strip()}")
    return replace(place, name=f"{version.stdout.split()[1]} (Debian {suite})")


def _make(suite: str, root: Path) -> None:
    if os.geteuid() or not shutil.which("mmdebstrap"):
        raise CannotRun(f"{suite}: a Debian of its own needs root and mmdebstrap")
    unfinished = root.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        [
            *("mmdebstrap", "--variant=minbase", "--mode=root", "--quiet", f"--include={PACKAGES}"),
            *("--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"),
            '--aptopt=Acquire::Check-Valid-Until "false"',  # a mirror of a moving suite that lags is good enough
            *(suite, str(unfinished), "http://deb.debian.org/debian"),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise CannotRun(f"{suite}: {made.stderr.strip()[-300:]}")
    (unfinished / "etc/passwd").open("a").write(f"student:x:{USER}:{USER}::{HOME}:/bin/sh\n")
    (unfinished / "etc/shadow").open("a").write("student:*:20000:0:99999:7:::\n")  # or sudo takes it for locked
    (unfinished / "etc/group").open("a").write(f"student:x:{USER}:\n")
    (unfinished / "etc/sudoers.d/student").write_text("student ALL=(ALL) NOPASSWD: ALL\n")
    # As the images of Debian have it: a package that is installed starts nothing.
    policy = unfinished / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    for name in ("uv", "uvx"):
        shutil.copy2(Path(sys.executable).with_name(name), unfinished / "usr/local/bin")
    unfinished.rename(root)


def of_this_machine(minor: int) -> Place | None:
    """Return this machine with its Python of that version, or None."""
    names = [shutil.which(f"python3.{minor}"), *Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3")]
    for name in filter(None, names):
        done = subprocess.run([name, "-V"], check=False, capture_output=True, text=True)
        if done.returncode == 0 and done.stdout.startswith(f"Python 3.{minor}."):
            return Place(f"{done.stdout.split()[1]} (this machine)", str(name), None, CACHE / f"home-3.{minor}")
    return None


def places() -> Iterator[Place | str]:
    """Yield a place for each Python that can be had; a sentence for what cannot."""
    found = set()
    for suite in SUITES:
        try:
            place = debian(suite)
        except CannotRun as error:
            yield str(error)
            continue
        minor = int(place.name.split(".")[1])
        if minor not in found:
            found.add(minor)
            yield place
    for minor in MINORS:
        if minor not in found:
            yield of_this_machine(minor) or f"There is no Python 3.{minor} here."
