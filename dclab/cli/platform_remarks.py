"""What doctor says of the platform: what holds there, what does not, and what nobody has tried."""

from __future__ import annotations

from collections.abc import Iterator

from dclab.platforms import Platform

__all__ = ["platform_remarks"]

CPUS = 2
"""On which every figure in the README was measured."""
MEMORY_MB = 500
THREADS = 200
"""Enough for a run: in the container image a quick one took 282 MB and 89 threads at most (`python -m tests.distribution`)."""

IN_CONTAINERS = {
    "kubernetes": (
        "This is a pod of Kubernetes: the embedded engine works in it, and its lab ends with it. The kube engine works "
        "with a kubeconfig, not with the pod's service account."
    ),
    "dev container": (
        "This is a dev container: the embedded engine works in it without Docker, and its lab ends with it. The editor "
        "forwards the web UI's port."
    ),
}
"""By what runs the container."""


def platform_remarks(platform: Platform, *, browser: bool) -> Iterator[str]:
    """Yield a line for each thing that a user of this platform has to know; nothing on a plain Linux machine.

    Args:
        platform: this one.
        browser: whether Chromium is installed.
    """
    yield from _systems(platform)
    if platform.container:
        yield IN_CONTAINERS.get(
            platform.container,
            f"This is a container ({platform.container}): the embedded engine works in it, and its lab ends with it. "
            "Only this container reaches the lab's ports, unless it shares the host's network. A mounted folder has to be writable "
            'for the container\'s user: docker run --user "$(id -u):$(id -g)".',
        )
        if browser:
            yield (
                "Most containers do not allow Chromium's sandbox. Where it cannot start, the report has a drawn graph instead of "
                "the picture of Prometheus' page."
            )
    yield from _limits(platform)


def _systems(platform: Platform) -> Iterator[str]:
    if platform.system == "Darwin":
        yield (
            "On macOS, CPU is read in hundredths of a second, and replicas of a lab whose supervisor was killed go on until "
            "`dclab down`. Nobody has tried dclab there yet."
        )
    if platform.wsl == 1:
        yield (
            "WSL 1 translates system calls and has no Linux kernel, so the embedded engine does not run here. Convert it in "
            "Windows' terminal: `wsl --set-version NAME 2`, with the NAME that `wsl --list` shows."
        )
    if platform.wsl == 2:
        yield (
            "WSL 2 has a Linux kernel: the embedded engine should run as on Linux, but nobody has tried it yet. Work in a folder "
            "of Linux, not below /mnt/c. After the computer has slept, clocks jump: repeat what was measured meanwhile."
        )
    if platform.machine in {"aarch64", "arm64"}:
        yield (
            "Nobody has tried dclab on arm64 yet. The course's own images (`--images upstream`) are for amd64 only, those that "
            "dclab builds for both."
        )


def _limits(platform: Platform) -> Iterator[str]:
    cpus = min(platform.cpus, platform.cpu_limit or platform.cpus)
    if cpus < CPUS:
        yield (
            f"dclab may use {cpus:g} CPU{'s' * (cpus != 1)} here, and was tested with {CPUS}: ten workers and the load test may be "
            f"limited by that rather than by rng. Allow {CPUS} (docker run --cpus {CPUS})."
        )
    if platform.memory_limit_mb is not None and platform.memory_limit_mb < MEMORY_MB:
        yield (
            f"Memory is limited to {platform.memory_limit_mb} MB, which may be too little for a run. Allow {MEMORY_MB} "
            f"(docker run --memory {MEMORY_MB}m)."
        )
    if platform.process_limit is not None and platform.process_limit < THREADS:
        yield (
            f"Threads are limited to {platform.process_limit}, which may be too few for a run. Allow {THREADS} "
            f"(docker run --pids-limit {THREADS})."
        )
