"""A rolling update to a bad image and back, the end of a replica, and the hashes that a kill loses.

Upstream's chapter updates the workers to an image that does not exist, and undoes it (container.training,
slides/k8s/rollout.md); its workers do not handle SIGTERM, which ours do. Both are shown, and predicted first.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import msgspec

from dclab import manifests
from dclab.engines.http_services import call
from dclab.errors import DclabError, LabLost
from dclab.experiments.health_looks import ROLLOUT_SECONDS, Looks
from dclab.experiments.observer import Observer
from dclab.experiments.recovery import check_nothing_scales, undo
from dclab.lab import Lab, TemplateChange
from dclab.measure.health_watch import health_phases
from dclab.measure.queueing import SERVICE_SECONDS
from dclab.measure.rolling import (
    healed,
    is_whole,
    judge_stuck,
    predict_loss,
    predict_stuck,
    resolve,
    stuck,
    undone,
    waiting,
)
from dclab.results import Caveat, HealthLook, Loss, RolloutDemo

__all__ = ["REPLICAS", "RolloutSettings", "expected_seconds", "run_rollout_demo"]

REPLICAS = {"worker": 10, "rng": 4}
"""Of the target; ten workers as in upstream's chapter, and as few rngs as show both rounded percentages."""
LOSS_WORKERS = 3
"""That are ended together: as many as make no queue, so that each holds up to three hashes."""
LOSS_ROUNDS = 2
"""So that the two ways of ending them can be told apart."""
WORK_SECONDS = 3.0
SETTLE_SECONDS = 2.0
SETTLE_CYCLES = 3
"""Of a worker, for each of them to have reported what it made."""
LOG_LINES = 400
"""Of each worker, in which failed calls are counted; one prints a line a second."""


@dataclass(frozen=True, kw_only=True)
class RolloutSettings:
    """What is demonstrated."""

    target: str = "worker"
    seconds: float = 20.0
    """With the bad image; half of it before, and after."""


def expected_seconds(settings: RolloutSettings) -> float:
    """Return about how long it takes."""
    return 2.5 * settings.seconds + 2 * LOSS_ROUNDS * (WORK_SECONDS + 4.0) + 10.0


def run_rollout_demo(lab: Lab, settings: RolloutSettings, observer: Observer) -> RolloutDemo:
    """Run it. Whatever happens, templates and counts of replicas are put back.

    Raises:
        Refused: an autoscaler scales the lab.
        InvalidInput: the replica to be deleted has just ended by itself.
        TimedOut: the target does not come back.
        DclabError: as the lab.
    """
    check_nothing_scales(lab)
    target, count = settings.target, REPLICAS[settings.target]
    before = {name: lab.replicas(name).desired for name in dict.fromkeys(("worker", target))}
    manifest = manifests.workload(manifests.named(manifests.load(), "Deployment", target))
    surge, unavailable = resolve(manifest.max_surge, manifest.max_unavailable, count)
    demo = RolloutDemo(
        target=target,
        replicas=count,
        workers=REPLICAS["worker"],
        rngs=count if target == "rng" else lab.replicas("rng").desired,
        max_surge=surge,
        max_unavailable=unavailable,
        predicted=predict_stuck(count, surge, unavailable),
    )
    observer.record(rollout=demo)
    failed = True
    with contextlib.ExitStack() as last:

        def take_back(left: str, action: Callable[[], object]) -> None:
            undo(observer, failed, left, action)

        for name, replicas in before.items():
            last.callback(take_back, f"{name} was not scaled back", partial(lab.scale, name, replicas, ROLLOUT_SECONDS))
        for name in before:
            last.callback(take_back, f"The template of {name} was not put back", partial(lab.roll_back, name))
        demo = replace(demo, losses=_losses(lab, observer))
        lab.scale(target, count)
        lab.scale("worker", REPLICAS["worker"])
        time.sleep(SETTLE_SECONDS + SETTLE_CYCLES * REPLICAS["worker"] * SERVICE_SECONDS)
        found = _update(lab, demo, settings, observer)
        failed = False
    return found


def _update(lab: Lab, demo: RolloutDemo, settings: RolloutSettings, observer: Observer) -> RolloutDemo:
    target, count, failures = demo.target, demo.replicas, _Failures(lab)
    looks = Looks(lab, target, "rollout", observer, lambda taken: _result(demo, taken, failures.by_phase))
    with failures.counted("before"):
        looks.follow("before", settings.seconds / 2)
    with failures.counted("bad image"):
        lab.roll_out(target, TemplateChange(bad_image=True))
        looks.follow("bad image", settings.seconds)
    with failures.counted("undo"):
        lab.roll_back(target)
        looks.until("undo", lambda look: is_whole(look, count))
    with failures.counted("after"):
        looks.follow("after", settings.seconds / 2)
    victim = next((one.name for one in looks.taken[-1].replicas if one.ready), "")
    with failures.counted("heal"):
        lab.delete_replica(target, victim)
        looks.until("heal", lambda look: is_whole(look, count) and victim not in [one.name for one in look.replicas])
    found = _result(demo, looks.taken, failures.by_phase)
    observer.record(rollout=found)
    return found


def _result(demo: RolloutDemo, looks: list[HealthLook], failed: Mapping[str, int]) -> RolloutDemo:
    """What is known so far."""
    return replace(
        demo,
        timeline=tuple(looks),
        phases=health_phases(looks, demo.workers, demo.rngs),
        stuck=stuck(looks),
        waiting=waiting(looks),
        undone=undone(looks, demo.replicas),
        healed=healed(looks, demo.replicas),
        failed=dict(failed),
        verdict=judge_stuck(demo.predicted, looks),
    )


class _Failures:
    """Calls of workers that failed, as their logs say; of workers that were there at the end of a phase."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.by_phase: dict[str, int] = {}

    @contextlib.contextmanager
    def counted(self, phase: str) -> Iterator[None]:
        """Count those of a phase."""
        before = self._now()
        yield
        self.by_phase[phase] = sum(max(0, count - before.get(name, 0)) for name, count in self._now().items())

    def _now(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for line in self._lab.logs("worker", LOG_LINES):
            found[line.replica] = found.get(line.replica, 0) + ("Failed: " in line.text)
        return found


def _losses(lab: Lab, observer: Observer) -> tuple[Loss, ...]:
    """End workers with and without SIGTERM; nothing where nobody tells what hasher has served."""
    if lab.replicas("hasher").desired != 1:
        observer.caveat(
            Caveat(
                code="loss-not-measured",
                message="Lost hashes were not measured: there are several replicas of hasher, each with a count of its own.",
                hint="Scale it: `dclab scale hasher 1`.",
            )
        )
        return ()
    found = []
    ends: tuple[tuple[Literal["SIGTERM", "SIGKILL"], TemplateChange | None], ...] = (
        ("SIGTERM", None),
        ("SIGKILL", TemplateChange(deaf=True)),
    )
    for how, change in ends:
        observer.step(f"rollout (losses): ending workers by {how}")
        try:
            one = _loss(lab, how, change)
        except _Untold as error:
            observer.caveat(Caveat(code="loss-not-measured", message=f"Lost hashes were not measured: {error.what}"))
            return ()
        observer.raw("losses", [one])
        found.append(one)
    return tuple(found)


def _loss(lab: Lab, how: Literal["SIGTERM", "SIGKILL"], change: TemplateChange | None) -> Loss:
    """Let workers work, end them, and compare; before and after there are none, so nothing is on its way."""
    lab.scale("worker", 0)
    served, counted = _served(lab), lab.counter().hashes
    if change:
        lab.roll_out("worker", change)
    for _ in range(LOSS_ROUNDS):
        lab.scale("worker", LOSS_WORKERS)
        time.sleep(WORK_SECONDS)
        lab.scale("worker", 0)
    time.sleep(2 * SERVICE_SECONDS)  # for hasher to end what it was asked last
    low, high = predict_loss(LOSS_WORKERS, LOSS_ROUNDS, held=how == "SIGKILL")
    lost = Loss(
        how=how,
        at_once=LOSS_WORKERS,
        rounds=LOSS_ROUNDS,
        served=_served(lab) - served,
        counted=lab.counter().hashes - counted,
        predicted_low=low,
        predicted_high=high,
    )
    lab.roll_back("worker")
    return lost


class _Untold(DclabError):
    """Nobody tells how many hashes were made."""


class _Count(msgspec.Struct):
    served: int


def _served(lab: Lab) -> int:
    """How many hashes hasher has made; _Untold where it does not count, as the course's own does not."""
    try:
        return msgspec.json.decode(call(f"{lab.url('hasher')}/served"), type=_Count).served
    except (LabLost, msgspec.MsgspecError) as error:
        raise _Untold("hasher does not say how many hashes it has made.") from error
