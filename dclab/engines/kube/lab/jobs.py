"""Jobs in the cluster: the load test, which is followed, and the probe, which is waited for.

What has become of one is read from its pod, whose kubelet says so within seconds: a Job's own status is as old as its
controller's last look, which may be minutes after an outage of the API server.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import threading
import time
from collections.abc import Iterator, Sequence

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.faults import NotFound
from dclab.engines.kube.lab.diagnose import QUOTA_HINT, REFUSED_SECONDS, Trouble, Troubles, told, trouble
from dclab.engines.kube.objects import Event
from dclab.engines.kube.recovery import Deadline
from dclab.engines.kube.workloads import Job, Pod, has_ended, looked_at
from dclab.errors import DclabError, LabLost, NotAnswering, TimedOut
from dclab.lab import JobStatus, ProbeSample, ProbeSpec
from dclab.manifests import Manifest, named, optional
from dclab.measure import timed_request

__all__ = ["KubeJob", "probe_job", "run_probe", "start"]

START_SECONDS = 60.0
EVERY = 0.3
FOLLOW_PAUSE = 0.5
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
        pods = self._pods()
        if ended := next((one.status for one in filter(has_ended, pods)), None):
            codes = (one.state.terminated.exit_code for one in ended.container_statuses if one.state.terminated)
            return JobStatus(state="succeeded" if ended.phase == "Succeeded" else "failed", exit_code=next(codes, None))
        if any(one.type in ("Complete", "Failed") and one.status == "True" for one in job.status.conditions):
            return JobStatus(state="succeeded" if job.status.succeeded else "failed")  # its pod is gone
        return JobStatus(state="running" if any(map(_started, pods)) else "pending")

    def log(self) -> str:
        """Everything it printed so far."""
        return self._log.decode(errors="replace")

    def stop(self) -> None:
        """End it if it runs, and remove it; its summary is in the log afterwards.

        Raises:
            NotAnswering: the API server stays away, so that it could be neither ended nor read to its end.
        """
        if self._final:
            return
        try:
            state = self.status()
            if state.state in ("succeeded", "failed"):
                self._final = state
                self._follower.join(LOG_SECONDS)
                if self._follower.is_alive():  # it may be waiting for a server that was away
                    self._log = max(self._log, self._whole_log(), key=len)
                with contextlib.suppress(NotAnswering):  # Kubernetes removes it in ten minutes
                    self.api.delete(self._path)
            else:
                self._final = JobStatus(state="stopped")
                self.api.delete(self._path)
                self._follower.join(LOG_SECONDS)
        except NotAnswering as error:
            self._final = JobStatus(state="stopped")
            raise _left(self.name, self.namespace, error) from error

    def _whole_log(self) -> bytes:
        for pod in self._pods():
            return self.api.text(path_of("v1", "Pod", self.namespace, pod.metadata.name) + "/log").encode()
        return b""

    def _pods(self) -> Sequence[Pod]:
        return self.api.list(path_of("v1", "Pod", self.namespace), Pod, labelSelector=f"job-name={self.name}")

    def _follow(self) -> None:
        """Keep what the pod prints; when the connection drops, the log is read from its start again."""
        while not (self._final and self._final.state == "stopped"):
            with contextlib.suppress(DclabError, OSError):
                pods = self._pods()
                if not pods:
                    return
                ended = self.status().state not in ("running", "pending")
                said = b""
                pod = path_of("v1", "Pod", self.namespace, pods[0].metadata.name)
                for chunk in self.api.follow(f"{pod}/log"):
                    said += chunk
                    self._log = max(self._log, said, key=len)
                if ended:  # before it was read: a connection can be cut, too
                    return
            time.sleep(FOLLOW_PAUSE)


def _left(name: str, namespace: str, error: NotAnswering) -> NotAnswering:
    """The error for a job that could not be removed, since the API server is away."""
    return NotAnswering(
        error.what,
        f"{error.why} The job {name} was left in the namespace {namespace!r}; Kubernetes ends it by itself.",
        f"`kubectl logs --namespace {namespace} job/{name}` shows what it printed, for ten minutes after its end.",
    )


def start(api: Api, namespace: str, manifest: Manifest, url: str) -> KubeJob:
    """Create a Job, and return once its pod runs.

    Raises:
        TimedOut: it does not start, or it is certain that it will not; the error says why.
        NotAnswering: the API server stays away.
    """
    name = manifest["metadata"]["generateName"] + secrets.token_hex(3)
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "generateName"}
    try:
        api.create({**manifest, "metadata": {**metadata, "name": name}}, namespace)
        why = _wait_started(api, namespace, name)
        if why is None:
            return KubeJob(api, namespace, name, url)
        api.delete(path_of("batch/v1", "Job", namespace, name))
    except NotAnswering as error:
        raise _left(name, namespace, error) from error
    raise TimedOut(f"The job {name} does not start.", *why)


def _wait_started(api: Api, namespace: str, name: str) -> tuple[str, str] | None:
    """Return None once a job's pod runs, or why it does not and what to do."""
    deadline = Deadline(api, START_SECONDS)
    troubles = Troubles()
    while True:
        pods = api.list(path_of("v1", "Pod", namespace), Pod, labelSelector=f"job-name={name}")
        if any(map(_started, pods)):
            return None
        now = [found for pod in pods if (found := trouble(pod))] if pods else list(_refused(api, namespace, name))
        if found := troubles.certain(now):
            return told(api, namespace, found)
        if deadline.left(unattended=not now and not any(map(looked_at, pods))) <= 0:
            return (now[0].why, now[0].hint) if now else ("Its pod was not started in time.", "Try again in a moment.")
        time.sleep(EVERY)


def _refused(api: Api, namespace: str, name: str) -> Iterator[Trouble]:
    """What a job was told when it wanted to make its pod, such as of a quota."""
    for one in api.list(path_of("v1", "Event", namespace), Event, fieldSelector=f"involvedObject.name={name}"):
        if one.reason == "FailedCreate":
            yield Trouble(f"{name} may make no pod: {one.message}.", QUOTA_HINT, REFUSED_SECONDS, name, "refused")


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
    try:
        api.wait(
            path_of("v1", "Pod", namespace),
            Pod,
            lambda pods: not pods or any(map(has_ended, pods)),
            _longest(spec),
            labelSelector=f"job-name={job.name}",
        )
    finally:
        job.stop()
    lines = [line for line in job.log().splitlines() if line.startswith("{")]
    if job.status().state != "succeeded" or len(lines) != spec.count:
        last = job.log().strip().splitlines()[-1:] or ["nothing"]
        raise LabLost(f"The probe {job.name} failed.", f"Its last line: {last[0]}", "Try again.")
    return [ProbeSample(**json.loads(line)) for line in lines]
