"""What shell completion offers; each returns names, and nothing where they cannot be known."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["DEPLOYMENTS", "contexts", "courses", "deployments", "labs"]


DEPLOYMENTS = "worker, rng, hasher, webui, redis, httplat-rng or httplat-hasher."
"""Help of an argument that names one."""


def _silent(names: Callable[[], list[str]]) -> Callable[[], list[str]]:
    """Whatever goes wrong, a shell that completes a word shows nothing of it."""

    def found() -> list[str]:
        try:
            return names()
        except Exception:
            return []

    return found


@_silent
def contexts() -> list[str]:
    """Return the contexts of the user's kubeconfigs."""
    from dclab.engines.kube.cluster.kubeconfig import contexts as known

    return [one.name for one in known()]


@_silent
def courses() -> list[str]:
    """Return the courses whose sheets come with dclab."""
    from dclab.courses.sheet import known_courses

    return known_courses()


@_silent
def labs() -> list[str]:
    """Return the names of the embedded labs, and the usual namespace."""
    from dclab.engines.choose import DEFAULT_NAMES
    from dclab.engines.embedded.launch import labs as known

    return sorted({*(one.name for one in known()), *DEFAULT_NAMES.values()})


@_silent
def deployments() -> list[str]:
    """Return the deployments of the manifests."""
    from dclab import manifests

    return [one["metadata"]["name"] for one in manifests.of_kind(manifests.load(), "Deployment")]
