"""The loops that make a lab what it is meant to be: desired against alive, and what the data path knows against who is ready."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping

from dclab.engines.embedded.child import look_for_stopped
from dclab.engines.embedded.deployment import Deployment
from dclab.engines.embedded.services import Services
from dclab.manifests import ServicePort

__all__ = ["CALLERS", "Reconciler"]

TICK = 1.0
"""Seconds at most between two comparisons."""

CALLERS = ("worker", "httplat")
"""Deployments whose names begin so call others, and are begun once those are ready."""


class Reconciler:
    """Compares at each event, and once a second. Each loop runs under the guard: one that fails is run again."""

    def __init__(
        self,
        deployments: Mapping[str, Deployment],
        service_specs: Mapping[str, ServicePort],
        services: Services,
    ) -> None:
        """The mappings may grow."""
        self._deployments = deployments
        self._service_specs = service_specs
        self._services = services
        self._event = asyncio.Event()
        self._publish_event = asyncio.Event()
        self._published: dict[str, list[int]] | None = None
        self._looked = 0.0

    def changed(self) -> None:
        """Compare now."""
        self._event.set()
        self._publish_event.set()

    @property
    def published(self) -> bool:
        """Whether the data path knows which replicas are ready."""
        return self._published == self._endpoints()

    async def run(self) -> None:
        """Compare desired with alive, for ever."""
        while True:
            self._event.clear()
            self._compare()
            if not self.published:
                self._publish_event.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._event.wait(), TICK)

    async def publish(self) -> None:
        """Tell the data path which replicas are ready, unless it knows: a worker that comes or goes is no change to it."""
        if self.published:
            return
        wanted = self._endpoints()
        await self._services.publish(wanted)
        self._published = wanted

    async def keep_published(self) -> None:
        """Tell the data path whenever it does not know, for ever. Its own loop: a data path that hangs delays nobody else."""
        while True:
            self._publish_event.clear()
            if not self.published:
                await self.publish()
            await self._publish_event.wait()

    def waits_for(self, deployment: Deployment) -> list[str]:
        """Return which deployments have to be ready before this one is begun."""
        if deployment.begun or not deployment.name.startswith(CALLERS):
            return []
        return [
            one.name
            for one in self._deployments.values()
            if not one.name.startswith(CALLERS) and not (one.begun and one.ready >= one.desired)
        ]

    def _compare(self) -> None:
        now = time.monotonic()
        look = now >= self._looked + TICK
        if look:
            self._looked = now
            look_for_stopped()
        faults = []
        for deployment in tuple(self._deployments.values()):
            try:  # so that an error of one deployment stops no other
                if not self.waits_for(deployment):
                    deployment.reconcile()
                if look:
                    for replica in deployment.replicas:
                        replica.look()
            except Exception as error:
                faults.append(error)
        if faults:
            raise faults[0]

    def _endpoints(self) -> dict[str, list[int]]:
        return {
            name: [
                replica.port
                for deployment in self._deployments.values()
                if service.selects(deployment.workload.labels)
                for replica in deployment.alive
                if replica.serving and replica.port is not None
            ]
            for name, service in self._service_specs.items()
        }
