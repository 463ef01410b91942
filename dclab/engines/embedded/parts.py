"""The parts of a supervisor that clients can ask about: find a part, and wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dclab.clock import reached
from dclab.engines.embedded import wire
from dclab.engines.embedded.autoscale import Autoscaling
from dclab.engines.embedded.child import look_for_stopped
from dclab.engines.embedded.deployment import Deployment
from dclab.engines.embedded.exporter import EXPORTER
from dclab.engines.embedded.host import ReplicaHost
from dclab.engines.embedded.jobs import RunningJob
from dclab.engines.embedded.prometheus import PROMETHEUS, SCRAPE_SECONDS, configure, reload
from dclab.engines.embedded.reconcile import Reconciler
from dclab.engines.embedded.reports import Reports
from dclab.engines.embedded.scrapes import Scrapes
from dclab.engines.embedded.services import Services
from dclab.engines.embedded.usage import UsageSampler
from dclab.errors import InvalidInput, LabLost, TimedOut
from dclab.manifests import ServicePort

__all__ = ["Parts"]

SCRAPED = "prometheus.io/scrape"
"""The annotation of services that Prometheus is to scrape."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a lab consists of, as far as it can be asked about."""

    settings: wire.Settings
    folder: Path
    host: ReplicaHost
    service_specs: dict[str, ServicePort]
    services: Services
    deployments: dict[str, Deployment]
    reconciler: Reconciler
    jobs: dict[str, RunningJob]
    reports: Reports
    usage: UsageSampler
    scrapes: Scrapes
    exporter_port: int
    autoscaling: Autoscaling
    end: Callable[[], Awaitable[None]]
    """Ends everything that runs, then the supervisor itself."""

    def deployment(self, name: str) -> Deployment:
        """Return the deployment; InvalidInput: there is none of that name."""
        try:
            return self.deployments[name]
        except KeyError:
            known = ", ".join(sorted(self.deployments))
            raise InvalidInput(f"There is no deployment {name!r} in this lab.", f"There are: {known}.") from None

    def job(self, name: str) -> RunningJob:
        """Return the job; LabLost: there is none of that name."""
        try:
            return self.jobs[name]
        except KeyError:
            raise LabLost(f"The lab knows no job {name!r}.", "The lab was restarted since.") from None

    @property
    def ports(self) -> dict[str, int]:
        """Port of every service, also of the one that the supervisor itself serves."""
        return {**self.services.ports, EXPORTER: self.exporter_port}

    def scrape_every(self, seconds: float | None) -> float | None:
        """Scrape so often from now on, Prometheus as well, None as by default; return what it was (on the autoscaler's clock)."""
        before = self.scrapes.period
        self.scrapes.every(seconds)
        if PROMETHEUS in self.deployments:
            try:
                self.configure_prometheus()
                reload(self.deployments[PROMETHEUS])
            except OSError as error:  # it is there to be looked at: nothing else depends on it
                self.host.say(f"Prometheus goes on to scrape as before: {error}")
        return before

    def configure_prometheus(self) -> None:
        """Write the configuration of the lab's Prometheus; OSError when that cannot be written."""
        scraped = [name for name, one in self.service_specs.items() if one.annotations.get(SCRAPED) == "true"]
        seconds = SCRAPE_SECONDS if self.scrapes.period is None else self.scrapes.seconds
        configure(self.folder, {name: self.ports[name] for name in (*scraped, EXPORTER)}, seconds)

    def see(self) -> None:
        """See which replicas are stopped, so that what is said now is so."""
        look_for_stopped()
        for deployment in self.deployments.values():
            for replica in deployment.replicas:
                replica.see()

    @property
    def logs(self) -> Path:
        """Folder of what replicas and jobs print."""
        return self.host.place / "logs"

    async def wait(self, waited: Sequence[Deployment], timeout: float) -> None:
        """Return when these are settled and the data path serves them.

        Raises:
            TimedOut: they are not in time, or at once when a replica crashes again and again; with the cause.
        """
        began = time.monotonic()

        def settled() -> bool:
            self.see()
            served = self.reconciler.published and self.services.trouble() is None
            return served and all(one.settled for one in waited)

        def crashing() -> bool:
            return any(one.crash_loop(began) for one in waited)

        if await reached(lambda: settled() or crashing(), timeout) and settled():
            return
        late = [one for one in waited if not one.settled]
        counts = ", ".join(
            f"{one.name} has {one.ready} of {one.desired} ready and {one.terminating} terminating" for one in late
        )
        within = "" if crashing() else f" within {timeout:g} s"
        raise TimedOut(
            f"The lab was not ready{within}: {counts or 'its data path does not serve its replicas'}.",
            " ".join(filter(None, (*map(self.why, late), self.services.trouble()))),
            f"See the logs in {self.logs}; `dclab down` and `dclab up` start afresh.",
        )

    def why(self, deployment: Deployment) -> str:
        """Return why not all replicas of a deployment are ready; empty while nothing is known against them."""
        if waits := self.reconciler.waits_for(deployment):
            return f"{deployment.name} is started once {', '.join(waits)} are ready."
        return deployment.trouble

    def remember(self) -> Callable[[], Coroutine[Any, Any, None]]:
        """Return a function that puts the lab back to how it is now: for a command that is killed while it holds it."""
        desired = {name: (one.desired, one.overrides) for name, one in self.deployments.items()}
        rolled = {name for name, one in self.deployments.items() if one.before}
        policy, scaled, jobs = self.services.load_balancing, set(self.autoscaling.targets), set(self.jobs)
        period = self.scrapes.period

        async def put_back() -> None:
            for name in set(self.autoscaling.targets) - scaled:
                self.autoscaling.remove(name)
            for name, (count, overrides) in desired.items():
                self.deployments[name].overrides = overrides
                if name not in rolled:
                    self.deployments[name].roll_back()
                self.deployments[name].scale(count)
            if self.scrapes.period != period:
                self.scrape_every(period)
            if self.services.load_balancing != policy:
                await self.services.set_load_balancing(policy)
            await asyncio.gather(*(job.stop() for name, job in self.jobs.items() if name not in jobs))

        return put_back
