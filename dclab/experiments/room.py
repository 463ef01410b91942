"""Check before anything is started whether there is room for the wanted replicas and for their queue."""

from __future__ import annotations

from dclab import manifests
from dclab.errors import NoRoom
from dclab.lab import Lab, Room
from dclab.measure.queueing import most_workers, queue_seconds

__all__ = ["check_room", "room_for"]

CALL_SECONDS = "TIMEOUT"
"""The worker's variable for how long a call may wait."""

FORCE = "add --force to try it all the same"


def room_for(lab: Lab, deployment: str) -> Room | None:
    """Return for how many replicas there is room, by what they use and, of workers, by how long they would queue.

    None where that cannot be told.
    """
    found = lab.room(deployment)
    if deployment != "worker":
        return found
    rngs = max(1, lab.states()["rng"].counts.desired)
    patience = _patience()
    most = most_workers(rngs, patience)
    if found is not None and found.replicas <= most:
        return found
    why = (
        f"More than {most} workers at {rngs} rng would wait up to {queue_seconds(most, 1):.0f} s in its queue, which holds 1024 "
        f"calls, and a worker gives up a call after {patience:g} s"
        if rngs == 1
        else f"More than {most} workers at {rngs} rngs, of which chance chooses, would now and then queue for longer than the "
        f"{patience:g} s after which a worker gives up a call"
    )
    return Room(replicas=most, why=why)


def check_room(lab: Lab, deployment: str, replicas: int, *, force: bool = False) -> str:
    """Return a sentence that says for how many replicas of a deployment there is room; empty where that cannot be told.

    Args:
        lab: whose deployment it is.
        deployment: its name.
        replicas: how many there are to be.
        force: do not mind if there is no room for them.

    Raises:
        NoRoom: there is none for so many; nothing was changed.
    """
    room = room_for(lab, deployment)
    if room is None:
        return ""
    said = f"There is room for {room.replicas} replicas of {deployment}"
    if replicas > room.replicas and not force:
        raise NoRoom(f"{said}, and not for {replicas}.", f"{room.why}.", f"Ask for fewer, or {FORCE}.")
    return f"{said}. {room.why}."


def _patience() -> float:
    """Seconds after which a worker gives up a call."""
    return float(manifests.workload(manifests.named(manifests.load(), "Deployment", "worker")).env[CALL_SECONDS])
