"""A deployment: what is desired of a workload, and the replicas that there are of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from dclab.clock import reached
from dclab.engines.embedded.host import ReplicaHost
from dclab.engines.embedded.replica import Replica
from dclab.engines.embedded.rolling import Counts, next_step
from dclab.errors import DclabError
from dclab.lab import TemplateChange
from dclab.manifests import Workload
from dclab.measure.rolling import resolve

__all__ = ["Deployment"]


class Deployment:
    """The replicas of one workload. Counts are derived from the replicas, never kept beside them.

    What is desired (`scale`, `configure`, `roll_out`) is only written down; `reconcile` starts and drains replicas.
    """

    def __init__(self, lab: ReplicaHost, workload: Workload) -> None:
        self.lab = lab
        self.workload = workload
        """With `overrides` the template: what the newest replicas run."""
        self.before: Workload | None = None
        """The workload from before `roll_out`; None without one."""
        self.desired = workload.replicas
        self.begun = False
        """Whether replicas may be started: `reconcile` has been called."""
        self.overrides: dict[str, str] = {}
        """Variables over the manifest's."""
        self._rolled_out = self.overrides
        """The last template of which every replica was ready."""
        self._replicas: list[Replica] = []
        self._lost_restarts = 0

    @property
    def name(self) -> str:
        """Name of the deployment."""
        return self.workload.name

    @property
    def replicas(self) -> list[Replica]:
        """Every replica that has a process or will have one again."""
        return [one for one in self._replicas if not one.over]

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
        """Restarts of the replicas that exist, and replicas that were replaced since something had ended them."""
        return self._lost_restarts + sum(one.restarts for one in self.replicas)

    @property
    def settled(self) -> bool:
        """Whether exactly the desired number is ready, all of the template, and nothing is left of others."""
        replicas = self.replicas
        return self.begun and self.ready == self.desired == len(replicas) and all(map(self.is_current, replicas))

    def is_current(self, replica: Replica) -> bool:
        """Whether a replica is of the newest template."""
        return replica.overrides == self.overrides and replica.workload == self.workload

    def crash_loop(self, since: float) -> bool:
        """Whether a replica of the template crashes again and again, the last time after `since` (monotonic seconds)."""
        return any(one.crash_loop(since) for one in self.alive if self.is_current(one))

    @property
    def trouble(self) -> str:
        """Why not all are ready, in a sentence; empty while nothing is known against them."""
        found = [one for one in self.alive if one.trouble]
        found.sort(key=lambda one: (self.is_current(one), one.condition.crashes.in_a_row))
        return found[-1].trouble if found else ""

    def scale(self, desired: int) -> None:
        """Want this many replicas."""
        self.desired = desired
        self.lab.changed()

    def reconcile(self) -> None:
        """Start what is missing, begin to drain what is too many or of an old template, forget what has ended.

        From an old template to the newest one it goes as fast as Kubernetes' rolling update allows. Of those that are too
        many, the ones that are not ready go first, then the youngest, as in a ReplicaSet.
        """
        self.begun = True
        self._forget()
        current = [one for one in self.alive if self.is_current(one)]
        old = [one for one in self.alive if not self.is_current(one)]
        missing, leaving = max(0, self.desired - len(current)), 0
        if old:
            counts = Counts(len(old), sum(one.ready for one in old), len(current), sum(one.ready for one in current))
            surge, unavailable = resolve(self.workload.max_surge, self.workload.max_unavailable, self.desired)
            missing, leaving = next_step(self.desired, surge, unavailable, counts)
        for _ in range(missing):
            self._replicas.append(Replica(self.lab, self.workload, self.overrides))
        _drain(old, leaving)
        _drain(current, len(current) - self.desired)
        if missing and leaving:  # what is going makes room for others
            self.lab.changed()
        if sum(one.ready for one in current if not one.terminating) >= self.desired:
            self._rolled_out = self.overrides

    def roll_out(self, change: TemplateChange) -> None:
        """Want replicas with this change of what was there before the first one; whether they get ready is not waited for."""
        self.before = self.before or self.workload
        self.workload = self.before.changed(change)
        self.lab.changed()

    def roll_back(self) -> None:
        """Want again what was there before `roll_out`."""
        if self.before is not None:
            self.workload, self.before = self.before, None
            self.lab.changed()

    async def configure(self, overrides: Mapping[str, str], timeout: float) -> str | None:
        """Want replicas that have these variables over the manifest's; wait until all are ready, then for the old ones.

        Returns:
            None when they were in time. Else why not; what was rolled out before is desired again then.

        Raises:
            DclabError: another command has configured it meanwhile.
        """
        wanted = dict(overrides)
        before = self._rolled_out
        began = time.monotonic()
        self.overrides = wanted
        self.lab.changed()
        await reached(lambda: self.settled or self.crash_loop(began) or self.overrides != wanted, timeout)
        if self.settled and self.overrides == wanted:
            return None
        if self.overrides != wanted:
            raise DclabError(
                f"{self.name} was configured otherwise while {wanted} was rolled out.",
                "Another dclab command did that.",
                "Let one command at a time change the lab.",
            )
        why = self.trouble or f"{self.ready} of {self.desired} were ready, and nothing was printed that says why."
        self.overrides = before
        self.lab.changed()
        await reached(lambda: self.settled or self.overrides != before, self.workload.grace_seconds + 5)
        return why

    async def down(self, grace: float) -> None:
        """End every replica; return when all are gone."""
        self.desired = 0
        leaving = self.replicas
        for replica in leaving:
            replica.drain(grace)
        await asyncio.gather(*(one.gone() for one in leaving))

    def _forget(self) -> None:
        for replica in self._replicas:
            if replica.over and not replica.terminating:
                self.lab.say(f"{replica.name} is replaced: its task has ended")
                self._lost_restarts += replica.restarts + 1
        self._replicas = self.replicas


def _drain(replicas: list[Replica], count: int) -> None:
    for one in sorted(replicas, key=lambda each: (each.ready, -each.created))[: max(0, count)]:
        one.drain()
