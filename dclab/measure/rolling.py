"""The pace of a rolling update, by Kubernetes' arithmetic; what a series of looks shows of one; hashes that a kill loses.

Source: pkg/controller/deployment/util/deployment_util.go of k8s.io/kubernetes (ResolveFenceposts).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from dclab.measure.queueing import CYCLE_SECONDS, SERVICE_SECONDS, bound_rate
from dclab.measure.simulate import REPORT_EVERY
from dclab.results import HealthLook, Stuck, Took

__all__ = [
    "healed",
    "is_whole",
    "judge_stuck",
    "predict_loss",
    "predict_stuck",
    "resolve",
    "stuck",
    "undone",
    "waiting",
]

DRAWS = 4000


def resolve(max_surge: int | str, max_unavailable: int | str, desired: int) -> tuple[int, int]:
    """Return both as numbers of replicas: of a percentage, surge is rounded up and unavailable down; not both are 0."""
    surge = math.ceil(_of(max_surge, desired))
    unavailable = min(math.floor(_of(max_unavailable, desired)), desired)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def _of(value: int | str, desired: int) -> Fraction:
    return Fraction(value) if isinstance(value, int) else Fraction(int(value.removesuffix("%")) * desired, 100)


def predict_stuck(desired: int, surge: int, unavailable: int) -> Stuck:
    """Return where an update hangs whose replicas never get ready: so many old ones may go, and as many more new ones come."""
    return Stuck(old=desired - unavailable, new=min(desired, surge + unavailable))


def stuck(looks: Sequence[HealthLook]) -> Stuck | None:
    """Return how many there are at the last look at the bad image; None without one, or where a new one is ready."""
    last = next((one for one in reversed(looks) if one.phase == "bad image"), None)
    if last is None or any(one.ready and one.current for one in last.replicas):
        return None
    alive = [one for one in last.replicas if not one.terminating]
    return Stuck(old=sum(one.in_service and not one.current for one in alive), new=sum(one.current for one in alive))


def waiting(looks: Sequence[HealthLook]) -> str:
    """Return why new replicas do not run, as it was seen last with the bad image; empty where nothing was seen."""
    said = [one.waiting for look in looks if look.phase == "bad image" for one in look.replicas if one.current]
    return next(filter(None, reversed(said)), "")


def judge_stuck(
    predicted: Stuck, looks: Sequence[HealthLook]
) -> Literal["as predicted", "not as predicted", "cannot tell"]:
    """Return whether the update hangs where it was predicted to."""
    if not any(one.phase == "bad image" for one in looks):
        return "cannot tell"
    return "as predicted" if stuck(looks) == predicted else "not as predicted"


def is_whole(look: HealthLook, desired: int) -> bool:
    """Whether there are as many replicas as wanted, all ready and of the newest template, and no other."""
    return len(look.replicas) == desired and all(one.ready and one.current for one in look.replicas)


def undone(looks: Sequence[HealthLook], desired: int) -> Took | None:
    """Return how long the undo took, until all was whole; None where that was not seen."""
    return _took([one for one in looks if one.phase == "undo"], desired)


def healed(looks: Sequence[HealthLook], desired: int) -> Took | None:
    """Return how long it took after a replica was deleted, until all was whole again; None where that was not seen."""
    return _took([one for one in looks if one.phase == "heal"], desired)


def _took(looks: Sequence[HealthLook], desired: int) -> Took | None:
    """From the first look, made as it was ordered, to the last change to whole; None where it always was, or never."""
    for a, b in reversed(list(pairwise(looks))):
        if is_whole(b, desired) and not is_whole(a, desired):
            return Took(low=a.t - looks[0].t, high=b.t - looks[0].t)
    return None


def predict_loss(workers: int, rounds: int, *, held: bool) -> tuple[int, int]:
    """Return the 95 % interval of the hashes that are not counted when so many workers are ended at moments of chance.

    Whether it can report or not, a worker leaves the hash that hasher is making for it. Without a report it also takes along
    what it has made since its last one: it reports before the first unit that begins more than a second after that, so it
    holds up to as many units as make a second, less one.

    Args:
        workers: ended together.
        rounds: how often.
        held: whether what they hold is lost, since they are killed.
    """
    cycle = max(CYCLE_SECONDS, workers / bound_rate(workers))
    units = max(1, math.ceil(REPORT_EVERY / cycle - 1e-9))
    dice = random.Random(1)
    sums = []
    for _ in range(DRAWS):
        at = [dice.uniform(0, units) for _ in range(workers * rounds)]
        sums.append(sum((math.floor(one) if held else 0) + (one % 1 > 1 - SERVICE_SECONDS / cycle) for one in at))
    sums.sort()
    return sums[math.floor(0.025 * DRAWS)], sums[math.ceil(0.975 * DRAWS) - 1]
