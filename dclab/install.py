"""The lines that install what the kube engine uses, on Debian or Ubuntu and on macOS.

What is not downloaded by a package manager is checked against its publisher's checksum before it is installed.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["INSTALLABLE", "install_lines"]

KUBECTL = "v1.34.2"
HELM = "v3.19.0"

PACKAGES = {"docker": "docker.io", "conntrack": "conntrack", "httping": "httping", "siege": "siege"}
"""Debian's and Ubuntu's, by program."""
BREW = {"docker": "--cask docker"}

INSTALLABLE = ("docker", "conntrack", "minikube", "kubectl", "helm", "httping", "siege")


def _downloaded(machine: str) -> dict[str, list[str]]:
    """Lines for each program that Debian does not package."""
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    minikube = f"https://github.com/kubernetes/minikube/releases/latest/download/minikube-linux-{arch}"
    kubectl = f"https://dl.k8s.io/release/{KUBECTL}/bin/linux/{arch}/kubectl"
    helm = f"helm-{HELM}-linux-{arch}.tar.gz"
    return {
        "minikube": [
            f"curl -fsSL -o minikube {minikube}",
            f'echo "$(curl -fsSL {minikube}.sha256)  minikube" | sha256sum --check',
            "sudo install minikube /usr/local/bin/minikube",
        ],
        "kubectl": [
            f"curl -fsSL -o kubectl {kubectl}",
            f'echo "$(curl -fsSL {kubectl}.sha256)  kubectl" | sha256sum --check',
            "sudo install kubectl /usr/local/bin/kubectl",
        ],
        "helm": [
            f"curl -fsSL -o {helm} https://get.helm.sh/{helm}",
            f"curl -fsSL https://get.helm.sh/{helm}.sha256sum | sha256sum --check",
            f"tar -xzf {helm} --strip-components=1 linux-{arch}/helm",
            "sudo install helm /usr/local/bin/helm",
        ],
    }


def install_lines(system: str, machine: str, missing: Iterable[str]) -> list[str]:
    """Shell lines that install these programs; empty when there is nothing to install.

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
        lines += ['sudo usermod -aG docker "$USER"  # then log in anew']
    downloaded = _downloaded(machine)
    return lines + [line for one in wanted for line in downloaded.get(one, ())]
