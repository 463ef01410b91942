"""The services of a lab, as they are reached from here: each at its port of this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from dclab.engines.embedded import questions, wire
from dclab.engines.embedded.tenancy import Tenancy
from dclab.engines.http_services import read_counter, read_httplat
from dclab.errors import InvalidInput, LabLost
from dclab.lab import Counter, ProbeSample, ProbeSpec, Scrape, WorkerReport
from dclab.loopback import LOOPBACK

__all__ = ["ReachedLab"]

T = TypeVar("T")

FAILED_LOOK_SECONDS = 0.5
"""Between two looks at the lab while probes of it fail."""


class ReachedLab(Tenancy):
    """What the Lab protocol (`dclab.lab.Lab`) has of services, and of what is read at them."""

    load_balancing_policies = wire.LOAD_BALANCING_POLICIES

    _ports: Mapping[str, int] | None = None
    """As they were last seen."""

    def addresses(self) -> Mapping[str, str]:
        """URLs of its services; all of them stay reachable after this command."""
        return {name: _url(port) for name, port in sorted(self.about().ports.items()) if name != "redis"}

    def deploy(self) -> None:
        """As `Tenancy.deploy`; a lab that was started again has other ports."""
        self._ports = None
        super().deploy()

    @property
    def load_balancing(self) -> str:
        """The policy in force."""
        return self.about().load_balancing

    def set_load_balancing(self, policy: str) -> None:
        """Set the policy of every service from the next connection on."""
        self.ask(questions.SetLoadBalancing(policy=policy))

    def url(self, service: str) -> str:
        """Base URL that reaches the service from here, without a trailing slash."""
        return _url(self._port(service))

    def counter(self) -> Counter:
        """The hash counter; LabLost when Redis or the web UI does not answer."""
        return self._read(lambda: read_counter(self.url("webui")))

    def worker_reports(self, since: float) -> Sequence[WorkerReport] | None:
        """Return every report from `since` until now, also of workers that are gone; None when some are not kept any more.

        The supervisor stamps each line of a worker as it comes, on this machine's clock, as the web UI's.
        """
        return self.ask(questions.AskReports(since=since))

    def httplat(self, target: str) -> Scrape:
        """What the target's httplat exporter has counted so far."""
        return self._read(lambda: read_httplat(self.url(f"httplat-{target}")))

    def probe(self, service: str, spec: ProbeSpec) -> Sequence[ProbeSample]:
        """Probe through the service's own address, as a worker calls it; LabEnded, LabCrashed: it is not worth going on."""
        from dclab.measure.probe import probe_url

        samples: list[ProbeSample] = []
        look = time.monotonic()
        for one in probe_url(f"{self.url(service)}{spec.path}", spec):
            samples.append(one)
            if one.error and time.monotonic() >= look:
                self.about()
                look = time.monotonic() + FAILED_LOOK_SECONDS
        return samples

    def prometheus_url(self) -> str | None:
        """Base URL of the lab's Prometheus, started if need be; None where none is installed."""
        port = self.ask(questions.AskPrometheus(timeout=30.0))
        return None if port is None else _url(port)

    def _port(self, service: str) -> int:
        ports = self._ports
        if ports is None or service not in ports:
            ports = self._ports = self.about().ports
        if service not in ports:
            raise InvalidInput(
                f"There is no service {service!r} in the lab {self.name!r}.",
                f"There are: {', '.join(sorted(ports)) or 'none'}.",
            )
        return ports[service]

    def _read(self, read: Callable[[], T]) -> T:
        """Return what a service says; where it does not answer, what has become of the lab counts more."""
        try:
            return read()
        except LabLost:
            self._ports = self.about().ports  # a lab that was started again has others
            raise


def _url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"
