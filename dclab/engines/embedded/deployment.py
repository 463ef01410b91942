"""A deployment: as many replicas as are desired, replaced one by one when its settings change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from dclab.clock import reached
from dclab.engines.embedded.replica import Replica, ReplicaHost
from dclab.manifests import Workload

__all__ = ["Deployment"]


class Deployment:
    """The replicas of one workload. Counts are derived from the replicas, never kept beside them."""

    def __init__(self, lab: ReplicaHost, workload: Workload) -> None:
        self.lab = lab
        self.workload = workload
        self.desired = workload.replicas
        self.overrides: dict[str, str] = {}
        self._replicas: list[Replica] = []

    @property
    def name(self) -> str:
        """Name of the deployment."""
        return self.workload.name

    @property
    def replicas(self) -> list[Replica]:
        """Every replica that has a process or will have one again."""
        self._replicas = [one for one in self._replicas if not one.over]
        return self._replicas

    @property
    def alive(self) -> list[Replica]:
        """Replicas that are wanted: all but the terminating ones."""
        return [one for one in self.replicas if not one.terminating]

    @property
    def ready(self) -> int:
        """How many replicas are ready."""
        return sum(one.ready for one in self.alive)

    @property
    def terminating(self) -> int:
        """How many replicas are on their way out."""
        return len(self.replicas) - len(self.alive)

    @property
    def restarts(self) -> int:
        """Restarts of the replicas that exist."""
        return sum(one.restarts for one in self.replicas)

    @property
    def settled(self) -> bool:
        """Whether exactly the desired number is ready and nothing is left of others."""
        return self.ready == self.desired == len(self.replicas)

    def scale(self, desired: int) -> None:
        """Want this many replicas. Those not ready go first, then the youngest, as a ReplicaSet does."""
        self.desired = desired
        alive = sorted(self.alive, key=lambda one: (not one.ready, one.created), reverse=True)
        for replica in alive[: max(0, len(alive) - desired)]:
            replica.drain()
        for _ in range(desired - len(alive)):
            self._add()

    async def configure(self, overrides: Mapping[str, str], timeout: float) -> bool:
        """Replace every replica by one that has these variables over the manifest's.

        New ones are started and ready before the old ones go, so that the service has no gap.

        Returns:
            Whether the new ones were ready in time; if not, the old ones go on.
        """
        old = self.alive
        before, self.overrides = self.overrides, dict(overrides)
        new = [self._add() for _ in range(self.desired)]
        if not await reached(lambda: all(one.ready for one in new), timeout):
            self.overrides = before
            for replica in new:
                replica.drain()
            return False
        for replica in old:
            replica.drain()
        return True

    async def down(self, grace: float) -> None:
        """End every replica; return when all are gone."""
        self.desired = 0
        leaving = list(self.replicas)
        for replica in leaving:
            replica.drain(grace)
        await asyncio.gather(*(one.gone() for one in leaving))

    def _add(self) -> Replica:
        replica = Replica(self.lab, self.workload, self.overrides)
        self._replicas.append(replica)
        return replica
