"""The reports of a lab's workers, from their logs: one request a worker, after the window that is asked about.

The container runtime stamps each line on its node's clock as it arrives. Whatever leaves a doubt that these are all
reports (a worker that went with its log, a log that was cut off, another wording) is answered with None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.faults import NotFound
from dclab.engines.kube.lab.logs import since_time, stamped
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.objects import Event
from dclab.engines.kube.workloads import ContainerStatus, Pod, node_is_silent
from dclab.engines.worker_log import WorkerLog
from dclab.errors import InvalidInput, NotAnswering
from dclab.lab import WorkerReport

__all__ = ["MOST_WORKERS", "reports_of", "worker_reports"]

WORKER = "worker"

MOST_WORKERS = 30
"""Each costs a request."""

BEFORE = 15
"""Seconds before the moment that is asked about, in which a worker that is at work says something: it reports every
second or so, and after an error waits for ten."""

NODE_PATIENCE = 3.0
"""Seconds for which a node's kubelet is asked again for a log: it may have been away together with the server."""

LONGEST = 4_000_000
"""Bytes of one worker's log that are read."""

WAITING = "Waiting "
"""What a worker says after an error, ours and the original."""


def worker_reports(api: Api, namespace: str, since: float) -> list[WorkerReport] | None:
    """Return every report of every worker from unix second `since` until now, in order of time.

    None where that cannot be told: more than MOST_WORKERS, a worker whose log is gone, cut off or worded otherwise. A worker
    whose node does not answer has no reports here.
    """
    pods = api.list(path_of("v1", "Pod", namespace), Pod, labelSelector=f"app={WORKER},{SELECTOR}")
    if len(pods) > MOST_WORKERS or _some_gone(api, namespace, pods, since):
        return None
    found: list[WorkerReport] = []
    for pod in pods:
        state = _worker_of(pod)
        if state is None or node_is_silent(pod):  # not started yet, or out of reach
            continue
        try:
            texts = _texts(api, namespace, pod, state, since)
        except (NotFound, InvalidInput):  # gone since the list, or (400) not started since
            return None
        except NotAnswering:
            continue
        if texts is None or (own := reports_of(pod.metadata.name, texts, since, started=_started(state))) is None:
            return None
        found += own
    return sorted(found, key=lambda one: one.t)


def reports_of(
    worker: str, texts: Sequence[str], since: float, *, started: float | None = None
) -> list[WorkerReport] | None:
    """Return the reports from unix second `since` on in a worker's log, in order of time.

    Args:
        worker: name of the pod.
        texts: what its containers have printed since `BEFORE` seconds earlier, with timestamps.
        since: unix seconds, on the clock of the node.
        started: when the present container began; None when that is not known.

    None where the log has no line of before `since`, though the worker was at work, or has lines and none is a report.
    """
    lines = [one for text in texts for line in text.split("\n") if (one := stamped(line)) is not None]
    lines.sort(key=lambda one: one[0])
    was_at_work = started is not None and started < since - BEFORE
    if was_at_work and not (lines and lines[0][0] < since):
        return None
    log = WorkerLog(worker)
    found: list[WorkerReport] = []
    for t, line in lines:
        if report := log.read(t, line):
            found.append(report)
        elif (taken := log.taken_back(line)) is not None:
            found.remove(taken)
    if lines and not log.found and not any(WAITING in line for _, line in lines):
        return None
    return [one for one in found if one.t >= since]


def _some_gone(api: Api, namespace: str, pods: Sequence[Pod], since: float) -> bool:
    """Whether a worker was ended since then and is no more: its log has gone with it."""
    there = {one.metadata.name for one in pods}
    ended = api.list(path_of("v1", "Event", namespace), Event, fieldSelector="involvedObject.kind=Pod,reason=Killing")
    return any(
        one.involved_object.name.startswith(f"{WORKER}-")
        and one.involved_object.name not in there
        and (at := one.last_timestamp or one.event_time) is not None
        and at.timestamp() >= math.floor(since)
        for one in ended
    )


def _worker_of(pod: Pod) -> ContainerStatus | None:
    """Return the state of the container `worker`, or of the first if none has that name; None while it has never run."""
    states = pod.status.container_statuses
    found = next((one for one in states if one.name == WORKER), states[0] if states else None)
    if found is None or (found.state.running is None and found.state.terminated is None and not found.restart_count):
        return None
    return found


def _started(state: ContainerStatus) -> float | None:
    running = state.state.running
    return running.started_at.timestamp() if running is not None and running.started_at is not None else None


def _texts(api: Api, namespace: str, pod: Pod, state: ContainerStatus, since: float) -> list[str] | None:
    """The log of its container, after that of the one before if that one ended since then; None if it is too long."""
    query: dict[str, str | int] = {
        "container": state.name,
        "timestamps": "true",
        "sinceTime": since_time(math.floor(since) - BEFORE),
        "limitBytes": LONGEST,
    }
    path = path_of("v1", "Pod", namespace, pod.metadata.name) + "/log"
    before = state.last_state.terminated
    texts = []
    if before is not None and before.finished_at is not None and before.finished_at.timestamp() >= since - BEFORE:
        texts.append(_text(api, path, previous="true", **query))
    texts.append(_text(api, path, **query))
    return None if any(len(one) >= LONGEST for one in texts) else texts


def _text(api: Api, path: str, **query: str | int) -> str:
    """A log; NotAnswering when the node does not give it, though the API server answers."""
    try:
        return api.impatient().text(path, **query)
    except NotAnswering:
        api.get("/version", dict[str, Any])  # it is the server that is waited for
        soon = api.impatient()
        soon.patience = NODE_PATIENCE
        return soon.text(path, **query)
