"""An HTTP health probe of a busy service: what it does there, and that the manifest's TCP check does not.

Upstream's chapter on health checks adds such a probe to rng and scales the workers up (container.training,
slides/k8s/healthchecks-more.md and slides/exercises/healthchecks-details.md). Here it is predicted first, then shown.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from dclab.errors import TimedOut
from dclab.experiments.observer import Observer
from dclab.experiments.recovery import check_nothing_scales, undo
from dclab.lab import HealthProbe, Lab, TemplateChange
from dclab.measure.health_probe import failing_seconds, predict_probe, watch_seconds
from dclab.measure.health_watch import health_events, health_phases, judge
from dclab.measure.queueing import SERVICE_SECONDS
from dclab.results import HealthLook, ProbeDemo

__all__ = ["GRACE_SECONDS", "ProbeSettings", "expected_seconds", "run_probe_demo"]

TARGET = "rng"
"""The service whose queue is predicted."""
GRACE_SECONDS = 10.0
"""Of rng's manifest."""
TICK_SECONDS = 0.4
"""Between two looks."""
ROLLOUT_SECONDS = 90.0
"""For the new replicas to be in service, and in the end for the old ones again."""
SETTLE_SECONDS = 2.0

Phase = Literal["tcp", "rollout", "http", "back"]


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """What is demonstrated."""

    probe: HealthProbe
    workers: int

    @property
    def watch(self) -> float:
        """Seconds under the HTTP probe."""
        return watch_seconds(self.probe, GRACE_SECONDS)

    @property
    def control(self) -> float:
        """Seconds under the TCP check before: as long as the HTTP probe needs to fail if it does."""
        return failing_seconds(self.probe)


def expected_seconds(settings: ProbeSettings) -> float:
    """Return about how long it takes."""
    rollouts = 2 * (settings.probe.period_seconds + SETTLE_SECONDS)
    return settings.control + settings.watch + rollouts + settings.workers * SERVICE_SECONDS


@dataclass
class _Watch:
    """The looks so far, and what they come to."""

    lab: Lab
    demo: ProbeDemo
    observer: Observer
    begin: float = field(default_factory=time.monotonic)
    looks: list[HealthLook] = field(default_factory=list)

    def look(self, phase: Phase) -> HealthLook:
        """Take one and keep it."""
        found = HealthLook(
            t=time.monotonic() - self.begin,
            phase=phase,
            replicas=tuple(self.lab.health(TARGET)),
            hashes=self.lab.counter().hashes,
        )
        self.looks.append(found)
        self.observer.raw("probes", [found])
        self.observer.record(probes=self.result())
        self.observer.step(_line(found))
        return found

    def follow(self, phase: Phase, seconds: float) -> None:
        """Look again and again for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look(phase)
            time.sleep(TICK_SECONDS)
        self.look(phase)

    def until_current(self, phase: Phase) -> None:
        """Look until the service sends to replicas of the newest template alone; TimedOut after ROLLOUT_SECONDS."""
        end = time.monotonic() + ROLLOUT_SECONDS
        while True:
            served = [one for one in self.look(phase).replicas if one.in_service]
            if len(served) == self.demo.replicas and all(one.current for one in served):
                return
            if time.monotonic() > end:
                raise TimedOut(
                    f"The update of {TARGET} has not come to its end within {ROLLOUT_SECONDS:g} s.",
                    self.lab.trouble(TARGET) or "Its new replicas do not get ready.",
                    f"See `dclab logs {TARGET}`.",
                )
            time.sleep(TICK_SECONDS)

    def result(self) -> ProbeDemo:
        """What is known so far."""
        return replace(
            self.demo,
            timeline=tuple(self.looks),
            events=health_events(self.looks),
            phases=health_phases(self.looks, self.demo.workers),
            verdict=judge(self.demo.predicted, self.looks, self.demo.kind, self.demo.watch_seconds),
        )


def _line(look: HealthLook) -> str:
    restarts = sum(one.restarts for one in look.replicas)
    return f"probe {look.phase} {look.t:.0f} s: {look.in_service} of {TARGET} in service, {restarts} restarts"


def run_probe_demo(lab: Lab, settings: ProbeSettings, observer: Observer) -> ProbeDemo:
    """Run it. Whatever happens, the template and the number of workers are put back.

    Raises:
        Refused: an autoscaler scales the lab.
        TimedOut: the probe could not be rolled out, or nothing of the target is ready.
        DclabError: as the lab.
    """
    check_nothing_scales(lab)
    workers, replicas = lab.replicas("worker").desired, lab.replicas(TARGET).desired
    if not replicas:
        raise TimedOut(f"{TARGET} has no replica.", "It is scaled to 0.", f"Scale it: `dclab scale {TARGET} 1`.")
    probe = settings.probe
    demo = ProbeDemo(
        target=TARGET,
        kind=probe.kind,
        path=probe.path,
        period_seconds=probe.period_seconds,
        timeout_seconds=probe.timeout_seconds,
        failure_threshold=probe.failure_threshold,
        workers=settings.workers,
        replicas=replicas,
        grace_seconds=GRACE_SECONDS,
        watch_seconds=settings.watch,
        predicted=predict_probe(settings.workers, replicas, probe, GRACE_SECONDS),
    )
    observer.record(probes=demo)
    failed = True
    with contextlib.ExitStack() as last:

        def take_back(left: str, action: Callable[[], object]) -> None:
            undo(observer, failed, left, action)

        last.callback(take_back, "The number of workers was not put back", partial(lab.scale, "worker", workers))
        lab.scale("worker", settings.workers)
        time.sleep(SETTLE_SECONDS + settings.workers * SERVICE_SECONDS / replicas)
        watch = _Watch(lab, demo, observer)
        watch.follow("tcp", settings.control)
        last.callback(take_back, f"The template of {TARGET} was not put back", partial(_put_back, lab, watch))
        lab.roll_out(TARGET, TemplateChange(probe=probe))
        watch.until_current("rollout")
        watch.follow("http", settings.watch)
        failed = False
    return watch.result()


def _put_back(lab: Lab, watch: _Watch) -> None:
    """Begin to put the template back, and wait until it is."""
    lab.roll_back(TARGET)
    watch.until_current("back")
    lab.scale(TARGET, watch.demo.replicas, ROLLOUT_SECONDS)
