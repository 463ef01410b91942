"""Jobs in the cluster: the load test, which is followed, and the probe, which is waited for."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import threading
from collections.abc import Sequence

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.faults import NotFound
from dclab.engines.kube.lab.diagnose import cause
from dclab.engines.kube.workloads import Job, Pod
from dclab.errors import DclabError, LabLost, TimedOut
from dclab.lab import JobStatus, ProbeSample, ProbeSpec
from dclab.manifests import Manifest, named, optional
from dclab.measure import timed_request

__all__ = ["KubeJob", "probe_job", "run_probe", "start"]

START_SECONDS = 60.0
LOG_SECONDS = 15.0
"""For a siege to print its summary once it is told to end, and for the log to arrive."""


class KubeJob:
    """A Job whose log is followed from its start, since the log goes with the pod."""

    def __init__(self, api: Api, namespace: str, name: str, url: str) -> None:
        self.api = api
        self.namespace = namespace
        self.name = name
        self.url = url
        self._path = path_of("batch/v1", "Job", namespace, name)
        self._log = b""
        self._final: JobStatus | None = None
        self._follower = threading.Thread(target=self._follow, daemon=True)
        self._follower.start()

    @property
    def generator(self) -> str:
        """What makes the load, as far as it has said so."""
        said = re.search(r"SIEGE (\d+(?:\.\d+)+)", self.log())
        return f"siege {said.group(1)}" if said else "siege"

    def status(self) -> JobStatus:
        """State now."""
        if self._final:
            return self._final
        try:
            job = self.api.get(self._path, Job)
        except NotFound:  # someone else has deleted it
            return JobStatus(state="stopped")
        state = job.status
        if any(one.type in ("Complete", "Failed") and one.status == "True" for one in state.conditions):
            return JobStatus(state="succeeded" if state.succeeded else "failed", exit_code=self._exit_code())
        return JobStatus(state="running" if state.active else "pending")

    def log(self) -> str:
        """Everything it printed so far."""
        return self._log.decode(errors="replace")

    def stop(self) -> None:
        """End it if it runs, and remove it; its summary is in the log afterwards."""
        if self._final:
            return
        state = self.status()
        self._final = state if state.state in ("succeeded", "failed") else JobStatus(state="stopped")
        if self._final.state == "stopped":
            self.api.delete(self._path)
            self._follower.join(LOG_SECONDS)
        else:
            self._follower.join(LOG_SECONDS)
            self.api.delete(self._path)

    def _pods(self) -> Sequence[Pod]:
        return self.api.list(path_of("v1", "Pod", self.namespace), Pod, labelSelector=f"job-name={self.name}")

    def _exit_code(self) -> int | None:
        for pod in self._pods():
            for one in pod.status.container_statuses:
                if one.state.terminated is not None:
                    return one.state.terminated.exit_code
        return None

    def _follow(self) -> None:
        """Keep what the pod prints; when the connection drops, the log is read from its start again."""
        while not (self._final and self._final.state == "stopped"):
            with contextlib.suppress(DclabError, OSError):
                pods = self._pods()
                if not pods:
                    return
                said = b""
                pod = path_of("v1", "Pod", self.namespace, pods[0].metadata.name)
                for chunk in self.api.follow(f"{pod}/log"):
                    said += chunk
                    self._log = max(self._log, said, key=len)
            if self.status().state not in ("running", "pending"):
                return


def start(api: Api, namespace: str, manifest: Manifest, url: str) -> KubeJob:
    """Create a Job, and return once its pod runs.

    Raises:
        TimedOut: it does not start; the error says why.
    """
    name = manifest["metadata"]["generateName"] + secrets.token_hex(3)
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "generateName"}
    api.create({**manifest, "metadata": {**metadata, "name": name}}, namespace)
    begun = api.wait(
        path_of("v1", "Pod", namespace),
        Pod,
        lambda pods: any(map(_started, pods)),
        START_SECONDS,
        labelSelector=f"job-name={name}",
    )
    if not begun:
        why, hint = cause(api, namespace, manifest["metadata"]["labels"]["app"])
        api.delete(path_of("batch/v1", "Job", namespace, name))
        raise TimedOut(f"The job {name} did not start within {START_SECONDS:g} s.", why, hint)
    return KubeJob(api, namespace, name, url)


def _started(pod: Pod) -> bool:
    states = (one.state for one in pod.status.container_statuses)
    return any(one.running is not None or one.terminated is not None for one in states)


def probe_job(service: str, spec: ProbeSpec) -> Manifest:
    """The Job that makes the requests of `spec` to a service, and prints a JSON line for each."""
    job = named(optional("probe"), "Job", "probe-")
    asked = {
        "method": spec.method,
        "path": spec.path,
        "body": (spec.body or b"").hex(),
        "timeout": spec.timeout,
        "count": spec.count,
        "interval": spec.interval,
        "rate": spec.rate,
    }
    prefix = service.upper().replace("-", "_")
    with open(timed_request.__file__, encoding="utf-8") as source:
        command = ["python", "-c", source.read()]
    address = [f"$({prefix}_SERVICE_HOST)", f"$({prefix}_SERVICE_PORT)"]
    job["spec"]["template"]["spec"]["containers"][0]["command"] = [*command, *address, json.dumps(asked)]
    job["spec"]["activeDeadlineSeconds"] = _longest(spec)
    return job


def _longest(spec: ProbeSpec) -> int:
    each = spec.timeout + 2 * spec.interval
    if spec.rate is None:
        return round(START_SECONDS + spec.count * each)
    return round(START_SECONDS + spec.count / spec.rate + 2 * each)  # one that is sent as late as it may be


def run_probe(api: Api, namespace: str, manifest: Manifest, spec: ProbeSpec) -> list[ProbeSample]:
    """Run a probe Job to its end; its samples.

    Raises:
        TimedOut: it does not start.
        LabLost: it failed.
    """
    job = start(api, namespace, manifest, "")
    path = path_of("batch/v1", "Job", namespace)
    try:
        api.wait(
            path,
            Job,
            lambda jobs: any(one.status.succeeded or one.status.failed for one in jobs),
            _longest(spec),
            fieldSelector=f"metadata.name={job.name}",
        )
    finally:
        job.stop()
    lines = [line for line in job.log().splitlines() if line.startswith("{")]
    if job.status().state != "succeeded" or len(lines) != spec.count:
        last = job.log().strip().splitlines()[-1:] or ["nothing"]
        raise LabLost(f"The probe {job.name} failed.", f"Its last line: {last[0]}", "Try again.")
    return [ProbeSample(**json.loads(line)) for line in lines]
