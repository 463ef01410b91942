"""Which service is the bottleneck: what latency suspects, what changes prove, what else is ruled out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dclab.experiments.bottleneck import find_bottleneck
from dclab.experiments.latency import LatencySettings, run_latency
from dclab.experiments.observer import Observer
from dclab.experiments.proof import ProofSettings, run_proof
from dclab.experiments.rule_out import Cpu, cpu_per_replica, redis_ms
from dclab.lab import Lab
from dclab.results import Bottleneck, Intervention, Rate, Sweep, TargetLatency

__all__ = ["Investigation"]


@dataclass
class Investigation:
    """What is known so far. Each step that is done is recorded, with the verdict that follows from all of them."""

    lab: Lab
    observer: Observer
    sweep: Sweep | None = None
    latency: Mapping[str, TargetLatency] | None = None
    interventions: tuple[Intervention, ...] = ()
    cpu: Mapping[str, Cpu] = field(default_factory=dict)
    redis_ms: float | None = None

    def suspect(self, settings: LatencySettings) -> None:
        """Measure the latency of each service, and the CPU that it uses."""
        self.latency = run_latency(self.lab, settings, self.observer)
        self.cpu = cpu_per_replica(self.lab, settings.targets)
        self.conclude()

    def prove(self, settings: ProofSettings) -> None:
        """Change one thing at a time, and time Redis; a sweep that ended with as many workers is the first baseline."""
        self.interventions = run_proof(self.lab, settings, self.observer, self._unchanged(settings.workers))
        self.redis_ms = redis_ms(self.lab)
        self.conclude()

    def _unchanged(self, workers: int) -> Rate | None:
        last = self.sweep.points[-1] if self.sweep and self.sweep.points else None
        return last.hashes_per_second if last and last.workers == workers else None

    def conclude(self) -> Bottleneck:
        """Return the verdict on what is known so far."""
        found = find_bottleneck(self.latency, self.sweep, self.interventions, self.cpu, self.redis_ms)
        self.observer.record(bottleneck=found)
        return found
