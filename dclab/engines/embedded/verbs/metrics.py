"""Verbs on metrics, and on the autoscalers that go by them."""

from __future__ import annotations

import asyncio

import msgspec

from dclab.autoscaler import parse_autoscaler
from dclab.engines.embedded import questions
from dclab.engines.embedded.deployment import Deployment
from dclab.engines.embedded.parts import Parts
from dclab.engines.embedded.prometheus import PROMETHEUS, prometheus_service, prometheus_workload
from dclab.errors import DclabError
from dclab.lab import AutoscalerStatus, Quantities

__all__ = ["MetricVerbs"]


class MetricVerbs:
    """Answers to `questions.metrics`."""

    parts: Parts
    adding: asyncio.Lock
    """Held while Prometheus is added."""

    async def apply_autoscaler(self, asked: questions.ApplyAutoscaler) -> None:
        """Apply a HorizontalPodAutoscaler; InvalidInput: it is none, or asks for a metric that nobody serves."""
        spec = parse_autoscaler(asked.manifest)
        self.parts.deployment(spec.target)
        self.parts.scrapes.check(spec)
        self.parts.autoscaling.apply(spec)

    async def remove_autoscaler(self, asked: questions.RemoveAutoscaler) -> None:
        """Remove one; replica counts stay as they are."""
        self.parts.autoscaling.remove(asked.name)

    async def autoscaler(self, asked: questions.AskAutoscaler) -> AutoscalerStatus:
        """Status of one."""
        return self.parts.autoscaling.status(asked.name)

    async def autoscaler_passes(self, asked: questions.AskPasses) -> msgspec.Raw:
        """What one saw and did."""
        return msgspec.Raw(msgspec.json.encode(self.parts.autoscaling.passes(asked.name)))

    async def scrape_every(self, asked: questions.ScrapeEvery) -> float | None:
        """Set the scrape period; return the one before."""
        return self.parts.scrape_every(asked.seconds)

    async def served_metrics(self, asked: questions.AskServedMetrics) -> tuple[str, ...]:
        """Metrics that an autoscaler of a deployment can use."""
        return tuple(self.parts.scrapes.served(self.parts.deployment(asked.deployment).name))

    async def quantities(self, asked: questions.AskQuantities) -> dict[str, Quantities]:
        """What each replica of a deployment has been asked; empty where nobody counts."""
        return await self.parts.scrapes.quantities(self.parts.deployment(asked.deployment).name)

    async def prometheus(self, asked: questions.AskPrometheus) -> int | None:
        """Port of the lab's Prometheus, started if need be; None where it is not installed."""
        try:
            async with self.adding:  # asked twice at once, it is added once
                if PROMETHEUS not in self.parts.deployments and not await self._add_prometheus():
                    return None
        except OSError as error:
            raise DclabError("Prometheus could not be started.", f"{error}.", "Make room, and try again.") from error
        await self.parts.wait([self.parts.deployments[PROMETHEUS]], asked.timeout)
        return self.parts.services.ports[PROMETHEUS]

    async def _add_prometheus(self) -> bool:
        lab, service = self.parts, prometheus_service()
        workload = prometheus_workload(lab.folder)
        if workload is None:
            return False
        lab.configure_prometheus()
        if service.name not in lab.services.ports:
            await lab.services.open({service.name: 0})
        lab.service_specs[service.name] = service
        lab.deployments[PROMETHEUS] = Deployment(lab.host, workload)
        lab.reconciler.changed()
        return True
