"""The lines that install what the kube engine uses, on Debian or Ubuntu and on macOS.

What is not downloaded by a package manager has a fixed version, and is checked against a checksum that is written here
before it is installed: one from the server of the download would vouch for whatever that server sends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["DOWNLOADS", "INSTALLABLE", "Download", "install_lines"]

PACKAGES = {"docker": "docker.io", "conntrack": "conntrack", "httping": "httping", "siege": "siege"}
"""Debian's and Ubuntu's, by program."""
BREW = {"docker": "--cask docker"}

INSTALLABLE = ("docker", "conntrack", "minikube", "kubectl", "helm", "httping", "siege")

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Names in the URLs, by those of platform.machine()."""


@dataclass(frozen=True, kw_only=True)
class Download:
    """A program that Debian does not package."""

    url: str
    """With {arch} for the architecture."""
    sha256: dict[str, str]
    """Of the file, by architecture."""
    unpack: str = ""
    """The line that gets the program out of an archive, with {file} and {arch}."""


DOWNLOADS = {
    # Its default Kubernetes is 1.35, as is kubectl below. Checksums: deploy/minikube/releases-v2.json of
    # kubernetes/minikube, in which the project lists its releases.
    "minikube": Download(
        url="https://github.com/kubernetes/minikube/releases/download/v1.38.1/minikube-linux-{arch}",
        sha256={
            "amd64": "099477eaf248bcb5bcea8ce78a2898e93ac01461c35189da1848c3de82ecd22e",
            "arm64": "a0b8a1ebfc8c07a247271d8df98ac0ddd7c8c855b601d402463e2e50c08c6bab",
        },
    ),
    # Checksums: roles/kubespray_defaults/vars/main/checksums.yml of kubernetes-sigs/kubespray.
    "kubectl": Download(
        url="https://dl.k8s.io/release/v1.35.8/bin/linux/{arch}/kubectl",
        sha256={
            "amd64": "874d5e72dbb819f43cff16bcd1e4f8bac5b7f2361fe1e55049b0a6c676fb0cbf",
            "arm64": "cc749967b62f4422260bc9c0aa7a7c55f45175ae38cb8d95767b5d2b7e04c1fd",
        },
    ),
    # Checksums: the notes of the release on GitHub, whose text is not on the download's server.
    "helm": Download(
        url="https://get.helm.sh/helm-v3.19.0-linux-{arch}.tar.gz",
        sha256={
            "amd64": "a7f81ce08007091b86d8bd696eb4d86b8d0f2e1b9f6c714be62f82f96a594496",
            "arm64": "440cf7add0aee27ebc93fada965523c1dc2e0ab340d4348da2215737fc0d76ad",
        },
        unpack="tar -xzf {file} --strip-components=1 linux-{arch}/helm",
    ),
}


def _downloaded(name: str, arch: str) -> list[str]:
    """Lines that download, check and install one program."""
    download = DOWNLOADS[name]
    file = f"{name}.tar.gz" if download.unpack else name
    return [
        f"curl -fsSL -o {file} {download.url.format(arch=arch)}",
        f'echo "{download.sha256[arch]}  {file}" | sha256sum --check',
        *([download.unpack.format(file=file, arch=arch)] if download.unpack else []),
        f"sudo install {name} /usr/local/bin/{name}",
    ]


def install_lines(system: str, machine: str, missing: Iterable[str]) -> list[str]:
    """Return shell lines that install these programs; empty when there is nothing to install.

    The downloads are one subshell: it stops at the first failure, so that nothing unchecked is installed, and leaves no
    file behind, however the lines are run.

    Args:
        system: as platform.system() has it.
        machine: as platform.machine() has it.
        missing: some of INSTALLABLE.
    """
    wanted = [one for one in INSTALLABLE if one in set(missing)]
    if system == "Darwin":
        return [f"brew install {BREW.get(one, one)}" for one in wanted if one != "conntrack"]
    packages = [PACKAGES[one] for one in wanted if one in PACKAGES]
    lines = []
    if packages:
        lines += ["sudo apt-get update", f"sudo apt-get install -y --no-install-recommends {' '.join(packages)}"]
    if "docker" in wanted:
        lines += ['sudo usermod -aG docker "$USER"  # takes effect at your next login']
    downloads = [one for one in wanted if one in DOWNLOADS]
    arch = ARCHITECTURES.get(machine)
    if not downloads:
        return lines
    if arch is None:
        return [*lines, f"# Install {', '.join(downloads)} by hand: dclab has no checksums for {machine}."]
    return [
        *lines,
        "(",
        "set -e",
        "folder=$(mktemp -d)",
        "trap 'rm -r \"$folder\"' EXIT",
        'cd "$folder"',
        *(line for one in downloads for line in _downloaded(one, arch)),
        ")",
    ]
