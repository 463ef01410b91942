"""Which contexts there are: the user's, and that of dclab's own minikube profile in a kubeconfig of its own.

Read without loading a Kubernetes client. The user's files are never written.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PROFILE", "Context", "contexts", "find_context", "find_profile", "is_minikube", "own_kubeconfig"]

PROFILE = "dclab"
"""Name of dclab's own minikube profile, and so of its context."""
MINIKUBE = "minikube.sigs.k8s.io"
"""The provider that minikube notes in what it writes."""


@dataclass(frozen=True)
class Context:
    """An entry of the kubeconfig."""

    name: str
    minikube: bool
    """Whether minikube wrote it."""
    files: str
    """The kubeconfigs that it is read from, as in $KUBECONFIG."""


def own_kubeconfig() -> Path:
    """Where minikube writes of dclab's own profile."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "dclab" / "kubeconfig"


def _users() -> str:
    """The user's kubeconfigs, as kubectl finds them."""
    return os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")


def contexts(files: str | None = None) -> list[Context]:
    """Those of these kubeconfigs, or the user's; of two with one name the first counts."""
    import yaml

    files = files or _users()
    found: dict[str, Context] = {}
    for file in filter(None, files.split(os.pathsep)):
        try:
            document = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            continue  # the client says what is wrong with it, to whoever wants to use it
        for one in (document.get("contexts") if isinstance(document, dict) else None) or ():
            extensions = (one.get("context") or {}).get("extensions") or ()
            minikube = any((each.get("extension") or {}).get("provider") == MINIKUBE for each in extensions)
            found.setdefault(one["name"], Context(one["name"], minikube, files))
    return list(found.values())


def find_profile() -> Context | None:
    """The context of dclab's own minikube profile; None when there is none."""
    return next((one for one in contexts(str(own_kubeconfig())) if one.name == PROFILE and one.minikube), None)


def find_context(name: str | None) -> Context | None:
    """The user's context of that name; that of dclab's own profile for None."""
    return find_profile() if name is None else next((one for one in contexts() if one.name == name), None)


def is_minikube(name: str) -> bool:
    """Whether minikube made the cluster of that context, for dclab or for the user."""
    return any(one is not None and one.name == name and one.minikube for one in (find_profile(), find_context(name)))
