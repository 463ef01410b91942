"""The embedded engine's lab, as experiments see it: questions to its supervisor, HTTP to its services."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dclab import manifests
from dclab.clock import wait_for
from dclab.engines.embedded import lifecycle, logs, questions, wire
from dclab.engines.embedded.ask import Gone, ask
from dclab.engines.embedded.held import Hold, Lease
from dclab.engines.embedded.look import why_gone
from dclab.engines.embedded.meter import ProcessMeter
from dclab.engines.embedded.questions import About, Question
from dclab.engines.http_services import read_counter, read_httplat
from dclab.errors import InvalidInput, LabCrashed, LabEnded, LabLost
from dclab.lab import (
    AutoscalerStatus,
    Counter,
    DeploymentState,
    JobStatus,
    LoadSpec,
    LogLine,
    ProbeSample,
    ProbeSpec,
    Quantities,
    ReplicaHealth,
    Replicas,
    ReplicaUsage,
    Room,
    Scrape,
    TemplateChange,
    WorkerReport,
)
from dclab.loopback import LOOPBACK
from dclab.results import Resources

__all__ = ["EmbeddedJob", "EmbeddedLab"]

T = TypeVar("T")

REPLICA_SECONDS = 0.1
"""For a replica of hundreds to be started or to end, on a busy machine; on a quiet one they take 0.015 each."""

FAILED_LOOK_SECONDS = 0.5
"""Between two looks at the lab while probes of it fail."""


class EmbeddedJob:
    """A load under way in an embedded lab."""

    def __init__(self, lab: EmbeddedLab, name: str, generator: str, url: str) -> None:
        self._lab = lab
        self.name = name
        self.generator = generator
        self.url = url

    def status(self) -> JobStatus:
        """State now."""
        return self._lab.ask(questions.AskJob(name=self.name))

    def log(self) -> str:
        """Everything it printed so far."""
        return self._lab.ask(questions.AskJobLog(name=self.name))

    def stop(self) -> None:
        """End it early; its summary, if it prints one, is in the log afterwards."""
        self._lab.ask(questions.StopJob(name=self.name))


class EmbeddedLab:
    """The Lab protocol (`dclab.lab.Lab`) over one supervisor."""

    engine = "embedded"

    def __init__(self, folder: Path, settings: wire.Settings | None = None, lease: Lease | None = None) -> None:
        """Use the lab in a folder.

        Args:
            folder: of the lab.
            settings: that it was started with; None to ask it. They say which lab it is: another one is not used.
            lease: under which it was started, if it ends with this process.
        """
        self.folder = folder
        self.name = folder.name
        self._settings = settings
        self._lease = lease
        self._hold: Hold | None = None
        self._ports: dict[str, int] = {}
        self._scrape_seconds: float | None = None
        """Of the metrics that are served for this command."""

    # What it is.

    @property
    def settings(self) -> wire.Settings:
        """How it was started."""
        if self._settings is None:
            self._settings = self.about().settings
        return self._settings

    @property
    def clock_speed(self) -> float:
        """1, or how many times faster than Kubernetes' the autoscaler's clock runs."""
        return self.settings.clock_speed

    @property
    def sync_seconds(self) -> float:
        """Real seconds between two decisions of the autoscaler."""
        return self.settings.sync_seconds / self.settings.clock_speed

    def about(self) -> About:
        """What the supervisor says of itself: pids, ports, replicas."""
        return self.ask(questions.AskAbout())

    def identity(self) -> Mapping[str, Any]:
        """Identity of this lab instance, to detect one that was replaced by another with the same name."""
        return {"supervisor_pid": self.about().pid, "instance": self.settings.instance}

    def deployments(self) -> Sequence[str]:
        """Names of its deployments."""
        return sorted(self.about().replicas)

    def addresses(self) -> Mapping[str, str]:
        """URLs of its services; all of them stay reachable after this command."""
        return {name: _url(port) for name, port in sorted(self.about().ports.items()) if name != "redis"}

    def versions(self) -> Mapping[str, str]:
        """Versions of the programs the lab is made of."""
        from dclab.tools import tool_version

        redis = self.about().redis
        found = {
            Path(redis).name: tool_version(redis),
            **{name: tool_version(name) for name in ("siege", "prometheus")},
        }
        return {name: version for name, version in sorted(found.items()) if version}

    # Life.

    def deploy(self) -> None:
        """Start the supervisor again if it has crashed, with the settings, the lease and the hold it had; idempotent.

        Raises:
            LabEnded: someone has ended the lab; nothing was started, and another lab with its name was left alone.
        """
        self._ports.clear()
        try:
            settings = self.settings
        except LabCrashed:  # before it was asked for the first time
            settings = wire.read_settings(self.folder)
        self._understood(lambda: lifecycle.restart(settings, self._lease))
        if self._hold:
            self._hold.keep()
        if self._scrape_seconds is not None:
            self.ask(questions.ScrapeEvery(seconds=self._scrape_seconds))

    def ready(self, timeout: float = 60.0) -> None:
        """Return when every deployment is ready and the hash counter rises; else TimedOut, with the cause."""
        self.ask(questions.Ready(timeout=timeout))
        seen: list[int] = []

        def rises() -> bool:
            try:
                seen.append(self.counter().hashes)
            except LabLost:  # Redis may just be coming back; without a supervisor it never does
                self.about()
                return False
            return seen[-1] > min(seen)

        wait_for(rises, timeout, "The hash counter does not rise.")

    def down(self) -> None:
        """Remove the lab and everything it started; idempotent. Another lab that has taken its name is left alone."""
        lifecycle.end(self.folder, self._settings.instance if self._settings else "")
        if self._lease:
            self._lease.end()
            self._lease = None

    @contextlib.contextmanager
    def hold(self, what: str) -> Iterator[None]:
        """Let nobody else change the lab for the duration; LabHeld: another command holds it."""
        if self._hold:
            yield
            return
        self.take_hold(what)
        try:
            yield
        finally:
            self.release_hold()

    def take_hold(self, what: str) -> None:
        """Hold it until `release_hold`, or until this process ends."""
        hold = Hold(self.folder, what, self.settings.instance)
        self._understood(hold.take)
        self._hold = hold

    def release_hold(self) -> None:
        """Give the hold up."""
        hold, self._hold = self._hold, None
        if hold:
            hold.release()

    # Deployments.

    def scale(self, deployment: str, replicas: int, timeout: float = 60.0) -> None:
        """Return when that many replicas are ready and none is terminating; else TimedOut."""
        self.ask(
            questions.Scale(deployment=deployment, replicas=replicas, timeout=timeout + REPLICA_SECONDS * replicas)
        )

    def states(self) -> Mapping[str, DeploymentState]:
        """Return counts and usage of every deployment, by its name, in one question."""
        return self.ask(questions.AskStates())

    def replicas(self, deployment: str) -> Replicas:
        """Counts now."""
        return self.ask(questions.AskReplicas(deployment=deployment))

    def trouble(self, deployment: str) -> str | None:
        """Why replicas of it are not ready, in a sentence; None while they may only need time."""
        return self.ask(questions.AskTrouble(deployment=deployment))

    def room(self, deployment: str) -> Room:
        """For how many replicas of it this machine has room."""
        return self.ask(questions.AskRoom(deployment=deployment))

    def data_path_trouble(self) -> str | None:
        """Why ready replicas cannot be reached now, and what becomes of it; None while nothing is known."""
        return self.about().data_path_trouble

    def configure(self, deployment: str, env: Mapping[str, str], timeout: float = 60.0) -> None:
        """Run the deployment with these variables over its manifest's, and wait as `scale` does."""
        self.ask(questions.Configure(deployment=deployment, env=dict(env), timeout=timeout))

    def health(self, deployment: str) -> Sequence[ReplicaHealth]:
        """Return every replica that there is, also those that are on their way out, by name."""
        return self.ask(questions.AskHealth(deployment=deployment))

    def roll_out(self, deployment: str, change: TemplateChange) -> None:
        """Begin a rolling update to the template with this change."""
        self.ask(questions.RollOut(deployment=deployment, change=change))

    def roll_back(self, deployment: str) -> None:
        """Begin to put back the template from before `roll_out`; nothing happens without one."""
        self.ask(questions.RollBack(deployment=deployment))

    def delete_replica(self, deployment: str, name: str) -> None:
        """Begin to end one replica, by SIGTERM; another takes its place. InvalidInput: there is none."""
        self.ask(questions.DeleteReplica(deployment=deployment, name=name))

    def cpu_request_millicores(self, deployment: str) -> float:
        """CPU request of one replica."""
        return self.ask(questions.AskCpuRequest(deployment=deployment))

    def usage(self, deployment: str) -> Sequence[ReplicaUsage]:
        """Usage per replica; a replica too young to have been measured is left out."""
        return self.ask(questions.AskUsage(deployment=deployment))

    def resources(self) -> Mapping[str, Resources]:
        """Requests and limits of one replica of every deployment: what its manifest says, which limits no process here."""
        workloads = map(manifests.workload, manifests.of_kind(manifests.load(), "Deployment"))
        known = {one.name: one.resources for one in workloads}
        return {name: known.get(name, Resources()) for name in self.deployments()}

    def usage_meter(self) -> ProcessMeter:
        """A meter over the CPU time that the replicas' processes have used."""
        return ProcessMeter(lambda: self.ask(questions.AskSpent()))

    def logs(self, deployment: str, lines: int = 50) -> Sequence[LogLine]:
        """Return the last lines of every replica; InvalidInput when there is no such deployment."""
        names = self.replicas(deployment).names
        return [line for name in names for line in logs.last_lines(self.folder, name, lines)]

    def follow_logs(self, deployments: Sequence[str], lines: int = 50) -> Iterator[LogLine]:
        """Yield the last lines of every replica, then new ones as they come, also of new replicas.

        Ends only when the lab does, with LabEnded or LabLost; InvalidInput at once when there is no such deployment.
        """
        first = self.about()
        for one in deployments:
            if one not in first.replicas:
                raise InvalidInput(
                    f"There is no deployment {one!r} in this lab.", f"There are: {', '.join(sorted(first.replicas))}."
                )

        def replicas() -> Mapping[str, Sequence[str]]:
            return {deployment: [one.name for one in found] for deployment, found in self.about().replicas.items()}

        return logs.follow(self.folder, replicas, deployments, lines)

    # Services.

    load_balancing_policies = wire.LOAD_BALANCING_POLICIES

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
        if service not in self._ports:
            self._ports = self.about().ports
        if service not in self._ports:
            raise InvalidInput(
                f"There is no service {service!r} in the lab {self.name!r}.",
                f"There are: {', '.join(sorted(self._ports)) or 'none'}.",
            )
        return self._ports[service]

    # Load and autoscaling.

    def start_load(self, spec: LoadSpec) -> EmbeddedJob:
        """Start a siege as a job of the lab."""
        from dclab.tools import tool_version

        version = tool_version("siege")
        name = self.ask(questions.StartLoad(workload=manifests.workload(manifests.load_test(spec))))
        generator = f"siege {version}" if version else "built-in"
        return EmbeddedJob(self, name, generator, self.url(spec.target) + spec.path)

    @contextlib.contextmanager
    def serve_metrics(self, target: str, scrape_seconds: float) -> Iterator[None]:
        """Scrape so often for the duration. The replicas are counted, and the metrics served, at any time.

        Raises:
            InvalidInput: the replicas of the target are not counted.
        """
        from dclab.autoscaler.served import IN_FLIGHT

        if f"pods/{IN_FLIGHT}" not in self.served_metrics(target):
            raise InvalidInput(
                f"The replicas of {target} are not counted.", "Those of rng and hasher are.", "Name one of these."
            )
        with self.hold("serving metrics"):
            before = self.ask(questions.ScrapeEvery(seconds=scrape_seconds))
            self._scrape_seconds, outer = scrape_seconds, self._scrape_seconds
            try:
                yield
            finally:
                self._scrape_seconds = outer
                with contextlib.suppress(LabLost, LabEnded):  # with the lab, its scrapes are gone
                    self.ask(questions.ScrapeEvery(seconds=before))

    def served_metrics(self, target: str) -> Collection[str]:
        """Return the metrics that an autoscaler of the target can use."""
        return self.ask(questions.AskServedMetrics(deployment=target))

    def quantities(self, target: str) -> Mapping[str, Quantities]:
        """What each replica of the target has been asked so far, by its name; empty where nobody counts."""
        return self.ask(questions.AskQuantities(deployment=target))

    def apply_autoscaler(self, manifest: Mapping[str, Any]) -> None:
        """Apply a HorizontalPodAutoscaler; InvalidInput when it is not a valid one, or asks for a metric that nobody serves."""
        self.ask(questions.ApplyAutoscaler(manifest=dict(manifest)))

    def remove_autoscaler(self, name: str) -> None:
        """Remove it; nothing happens when there is none. Replica counts stay as they are."""
        self.ask(questions.RemoveAutoscaler(name=name))

    def autoscalers(self) -> Mapping[str, str]:
        """Return the deployment that each autoscaler scales, by the autoscaler's name, no matter who applied it."""
        return self.about().autoscalers

    def autoscaler(self, name: str) -> AutoscalerStatus:
        """Its status; LabLost when there is none of that name."""
        return self.ask(questions.AskAutoscaler(name=name))

    def autoscaler_passes(self, name: str) -> Sequence[Any]:
        """Every pass so far, with what it saw; its times are on the autoscaler's clock."""
        from dclab.autoscaler.trace import Pass

        return self._understood(
            lambda: ask(
                self.folder, questions.AskPasses(name=name), instance=self._instance, hold=self._token, kind=list[Pass]
            )
        )

    # Asking.

    def ask(self, question: Question[T]) -> T:
        """Put a question to the supervisor of this very lab, under the hold that there is.

        Raises:
            LabEnded, LabCrashed, NotAnswering: nobody listens any more, and why.
            DclabError: as `ask.ask`.
        """
        return self._understood(lambda: ask(self.folder, question, instance=self._instance, hold=self._token))

    @property
    def _instance(self) -> str:
        return self._settings.instance if self._settings else ""

    @property
    def _token(self) -> str:
        return self._hold.token if self._hold else ""

    def _understood(self, put: Callable[[], T]) -> T:
        try:
            return put()
        except (Gone, LabEnded) as error:
            by = self._hold.ended_by() if self._hold else ""
            if by or isinstance(error, Gone):
                raise why_gone(self.folder, self._instance, by) or error from error
            raise

    def _read(self, read: Callable[[], T]) -> T:
        """Return what a service says; where it does not answer, what has become of the lab counts more."""
        try:
            return read()
        except LabLost:
            self._ports = self.about().ports  # a lab that was started again has others
            raise


def _url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"
