"""Which engine a command uses, and why; and the lab that it is about."""

from __future__ import annotations

from typing import NamedTuple

from dclab.errors import InvalidInput, NoLab
from dclab.lab import Lab, LabSummary

__all__ = ["DEFAULT_NAMES", "Choice", "choose_engine", "find_lab", "list_labs", "require_lab"]

DEFAULT_NAMES = {"embedded": "dclab", "kube": "dockercoins"}


class Choice(NamedTuple):
    """An engine, and why it is used."""

    engine: str
    reason: str


def choose_engine(asked: str, context: str | None = None) -> Choice:
    """Return the engine for what the user asked for: kube wherever there is a cluster that may be used.

    Raises:
        InvalidInput: the embedded engine was given a context.
    """
    if asked == "embedded" and context is not None:
        raise InvalidInput(
            "The embedded engine has no context.",
            "It runs the app on this machine.",
            "Omit --engine or --context.",
        )
    if asked != "auto":
        return Choice(asked, "it was asked for")
    if context is not None:
        return Choice("kube", "a context was named")
    from dclab.engines.kube.cluster.kubeconfig import PROFILE, find_profile

    if find_profile():
        return Choice("kube", f"dclab's own minikube profile {PROFILE!r} exists")
    return Choice("embedded", "no dclab cluster was found; --engine kube starts one")


def find_lab(name: str, choice: Choice, context: str | None) -> Lab | None:
    """Return the running lab of that name, or None."""
    if choice.engine == "kube":
        from dclab.engines.kube import launch as on_kube

        return on_kube.find_lab(on_kube.place(context, name))
    from dclab.engines.embedded import launch

    return launch.find_lab(name)


def require_lab(name: str, choice: Choice, context: str | None) -> Lab:
    """Return the running lab of that name; NoLab when there is none."""
    if lab := find_lab(name, choice, context):
        return lab
    options = (("engine", choice.engine if choice.reason == "it was asked for" else None), ("context", context))
    named = ("name", name if name != DEFAULT_NAMES[choice.engine] else None)
    again = "".join(f" --{option} {value}" for option, value in (*options, named) if value)
    raise NoLab(
        f"No lab named {name!r} is running.",
        f"On the {choice.engine} engine.",
        f"Start it with `dclab up{again}`; `dclab list` shows the labs that run.",
    )


def list_labs(context: str | None, only: Choice | None) -> list[LabSummary]:
    """Return the labs of the embedded engine, of dclab's own minikube, and of the context that is named, if any.

    Args:
        context: of the user's; no other cluster is contacted.
        only: the engine whose labs are wanted; None for all.
    """
    from dclab.engines.embedded import launch

    found = launch.labs() if only is None or only.engine == "embedded" else []
    if only is not None and only.engine == "embedded":
        return found
    from dclab.engines.kube.cluster.kubeconfig import find_profile

    if find_profile() is None and context is None:
        return found
    from dclab.engines.kube import launch as on_kube

    contexts = [None] if find_profile() else []
    for one in [*contexts, *([context] if context else [])]:
        found += on_kube.labs(one)
    return found
