"""Which engine a command uses, and why; and the lab that it is about."""

from __future__ import annotations

from typing import NamedTuple

from dclab.errors import InvalidInput, NoLab
from dclab.lab import Lab
from dclab.paths import check_name

__all__ = ["ENGINES", "Choice", "choose_engine", "find_lab", "lab_name"]

ENGINES = ("auto", "embedded", "kube")
DEFAULT_NAMES = {"embedded": "dclab", "kube": "dockercoins"}


class Choice(NamedTuple):
    """An engine, and why it was taken."""

    engine: str
    reason: str


def choose_engine(asked: str, context: str | None = None) -> Choice:
    """The engine for what the user asked for: kube wherever there is a cluster that may be used.

    Raises:
        InvalidInput: there is no such engine, or the embedded one was given a context.
    """
    if asked not in ENGINES:
        raise InvalidInput(f"There is no engine {asked!r}.", f"There are: {', '.join(ENGINES)}.", "Try --engine auto.")
    if asked == "embedded" and context is not None:
        raise InvalidInput(
            "The embedded engine has no context.",
            "It runs the app on this machine.",
            "Leave --engine or --context out.",
        )
    if asked != "auto":
        return Choice(asked, "it was asked for")
    if context is not None:
        return Choice("kube", f"the context {context!r} was named")
    from dclab.engines.kube.cluster.kubeconfig import PROFILE, find_profile

    if find_profile():
        return Choice("kube", f"dclab's own minikube profile {PROFILE!r} is there")
    return Choice("embedded", "dclab has no cluster of its own here; --engine kube starts one")


def lab_name(name: str | None, engine: str) -> str:
    """The name that was given, checked, or the one that a lab of that engine usually has."""
    return DEFAULT_NAMES[engine] if name is None else check_name(name)


def find_lab(name: str | None, asked: str, context: str | None = None) -> tuple[Lab, Choice]:
    """The lab of that name (or of the engine's usual name); NoLab when there is none."""
    choice = choose_engine(asked, context)
    known = lab_name(name, choice.engine)
    lab: Lab | None
    if choice.engine == "kube":
        from dclab.engines.kube import launch as on_kube

        lab = on_kube.find_lab(on_kube.place(context, known))
    else:
        from dclab.engines.embedded import launch

        lab = launch.find_lab(known)
    if lab is None:
        again = "".join(
            f" --{option} {value}"
            for option, value in (("engine", asked if asked != "auto" else None), ("context", context), ("name", name))
            if value
        )
        raise NoLab(
            f"No lab named {known!r} is running.",
            f"On the {choice.engine} engine.",
            f"Start it with `dclab up{again}`.",
        )
    return lab, choice
