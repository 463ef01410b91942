"""What a lab serves to autoscalers beside CPU: the values that Prometheus would make of its scrapes, with the same delays.

The supervisor scrapes the data path's counts of each replica, and each httplat, once a period of the autoscaler's clock. An
autoscaler sees rates over three periods up to its pass, as from `rate(counter[30s])`; what was not scraped in time is
unknown, and never zero.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

from dclab.autoscaler import AutoscalerSpec, PodMetric
from dclab.autoscaler.served import IN_FLIGHT, LATENCY, REQUESTS, SERVICE_LABEL, check_served, served_metrics
from dclab.autoscaler.spec import MetricSpec
from dclab.engines.embedded.deployment import Deployment
from dclab.engines.embedded.endpoint import Asked
from dclab.engines.embedded.replica import Replica
from dclab.engines.embedded.services import Services
from dclab.engines.embedded.wire import Settings
from dclab.engines.http_services import read_httplat
from dclab.errors import InvalidInput, LabLost
from dclab.lab import Quantities
from dclab.loopback import LOOPBACK
from dclab.measure.prometheus_rate import prometheus_rate

__all__ = ["PERIOD", "Scrapes"]

PERIOD = 10.0
"""Seconds between two scrapes on the autoscaler's clock, where nobody asks for another."""

PERIODS = 3
"""Over which a rate is taken."""

KEPT = 50
"""Samples of each counter: more than lie in a window, also after the period was made longer."""

WATCHER = "httplat-"
"""The deployment that measures the latency of another has its name after this."""

COUNTERS: Mapping[str, Callable[[Asked], float]] = {
    IN_FLIGHT: lambda asked: asked.in_flight_seconds,
    REQUESTS: lambda asked: asked.requests,
}
"""Whose rate each metric of a replica is."""

Samples = deque[tuple[float, float]]


class Scrapes:
    """The scrapes of one lab. Times are monotonic seconds, unless they are said to be on the autoscaler's clock."""

    def __init__(self, deployments: Mapping[str, Deployment], services: Services, settings: Settings) -> None:
        """The mapping may grow."""
        self._deployments = deployments
        self._services = services
        self._clock_speed = settings.clock_speed
        self._period: float | None = None
        self._changed = asyncio.Event()
        self._asked: dict[str, dict[str, deque[Asked]]] = {}
        """By deployment and replica, also of those that have ended within the window."""
        self._latency: dict[str, tuple[Samples, Samples]] = {}
        """Sum and count of each httplat, by the deployment that it watches."""

    @property
    def period(self) -> float | None:
        """Seconds between two scrapes on the autoscaler's clock, None where nobody has asked for any."""
        return self._period

    def every(self, seconds: float | None) -> None:
        """Scrape so often from now on."""
        self._period = seconds
        self._changed.set()

    @property
    def seconds(self) -> float:
        """Real seconds between two scrapes."""
        return (self._period or PERIOD) / self._clock_speed

    @property
    def counted(self) -> Sequence[str]:
        """The deployments whose replicas are counted: those that an httplat watches."""
        names = (name.removeprefix(WATCHER) for name in self._deployments if name.startswith(WATCHER))
        return sorted(name for name in names if name in self._deployments)

    def served(self, target: str) -> Sequence[str]:
        """Return the metrics that an autoscaler of a deployment can use (`MetricSpec.served_as`)."""
        counted = self.counted
        found = {
            one for name in counted for one in served_metrics(name) if target in counted or not one.startswith("pods/")
        }
        return sorted(found | {"resource/cpu"})

    def check(self, spec: AutoscalerSpec) -> None:
        """Return when all metrics of an autoscaler are served; InvalidInput: which are not, and what is served."""
        check_served(spec, self.served(spec.target))
        for one in spec.metrics:
            meant = self._meant(one, spec.target)
            known = {"Pods": [spec.target], "External": self.counted}.get(one.type, [meant])
            if meant not in known:
                raise InvalidInput(
                    f"Nobody serves {one.served_as} of {meant} to the autoscaler {spec.name!r}.",
                    f"There is that of {' and '.join(known)}.",
                    f"Give the metric a selector with matchLabels {{{SERVICE_LABEL}: {known[-1]}}}.",
                )

    def pod_values(self, target: str, name: str) -> Mapping[str, PodMetric]:
        """Return a metric of each replica of a deployment by its name, on the autoscaler's clock; unknown ones are left out."""
        now, window = time.monotonic(), PERIODS * self.seconds
        found = {}
        for replica in self._deployments[target].replicas:
            value = self._rate(target, replica.name, COUNTERS[name], now)
            if value is not None:
                found[replica.name] = PodMetric(
                    value=_whole_milli(value), at=now * self._clock_speed, window=window * self._clock_speed
                )
        return found

    def value(self, metric: MetricSpec, target: str) -> float | None:
        """Return an Object or External metric for an autoscaler of a deployment; None: it is unknown."""
        now, meant = time.monotonic(), self._meant(metric, target)
        if metric.name == LATENCY:
            found = self._mean_latency(meant, now)
        else:
            rates = [self._rate(meant, one, COUNTERS[metric.name], now) for one in self._asked.get(meant, ())]
            known = [one for one in rates if one is not None]
            found = sum(known) if known else None
        return None if found is None else _whole_milli(found)

    async def asked(self) -> Sequence[tuple[str, str, Asked]]:
        """Return what every replica that is counted has been asked until now, after its deployment and its own name."""
        await self._services.refresh()
        return [
            (target, replica.name, asked)
            for target in self.counted
            for replica in self._deployments[target].replicas
            if (asked := self._asked_of(replica))
        ]

    async def quantities(self, target: str) -> dict[str, Quantities]:
        """Return what each replica of a deployment has been asked until now, by its name; empty where nobody counts."""
        began = time.time() - time.monotonic()
        return {
            replica: Quantities(began + asked.at, asked.in_flight_seconds, asked.requests, asked.full_seconds)
            for deployment, replica, asked in await self.asked()
            if deployment == target
        }

    async def count(self) -> None:
        """Scrape the counts of replicas, for ever; run by the guard."""
        await self._each_period(self._take_counts)

    async def measure_latency(self) -> None:
        """Scrape every httplat, for ever; run by the guard. Its own loop: one that does not answer delays no count."""
        await self._each_period(self._take_latency)

    async def _each_period(self, take: Callable[[], Awaitable[None]]) -> None:
        due = time.monotonic()
        while True:
            due = max(due + self.seconds, time.monotonic())
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), due - time.monotonic())
                due = time.monotonic()
            await take()

    async def _take_counts(self) -> None:
        await self._services.refresh()
        oldest = time.monotonic() - PERIODS * self.seconds
        for target in self.counted:
            kept = self._asked.setdefault(target, {})
            for replica in self._deployments[target].replicas:
                asked = self._asked_of(replica)
                if asked and asked.at > oldest:
                    samples = kept.setdefault(replica.name, deque(maxlen=KEPT))
                    if not samples or asked.at > samples[-1].at:
                        samples.append(asked)
            for name in [name for name, samples in kept.items() if samples[-1].at < oldest]:
                del kept[name]

    async def _take_latency(self) -> None:
        await asyncio.gather(*map(self._take_latency_of, self.counted))

    async def _take_latency_of(self, target: str) -> None:
        url = f"http://{LOOPBACK}:{self._services.ports[f'{WATCHER}{target}']}"
        with contextlib.suppress(LabLost, RuntimeError):  # it does not answer, or there is no thread to be had
            scrape = await asyncio.to_thread(read_httplat, url)
            sums, counts = self._latency.setdefault(target, (deque(maxlen=KEPT), deque(maxlen=KEPT)))
            now = time.monotonic()
            sums.append((now, scrape.sum_seconds))
            counts.append((now, scrape.probes))

    def _asked_of(self, replica: Replica) -> Asked | None:
        """What a replica has been asked over all its starts."""
        found = [asked for port in replica.ports if (asked := self._services.asked(port))]
        total = found[0] if found else None
        for one in found[1:]:
            total = total.plus(one) if total else one
        return total

    def _rate(self, target: str, replica: str, counter: Callable[[Asked], float], now: float) -> float | None:
        samples = self._asked.get(target, {}).get(replica, ())
        return prometheus_rate([(one.at, counter(one)) for one in samples], now, PERIODS * self.seconds)

    def _mean_latency(self, target: str, now: float) -> float | None:
        sums, counts = self._latency.get(target, ((), ()))
        window = PERIODS * self.seconds
        seconds, probes = prometheus_rate(sums, now, window), prometheus_rate(counts, now, window)
        return seconds / probes if seconds is not None and probes else None

    def _meant(self, metric: MetricSpec, target: str) -> str:
        """The deployment whose metric it is."""
        if metric.type == "Object":
            return metric.object_name.removeprefix(WATCHER)
        return dict(metric.labels or ()).get(SERVICE_LABEL, target)


def _whole_milli(value: float) -> float:
    """Return a value without what is less than a thousandth, as prometheus-adapter passes it on."""
    return math.floor(value * 1000) / 1000
