"""What an experiment does about its lab: refuse one that changes by itself, and restart a crashed one, but not one that was ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from dclab.errors import DclabError, LabEnded, LabHeld, LabLost, Refused
from dclab.experiments.observer import Observer
from dclab.lab import SERVICES, Lab
from dclab.results import Caveat

__all__ = [
    "NOT_OURS",
    "attempt",
    "check_not_ended",
    "check_nothing_scales",
    "counts_but_workers",
    "put_back",
    "recover",
    "restore",
    "undo",
    "why_lost",
]

NOT_OURS = (LabEnded, LabHeld)
"""Errors after which an experiment has no lab to go on with: it stops at once, and keeps what it has."""


def counts_but_workers(lab: Lab) -> Mapping[str, int]:
    """Return how many replicas each service is to have; of workers an experiment decides that itself."""
    return {name: one.counts.desired for name, one in lab.states().items() if name in SERVICES and name != "worker"}


def check_nothing_scales(lab: Lab) -> None:
    """Raise Refused where an autoscaler is there: it would change what is measured.

    What it scales is changed sooner or later, so the figures would be those of no known number of replicas.
    """
    if found := lab.autoscalers():
        said = ", ".join(f"{name!r} (of {target})" for name, target in sorted(found.items()))
        raise Refused(
            f"The lab has an autoscaler that is not part of this measurement: {said}.",
            "It may change the number of replicas while the rate is measured; nothing was changed.",
            "Remove it first: `kubectl delete hpa` with its name and namespace; a lab of the embedded engine is started "
            "again by `dclab down`, then `dclab up`.",
        )


def check_not_ended(lab: Lab) -> None:
    """Raise LabEnded where someone has ended the lab, and nothing else."""
    try:
        lab.deployments()
    except LabEnded:
        raise
    except DclabError:
        pass


def why_lost(lab: Lab, error: LabLost) -> DclabError:
    """Return LabEnded where someone has ended the lab, which says more than what did not answer first; else the error."""
    try:
        check_not_ended(lab)
    except LabEnded as ended:
        return ended
    return error


@contextmanager
def put_back(*undo: Callable[[], object]) -> Iterator[None]:
    """Undo in the end what is changed within, one after the other, unless the lab is not ours any more."""
    try:
        yield
    except NOT_OURS:
        raise
    except BaseException:
        _all(undo)
        raise
    _all(undo)


def _all(undo: Sequence[Callable[[], object]]) -> None:
    with ExitStack() as stack:
        for one in reversed(undo):
            stack.callback(one)


def recover(lab: Lab, counts: Mapping[str, int]) -> None:
    """Bring a lab back that does not answer; return when it is ready.

    Args:
        lab: that was lost.
        counts: replicas of its services, which a lab that is deployed again does not know.

    Raises:
        LabEnded: someone has ended it; nothing was brought back.
        DclabError: it does not come back.
    """
    lab.deploy()
    restore(lab, counts)
    lab.ready()


def restore(lab: Lab, counts: Mapping[str, int]) -> None:
    """Scale services back to these numbers of replicas where they have others."""
    states = lab.states()
    for name, count in counts.items():
        if states[name].counts.desired != count:
            lab.scale(name, count)


def attempt(
    what: str, part: Callable[[], object], bring_back: Callable[[], object], kept: str, observer: Observer
) -> bool:
    """Do one part of several, and return whether it was done; where it fails, name it, so that the next one can be done.

    Args:
        what: names the part, after "The".
        part: is to be done.
        bring_back: brings back a lab that the part has lost.
        kept: what there is of the part, as the hint.
        observer: hears of the failure.

    Raises:
        LabEnded, LabHeld: the lab is not ours any more.
        DclabError: a lab that was lost does not come back.
    """
    try:
        part()
        return True
    except NOT_OURS:
        raise
    except DclabError as error:
        failure = error
    told = Caveat(
        code="part-failed",
        message=f"The {what} could not be finished. {failure.what} {failure.why}".strip(),
        hint=kept,
    )
    try:
        if isinstance(failure, LabLost):
            bring_back()
    except DclabError as error:
        if not isinstance(error, NOT_OURS):  # else that is why the part failed
            observer.caveat(told)
        raise
    observer.caveat(told)
    return False


def undo(observer: Observer, failed: bool, left: str, action: Callable[[], object]) -> None:
    """Take something back; what cannot be is named, and hides no failure that came before it.

    Args:
        observer: is told what is left behind.
        failed: whether something else has failed before; else the failure is raised.
        left: what is left behind then, in a sentence without its end.
        action: takes it back.

    Raises:
        LabEnded: it went with the lab, which explains the other failure, too.
    """
    try:
        action()
    except LabEnded:
        raise
    except DclabError as error:
        hint = error.hint or "`dclab down` removes it with the lab."
        observer.caveat(Caveat(code="left-behind", message=f"{left}: {error.what} {error.why}".strip(), hint=hint))
        if not failed:
            raise
