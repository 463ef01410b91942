"""Choose the engine of a command, with the reason, and find its lab."""

from __future__ import annotations

from typing import NamedTuple

from dclab.engines import states
from dclab.errors import InvalidInput
from dclab.lab import Lab, LabSummary

__all__ = ["DEFAULT_NAMES", "Choice", "choose_engine", "find_lab", "list_labs", "options_of", "require_lab"]

DEFAULT_NAMES = {"embedded": "dclab", "kube": "dockercoins"}

ENGINE_NAMED = "--engine was given"


class Choice(NamedTuple):
    """An engine, and why it is used."""

    engine: str
    reason: str


def choose_engine(asked: str, context: str | None = None) -> Choice:
    """Return the engine for the one that the user names: kube wherever there is a cluster that may be used.

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
        return Choice(asked, ENGINE_NAMED)
    if context is not None:
        return Choice("kube", "--context was given")
    from dclab.engines.kube.cluster.profile import PROFILE, find_profile

    if (found := find_profile()) and found.ours:
        return Choice("kube", f"dclab's own minikube profile {PROFILE!r} exists")
    return Choice("embedded", "no dclab cluster was found; --engine kube starts one")


def find_lab(name: str, choice: Choice, context: str | None) -> Lab | None:
    """Return the running lab of that name, or None when there is none; else as `require_lab`."""
    if choice.engine == "kube":
        from dclab.engines.kube import launch as on_kube

        return on_kube.find_lab(on_kube.place(context, name))
    from dclab.engines.embedded import launch

    return launch.find_lab(name)


def require_lab(name: str, choice: Choice, context: str | None) -> Lab:
    """Return the running lab of that name.

    Raises:
        NoLab: there is none.
        LabCrashed, NotAnswering, OtherVersion: there is one, and it cannot be used.
    """
    if lab := find_lab(name, choice, context):
        return lab
    raise states.absent(name, choice.engine, options_of(name, choice, context))


def options_of(name: str, choice: Choice, context: str | None) -> str:
    """Return the options that name a lab in another command, each behind a space."""
    options = (
        ("engine", choice.engine if choice.reason == ENGINE_NAMED else None),
        ("context", context),
        ("name", name if name != DEFAULT_NAMES[choice.engine] else None),
    )
    return "".join(f" --{option} {value}" for option, value in options if value)


def list_labs(engine: str, context: str | None) -> list[LabSummary]:
    """Return the labs of the embedded engine, of dclab's own minikube, and of the context that is named, if any.

    Args:
        engine: whose labs are wanted; auto for all.
        context: of the user's; no other cluster is contacted.

    Raises:
        InvalidInput: the embedded engine was given a context.
    """
    if context is not None:
        choose_engine(engine, context)
    found: list[LabSummary] = []
    if engine != "kube":
        from dclab.engines.embedded import launch

        found += launch.labs()
    if engine == "embedded":
        return found
    from dclab.engines.kube.cluster.profile import find_profile

    ours = (own := find_profile()) is not None and own.ours
    contexts = [*([None] if ours else []), *([context] if context else [])]
    if contexts:
        from dclab.engines.kube import launch as on_kube

        for one in contexts:
            found += on_kube.labs(one)
    return found
