"""An HTTP health probe of a busy service: what it does there, and that the manifest's TCP check does not.

Upstream's chapter on health checks adds such a probe to rng and scales the workers up (container.training,
slides/k8s/healthchecks-more.md and slides/exercises/healthchecks-details.md). Here it is predicted first, then shown.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from dclab.errors import TimedOut
from dclab.experiments.health_looks import ROLLOUT_SECONDS, Looks
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
SETTLE_SECONDS = 2.0
SETTLE_CYCLES = 3
"""Of a worker, for the queue to be there and for each worker to have reported what it made."""


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
    return settings.control + settings.watch + rollouts + SETTLE_CYCLES * settings.workers * SERVICE_SECONDS


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
        time.sleep(SETTLE_SECONDS + SETTLE_CYCLES * settings.workers * SERVICE_SECONDS / replicas)
        looks = Looks(lab, TARGET, "probes", observer, partial(_result, demo))
        looks.follow("tcp", settings.control)
        last.callback(take_back, f"The template of {TARGET} was not put back", partial(_put_back, lab, looks, replicas))
        lab.roll_out(TARGET, TemplateChange(probe=probe))
        looks.until("rollout", partial(_is_updated, replicas))
        looks.follow("http", settings.watch)
        failed = False
    return _result(demo, looks.taken)


def _result(demo: ProbeDemo, looks: list[HealthLook]) -> ProbeDemo:
    """What is known so far."""
    return replace(
        demo,
        timeline=tuple(looks),
        events=health_events(looks),
        phases=health_phases(looks, demo.workers, demo.replicas),
        verdict=judge(demo.predicted, looks, demo.kind, demo.watch_seconds),
    )


def _is_updated(replicas: int, look: HealthLook) -> bool:
    """Whether the service sends to replicas of the newest template alone."""
    served = [one for one in look.replicas if one.in_service]
    return len(served) == replicas and all(one.current for one in served)


def _put_back(lab: Lab, looks: Looks, replicas: int) -> None:
    """Begin to put the template back, and wait until it is."""
    lab.roll_back(TARGET)
    looks.until("back", partial(_is_updated, replicas))
    lab.scale(TARGET, replicas, ROLLOUT_SECONDS)
