"""The autoscaler loop of an embedded lab: what it observes, when it decides, what it keeps.

The algorithm sees a clock of its own that may run faster than the wall's (`clock_speed`), so that windows
and periods keep Kubernetes' numbers while a demonstration takes a fraction of the time.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dclab.autoscaler import AutoscalerSpec, Decision, History, Observation, Pod, PodMetric, decide
from dclab.autoscaler.spec import EMBEDDED
from dclab.autoscaler.trace import Pass, outcome
from dclab.engines.embedded.deployment import Deployment
from dclab.engines.embedded.scrapes import Scrapes
from dclab.engines.embedded.usage import UsageSampler
from dclab.engines.embedded.wire import Settings
from dclab.errors import LabLost
from dclab.lab import AutoscalerStatus
from dclab.results import AutoscaleEvent

__all__ = ["Autoscaling"]

MOST_EVENTS = 500
MOST_PASSES = 2000
"""Of each autoscaler that are kept: more than eight hours of them."""


@dataclass
class _Autoscaler:
    """One autoscaler with its state."""

    spec: AutoscalerSpec
    history: History = field(default_factory=History)
    decision: Decision | None = None
    events: list[AutoscaleEvent] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)


class Autoscaling:
    """All autoscalers of one lab."""

    def __init__(
        self, deployments: Mapping[str, Deployment], usage: UsageSampler, scrapes: Scrapes, settings: Settings
    ) -> None:
        self.deployments = deployments
        self.usage = usage
        self.scrapes = scrapes
        self.settings = settings
        self.autoscalers: dict[str, _Autoscaler] = {}
        self.worst_delay = 0.0
        """Seconds by which the latest of all decisions was late."""

    def apply(self, spec: AutoscalerSpec) -> None:
        """Add an autoscaler, or change one and keep its history."""
        found = self.autoscalers.get(spec.name)
        if found:
            found.spec = spec
        else:
            self.autoscalers[spec.name] = _Autoscaler(spec)

    def remove(self, name: str) -> None:
        """Remove one, if it is there."""
        self.autoscalers.pop(name, None)

    @property
    def targets(self) -> dict[str, str]:
        """The deployment that each scales, by its own name."""
        return {name: one.spec.target for name, one in self.autoscalers.items()}

    def status(self, name: str) -> AutoscalerStatus:
        """What `kubectl describe hpa` tells; LabLost when there is none of that name."""
        found = self.autoscalers.get(name)
        if found is None:
            raise LabLost(f"There is no autoscaler {name!r}.", "It was removed, or the lab was restarted.")
        deployment = self.deployments[found.spec.target]
        decision = found.decision
        return AutoscalerStatus(
            current=len(deployment.alive),
            desired=deployment.desired,
            metrics=decision.metrics if decision else (),
            conditions=decision.conditions if decision else (),
            events=tuple(found.events),
        )

    def passes(self, name: str) -> list[Pass]:
        """What it saw and did, on its own clock; none when there is no autoscaler of that name."""
        found = self.autoscalers.get(name)
        return list(found.passes) if found else []

    async def run(self) -> None:
        """Decide once a period, for ever; run by the guard."""
        period = self.settings.sync_seconds / self.settings.clock_speed
        due = time.monotonic() + period
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.worst_delay = max(self.worst_delay, time.monotonic() - due)
            due = max(due + period, time.monotonic())
            faults = []
            for one in tuple(self.autoscalers.values()):
                try:  # so that an error of one stops no other
                    self._decide(one)
                except Exception as error:
                    faults.append(error)
            if faults:
                raise faults[0]

    def _decide(self, one: _Autoscaler) -> None:
        deployment = self.deployments[one.spec.target]
        at, seen = self._scaled(time.monotonic()), self._observe(deployment, one.spec)
        decision = decide(one.spec, one.history, seen, at, EMBEDDED)
        one.passes.append(Pass(at=at, seen=seen, outcome=outcome(decision)))
        del one.passes[:-MOST_PASSES]
        one.history = decision.history
        one.decision = decision
        now = time.time()
        one.events += [replace(event, t=now) for event in decision.events]
        del one.events[:-MOST_EVENTS]
        if decision.desired != deployment.desired:
            deployment.scale(decision.desired)

    def _observe(self, deployment: Deployment, spec: AutoscalerSpec) -> Observation:
        replicas = deployment.replicas
        return Observation(
            replicas=deployment.desired,
            status_replicas=len(deployment.alive),
            pods=tuple(
                Pod(
                    name=one.name,
                    ready=one.ready,
                    started=self._scaled(one.created),
                    ready_changed=self._scaled(one.ready_since),
                    phase="Running" if one.started else "Pending",
                    deleted=one.terminating,
                    container=deployment.name,
                )
                for one in replicas
            ),
            # The metrics API hands out whole millicores, rounded up (resource.Quantity.MilliValue).
            usage={
                one.name: PodMetric(
                    value=math.ceil(sample.cpu_millicores),
                    at=self._scaled(sample.at),
                    window=sample.window * self.settings.clock_speed,
                )
                for one in replicas
                if (sample := self.usage.samples.get(one.name))
            },
            requests={
                one.name: deployment.workload.cpu_request_millicores
                for one in replicas
                if deployment.workload.cpu_request_millicores
            },
            pod_metrics={
                one.name: self.scrapes.pod_values(spec.target, one.name) for one in spec.metrics if one.type == "Pods"
            },
            values={
                one.name: value
                for one in spec.metrics
                if one.type in ("Object", "External") and (value := self.scrapes.value(one, spec.target)) is not None
            },
        )

    def _scaled(self, monotonic: float) -> float:
        """The autoscaler's clock."""
        return monotonic * self.settings.clock_speed
