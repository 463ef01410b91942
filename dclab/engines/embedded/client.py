"""The embedded engine's lab, as experiments see it: questions to its supervisor, HTTP to its services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dclab import manifests
from dclab.clock import wait_for
from dclab.engines.embedded import logs, questions
from dclab.engines.embedded.autoscaled import AutoscaledLab
from dclab.engines.embedded.meter import ProcessMeter
from dclab.engines.embedded.reach import ReachedLab
from dclab.errors import InvalidInput, LabLost
from dclab.lab import (
    DeploymentState,
    JobStatus,
    LoadSpec,
    LogLine,
    ReplicaHealth,
    Replicas,
    ReplicaUsage,
    Room,
    TemplateChange,
)
from dclab.results import Resources

__all__ = ["EmbeddedJob", "EmbeddedLab"]

REPLICA_SECONDS = 0.1
"""For a replica of hundreds to be started or to end, on a busy machine; on a quiet one they take 0.015 each."""


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


class EmbeddedLab(ReachedLab, AutoscaledLab):
    """The Lab protocol (`dclab.lab.Lab`) over one supervisor."""

    engine = "embedded"

    # What it is.

    def deployments(self) -> Sequence[str]:
        """Names of its deployments."""
        return sorted(self.about().replicas)

    def versions(self) -> Mapping[str, str]:
        """Versions of the programs the lab is made of."""
        from dclab.tools import tool_version

        redis = self.about().redis
        found = {
            Path(redis).name: tool_version(redis),
            **{name: tool_version(name) for name in ("siege", "prometheus")},
        }
        return {name: version for name, version in sorted(found.items()) if version}

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

    # Load.

    def start_load(self, spec: LoadSpec) -> EmbeddedJob:
        """Start a siege as a job of the lab."""
        from dclab.tools import tool_version

        version = tool_version("siege")
        name = self.ask(questions.StartLoad(workload=manifests.workload(manifests.load_test(spec))))
        generator = f"siege {version}" if version else "built-in"
        return EmbeddedJob(self, name, generator, self.url(spec.target) + spec.path)
