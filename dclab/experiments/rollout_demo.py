"""A rolling update to a bad image and back, the end of a replica, and the hashes that a kill loses.

Upstream's chapter updates the workers to an image that there is not, and undoes it (container.training,
slides/k8s/rollout.md); its workers do not handle SIGTERM, which ours do. Both are shown, and predicted first.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import msgspec

from dclab import manifests
from dclab.engines.http_services import call
from dclab.errors import DclabError, LabLost, TimedOut
from dclab.experiments.observer import Observer
from dclab.experiments.recovery import check_nothing_scales, undo
from dclab.lab import Lab, TemplateChange
from dclab.measure.health_watch import health_phases
from dclab.measure.queueing import SERVICE_SECONDS
from dclab.measure.rolling import healed, judge_stuck, predict_loss, predict_stuck, resolve, stuck, undone, waiting
from dclab.results import Caveat, HealthLook, Loss, RolloutDemo

__all__ = ["REPLICAS", "RolloutSettings", "expected_seconds", "run_rollout_demo"]

REPLICAS = {"worker": 10, "rng": 4}
"""Of the target; ten workers as in upstream's chapter, and as few rngs as show both rounded percentages."""
LOSS_WORKERS = 3
"""That are ended: as many as make no queue, so that each holds up to three hashes."""
WORK_SECONDS = 5.0
TICK_SECONDS = 0.4
ROLLOUT_SECONDS = 90.0
SETTLE_SECONDS = 2.0
LOG_LINES = 400
"""Of each worker, in which failed calls are counted; one prints a line a second."""

Phase = Literal["before", "bad image", "undo", "after", "heal"]


@dataclass(frozen=True, kw_only=True)
class RolloutSettings:
    """What is demonstrated."""

    target: str = "worker"
    seconds: float = 20.0
    """With the bad image; half of it before, and after."""


def expected_seconds(settings: RolloutSettings) -> float:
    """Return about how long it takes."""
    return 2.5 * settings.seconds + 2 * (WORK_SECONDS + 8.0) + 10.0


@dataclass
class _Watch:
    """The looks so far, and what they come to."""

    lab: Lab
    demo: RolloutDemo
    observer: Observer
    begin: float = field(default_factory=time.monotonic)
    looks: list[HealthLook] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)

    def look(self, phase: Phase) -> HealthLook:
        """Take one and keep it."""
        found = HealthLook(
            t=time.monotonic() - self.begin,
            phase=phase,
            replicas=tuple(self.lab.health(self.demo.target)),
            hashes=self.lab.counter().hashes,
        )
        self.looks.append(found)
        self.observer.raw("rollout", [found])
        self.observer.record(rollout=self.result())
        ready = sum(one.ready for one in found.replicas)
        self.observer.step(
            f"rollout {phase} {found.t:.0f} s: {ready} of {len(found.replicas)} {self.demo.target} ready"
        )
        return found

    def follow(self, phase: Phase, seconds: float) -> None:
        """Look again and again for so long, and count the calls that failed meanwhile."""
        with self.counting(phase):
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                self.look(phase)
                time.sleep(TICK_SECONDS)
            self.look(phase)

    def until(self, phase: Phase, whole: Callable[[HealthLook], bool]) -> None:
        """Look until something is so; TimedOut after ROLLOUT_SECONDS."""
        with self.counting(phase):
            end = time.monotonic() + ROLLOUT_SECONDS
            while not whole(self.look(phase)):
                if time.monotonic() > end:
                    raise TimedOut(
                        f"{self.demo.target} was not whole again within {ROLLOUT_SECONDS:g} s.",
                        self.lab.trouble(self.demo.target) or "Its replicas do not get ready.",
                        f"See `dclab logs {self.demo.target}`.",
                    )
                time.sleep(TICK_SECONDS)

    def counting(self, phase: Phase) -> contextlib.AbstractContextManager[None]:
        """Count the calls of workers that fail meanwhile, of workers that are there before and after."""
        return _Counting(self.lab, partial(self._note, phase))

    def _note(self, phase: Phase, count: int) -> None:
        self.failed[phase] = self.failed.get(phase, 0) + count

    def result(self) -> RolloutDemo:
        """What is known so far."""
        return replace(
            self.demo,
            timeline=tuple(self.looks),
            phases=health_phases(self.looks, self.demo.workers),
            stuck=stuck(self.looks),
            waiting=waiting(self.looks),
            undone=undone(self.looks, self.demo.replicas),
            healed=healed(self.looks, self.demo.replicas),
            failed=dict(self.failed),
            verdict=judge_stuck(self.demo.predicted, self.looks),
        )


class _Counting(contextlib.AbstractContextManager[None]):
    """Counts lines of workers' logs that say that a call failed."""

    def __init__(self, lab: Lab, note: Callable[[int], None]) -> None:
        self._lab, self._note = lab, note

    def __enter__(self) -> None:
        self._before = self._failures()

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(LabLost):
            now = self._failures()
            self._note(sum(max(0, count - self._before.get(name, 0)) for name, count in now.items()))

    def _failures(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for line in self._lab.logs("worker", LOG_LINES):
            found[line.replica] = found.get(line.replica, 0) + ("Failed: " in line.text)
        return found


def run_rollout_demo(lab: Lab, settings: RolloutSettings, observer: Observer) -> RolloutDemo:
    """Run it. Whatever happens, templates and counts of replicas are put back.

    Raises:
        Refused: an autoscaler scales the lab.
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
        losses = _losses(lab, observer)
        watch = _Watch(lab, replace(demo, losses=losses), observer)
        lab.scale(target, count)
        lab.scale("worker", REPLICAS["worker"])
        time.sleep(SETTLE_SECONDS + REPLICAS["worker"] * SERVICE_SECONDS)
        _update(lab, watch, settings)
        failed = False
    return watch.result()


def _update(lab: Lab, watch: _Watch, settings: RolloutSettings) -> None:
    target, count = settings.target, watch.demo.replicas
    watch.follow("before", settings.seconds / 2)
    lab.roll_out(target, TemplateChange(bad_image=True))
    watch.follow("bad image", settings.seconds)
    lab.roll_back(target)
    watch.until(
        "undo", lambda look: len(look.replicas) == count and all(one.ready and one.current for one in look.replicas)
    )
    watch.follow("after", settings.seconds / 2)
    victim = next(one.name for one in watch.looks[-1].replicas if one.ready)
    lab.delete_replica(target, victim)
    watch.until(
        "heal",
        lambda look: (
            victim not in [one.name for one in look.replicas] and sum(one.ready for one in look.replicas) == count
        ),
    )


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
        try:
            one = _loss(lab, observer, how, change)
        except _Untold as error:
            observer.caveat(Caveat(code="loss-not-measured", message=f"Lost hashes were not measured: {error.what}"))
            return ()
        observer.raw("losses", [one])
        found.append(one)
    return tuple(found)


def _loss(lab: Lab, observer: Observer, how: Literal["SIGTERM", "SIGKILL"], change: TemplateChange | None) -> Loss:
    """Let workers work, end them, and compare; before and after there are none, so nothing is on its way."""
    observer.step(f"rollout: ending {LOSS_WORKERS} workers by {how}")
    lab.scale("worker", 0)
    served, counted = _served(lab), lab.counter().hashes
    if change:
        lab.roll_out("worker", change)
    lab.scale("worker", LOSS_WORKERS)
    time.sleep(WORK_SECONDS)
    lab.scale("worker", 0)
    time.sleep(2 * SERVICE_SECONDS)  # for hasher to end what it was asked last
    low, high = predict_loss(LOSS_WORKERS) if change else (0, 0)
    lost = Loss(
        how=how,
        workers=LOSS_WORKERS,
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
