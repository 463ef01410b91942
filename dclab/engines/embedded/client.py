"""The embedded engine's lab, as experiments see it: questions to its supervisor, HTTP to its services."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from dclab import errors, manifests
from dclab.engines.embedded.wire import LOAD_BALANCING_POLICIES, Fault, Settings, socket_path
from dclab.engines.http_services import read_counter, read_httplat
from dclab.errors import DclabError, LabLost
from dclab.lab import (
    AutoscalerStatus,
    Counter,
    JobStatus,
    LoadSpec,
    ProbeSample,
    ProbeSpec,
    Replicas,
    ReplicaUsage,
    Scrape,
)

__all__ = ["EmbeddedJob", "EmbeddedLab", "ask"]

LOOPBACK = "127.0.0.1"

ANSWER_TIMEOUT = 10.0
"""Seconds that a supervisor may take over a question, beyond the time-out that the question itself has."""

T = TypeVar("T")


def ask(folder: Path, verb: str, kind: type[T], **arguments: Any) -> T:
    """Put one question to the supervisor of the lab in `folder`; an argument `timeout` is the question's own.

    Raises:
        LabLost: it does not answer.
        DclabError: whatever the verb raises.
    """
    question = msgspec.json.encode({"verb": verb, "arguments": arguments})
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(arguments.get("timeout", 0.0) + ANSWER_TIMEOUT)
            connection.connect(str(socket_path(folder)))
            connection.sendall(question + b"\n")
            with connection.makefile("rb") as stream:
                line = stream.readline()
    except OSError as error:
        raise _lost(folder, str(error)) from error
    if not line:
        raise _lost(folder, "It hung up.")
    reply = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    if "fault" in reply:
        fault = msgspec.json.decode(reply["fault"], type=Fault)
        raise getattr(errors, fault.code, DclabError)(fault.what, fault.why, fault.hint)
    return msgspec.json.decode(reply["answer"], type=kind)


def _lost(folder: Path, why: str) -> LabLost:
    return LabLost(
        f"The lab {folder.name!r} does not answer.",
        f"Its supervisor has ended or hangs ({why.rstrip('.')}).",
        "`dclab up` starts it afresh; its last words are in supervisor.log there."
        if folder.exists()
        else "`dclab up` starts one.",
    )


class EmbeddedJob:
    """A load under way in an embedded lab."""

    def __init__(self, folder: Path, name: str, generator: str, url: str) -> None:
        self._folder = folder
        self.name = name
        self.generator = generator
        self.url = url

    def status(self) -> JobStatus:
        """State now."""
        return ask(self._folder, "job_status", JobStatus, name=self.name)

    def log(self) -> str:
        """Everything it printed so far."""
        return ask(self._folder, "job_log", str, name=self.name)

    def stop(self) -> None:
        """End it early; its summary, if it prints one, is in the log afterwards."""
        ask(self._folder, "job_stop", type(None), name=self.name)


class EmbeddedLab:
    """The Lab protocol (`dclab.lab.Lab`) over one supervisor."""

    engine = "embedded"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self._ports: dict[str, int] = {}

    # What it is.

    @property
    def settings(self) -> Settings:
        """How it was started."""
        return msgspec.json.decode((self.folder / "lab.json").read_bytes(), type=Settings)

    @property
    def clock_speed(self) -> float:
        """1, or how many times faster than Kubernetes' the autoscaler's clock runs."""
        return self.settings.clock_speed

    @property
    def sync_seconds(self) -> float:
        """Real seconds between two decisions of the autoscaler."""
        return self.settings.sync_seconds / self.settings.clock_speed

    def about(self) -> dict[str, Any]:
        """What the supervisor tells of itself: pids, ports, replicas."""
        return self._ask("about", dict)

    def identity(self) -> Mapping[str, Any]:
        """What tells this lab from another of its name."""
        return {"supervisor_pid": self.about()["pid"]}

    def deployments(self) -> Sequence[str]:
        """Names of its deployments."""
        return sorted(self.about()["replicas"])

    def addresses(self) -> Mapping[str, str]:
        """URLs of its services; all of them stay reachable after this command."""
        return {service: self.url(service) for service in sorted(self.about()["ports"]) if service != "redis"}

    def versions(self) -> Mapping[str, str]:
        """Versions of the programs the lab is made of."""
        from dclab.tools import tool_version

        found = {name: tool_version(name) for name in ("redis-server", "siege", "prometheus")}
        return {name: version for name, version in sorted(found.items()) if version}

    # Life.

    def deploy(self) -> None:
        """Start the supervisor if it is gone, with the settings it had; idempotent."""
        from dclab.engines.embedded.launch import start

        start(self.settings)
        self._ports.clear()

    def ready(self, timeout: float = 60.0) -> None:
        """Return when every deployment is ready and the hash counter rises; else TimedOut, with the cause."""
        from dclab.clock import wait_for

        self._ask("ready", type(None), timeout=timeout)
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
        """Remove the lab and everything it started; idempotent."""
        from dclab.engines.embedded.launch import stop

        stop(self.folder)

    # Deployments.

    def scale(self, deployment: str, replicas: int, timeout: float = 60.0) -> None:
        """Return when that many replicas are ready and none is terminating; else TimedOut."""
        self._ask("scale", type(None), timeout=timeout, deployment=deployment, replicas=replicas)

    def replicas(self, deployment: str) -> Replicas:
        """Counts now."""
        return self._ask("replicas", Replicas, deployment=deployment)

    def trouble(self, deployment: str) -> str | None:
        """Why replicas of it are not ready, in a sentence; None while they may only need time."""
        return self._ask("trouble", str | None, deployment=deployment)  # type: ignore[arg-type]

    def configure(self, deployment: str, env: Mapping[str, str], timeout: float = 60.0) -> None:
        """Run the deployment with these variables over its manifest's, and wait as `scale` does."""
        self._ask("configure", type(None), timeout=timeout, deployment=deployment, env=dict(env))

    def cpu_request_millicores(self, deployment: str) -> float:
        """CPU request of one replica."""
        return self._ask("cpu_request", float, deployment=deployment)

    def usage(self, deployment: str) -> Sequence[ReplicaUsage]:
        """Usage per replica; a replica too young to have been measured is left out."""
        return self._ask("usage", list[ReplicaUsage], deployment=deployment)

    def logs(self, deployment: str, lines: int = 50) -> str:
        """The last lines of every replica, each line with its replica's name."""
        return self._ask("logs", str, deployment=deployment, lines=lines)

    # Services.

    load_balancing_policies = LOAD_BALANCING_POLICIES

    def set_load_balancing(self, policy: str) -> None:
        """Set the policy of every service from the next connection on."""
        self._ask("set_load_balancing", type(None), policy=policy)

    def url(self, service: str) -> str:
        """Base URL that reaches the service from here, without a trailing slash."""
        return f"http://{LOOPBACK}:{self._port(service)}"

    def counter(self) -> Counter:
        """The hash counter; LabLost when Redis or the web UI does not answer."""
        return read_counter(self.url("webui"))

    def httplat(self, target: str) -> Scrape:
        """What the target's httplat exporter has counted so far."""
        return read_httplat(self.url(f"httplat-{target}"))

    def probe(self, service: str, spec: ProbeSpec) -> Sequence[ProbeSample]:
        """Probe through the service's own address, as a worker calls it."""
        from dclab.measure.probe import probe_many

        return probe_many(LOOPBACK, self._port(service), spec)

    def prometheus_url(self) -> str | None:
        """Base URL of the lab's Prometheus, started if need be; None where none is installed."""
        port = self._ask("prometheus", int | None, timeout=30.0)  # type: ignore[arg-type]
        return None if port is None else f"http://{LOOPBACK}:{port}"

    def _port(self, service: str) -> int:
        if service not in self._ports:
            self._ports = dict(self.about()["ports"])
        return self._ports[service]

    # Load and autoscaling.

    def start_load(self, spec: LoadSpec) -> EmbeddedJob:
        """Start a siege as a job of the lab."""
        from dclab.tools import tool_version

        version = tool_version("siege")
        name = self._ask("start_load", str, manifest=manifests.load_test(spec))
        generator = f"siege {version}" if version else "built-in"
        return EmbeddedJob(self.folder, name, generator, self.url(spec.target) + spec.path)

    def apply_autoscaler(self, manifest: Mapping[str, Any]) -> None:
        """Apply a HorizontalPodAutoscaler; InvalidInput when it is not a valid one."""
        self._ask("apply_autoscaler", type(None), manifest=dict(manifest))

    def remove_autoscaler(self, name: str) -> None:
        """Remove it; nothing happens when there is none. Replica counts stay as they are."""
        self._ask("remove_autoscaler", type(None), name=name)

    def autoscaler(self, name: str) -> AutoscalerStatus:
        """Its status; LabLost when there is none of that name."""
        return self._ask("autoscaler", AutoscalerStatus, name=name)

    def autoscaler_passes(self, name: str) -> Sequence[Any]:
        """Every pass so far, with what it saw; its times are on the autoscaler's clock."""
        from dclab.autoscaler.trace import Pass

        return self._ask("autoscaler_passes", list[Pass], name=name)

    def _ask(self, verb: str, kind: type[T], **arguments: Any) -> T:
        return ask(self.folder, verb, kind, **arguments)
