"""Which engine a command uses, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dclab.errors import InvalidInput, NoLab, NotSupported

if TYPE_CHECKING:
    from dclab.engines.embedded.client import EmbeddedLab

__all__ = ["ENGINES", "Choice", "choose_engine", "find_lab"]

ENGINES = ("auto", "embedded", "kube")


class Choice(NamedTuple):
    """An engine, and why it was taken."""

    engine: str
    reason: str


def choose_engine(asked: str) -> Choice:
    """The engine for what the user asked for.

    Raises:
        InvalidInput: there is no such engine.
        NotSupported: it is not there yet.
    """
    if asked not in ENGINES:
        raise InvalidInput(f"There is no engine {asked!r}.", f"There are: {', '.join(ENGINES)}.", "Try --engine auto.")
    if asked == "kube":
        raise NotSupported(
            "The kube engine is not part of this version of dclab.",
            "Only the embedded engine is there so far.",
            "Use --engine embedded: the same app runs as processes on this machine.",
        )
    if asked == "embedded":
        return Choice("embedded", "it was asked for")
    return Choice("embedded", "this version of dclab has no other engine yet")


def find_lab(name: str, engine: str) -> tuple[EmbeddedLab, Choice]:
    """The running lab of that name; NoLab when there is none."""
    from dclab.engines.embedded import launch

    choice = choose_engine(engine)
    lab = launch.find(name)
    if lab is None:
        raise NoLab(
            f"No lab named {name!r} is running.",
            "",
            "Start it with `dclab up`." if name == "dclab" else f"Start it with `dclab up --name {name}`.",
        )
    return lab, choice
