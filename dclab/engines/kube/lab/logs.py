"""Logs of the lab's replicas: their last lines, and new ones as they come.

A log is followed by asking again and again, so that neither an API server that was away nor a pod that was replaced ends
it, and no connection a pod is held open.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.faults import NotFound
from dclab.engines.kube.lab import rollout
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.workloads import Pod, main_container
from dclab.errors import InvalidInput, LabLost
from dclab.lab import LogLine

__all__ = ["Log", "follow", "last_lines", "since_time", "stamped"]

EVERY = 0.5
"""Seconds between two looks."""

_LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?(.*)", re.DOTALL)
"""A line with the time at which the container printed it, as `timestamps=true` gives it: docker's in UTC, containerd's
in its node's time zone, either with up to nine digits of a second."""


def stamped(line: str) -> tuple[float, str] | None:
    """Return unix seconds and text of a line of a log with timestamps; None for any other."""
    found = _LINE.fullmatch(line)
    try:
        return (datetime.fromisoformat(found[1]).timestamp(), found[2].removesuffix("\r")) if found else None
    except ValueError:
        return None


class Log:
    """The log of one replica, of which each line is told once."""

    def __init__(self, replica: str) -> None:
        self.replica = replica
        self._second: int | None = None
        """The last second in which it printed something: sinceTime is in whole seconds."""
        self._told: set[str] = set()
        """What it printed in that second."""

    @property
    def query(self) -> dict[str, str | int]:
        """What to ask for next; everything, before it has printed anything."""
        since = {} if self._second is None else {"sinceTime": since_time(self._second)}
        return {"timestamps": "true", **since}

    def new_lines(self, text: str) -> Iterator[tuple[float, LogLine]]:
        """Yield the lines of an answer that were not there before, each with its unix seconds."""
        for line in text.split("\n"):
            found = stamped(line)
            if found is None or line in self._told:
                continue
            second = math.floor(found[0])
            if self._second is None or second > self._second:
                self._second = second
                self._told.clear()
            elif second < self._second:
                continue
            self._told.add(line)
            yield found[0], LogLine(self.replica, found[1])


def since_time(second: int) -> str:
    """Return what `sinceTime` takes."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def last_lines(api: Api, namespace: str, deployment: str, lines: int) -> list[LogLine]:
    """Return the last lines of every replica of a deployment."""
    return [
        LogLine(pod.metadata.name, text.removesuffix("\r"))
        for pod in _pods(api, namespace, [deployment])
        for text in _read(api, namespace, pod, tailLines=lines).removesuffix("\n").split("\n")
        if text
    ]


def follow(
    api: Api, namespace: str, deployments: Sequence[str], lines: int, sleep: Callable[[float], None] = time.sleep
) -> Iterator[LogLine]:
    """Yield the last lines of every replica, then new ones; those that came between two looks in order of time.

    Raises:
        LabLost: the lab is gone, or its cluster does not answer any more.
    """
    logs: dict[str, Log] = {}
    first = True
    while True:
        pods = _pods(api, namespace, deployments)
        if not pods and not rollout.names(api, namespace):
            raise LabLost(f"The lab in the namespace {namespace!r} has ended.", "", "`dclab up` starts one.")
        logs = {pod.metadata.name: logs.get(pod.metadata.name) or Log(pod.metadata.name) for pod in pods}
        found: list[tuple[float, LogLine]] = []
        for pod in pods:
            log = logs[pod.metadata.name]
            limit: dict[str, str | int] = {"tailLines": lines} if first else {}
            found += log.new_lines(_read(api, namespace, pod, **log.query, **limit))
        yield from (line for _, line in sorted(found, key=lambda one: one[0]))
        first = False
        sleep(EVERY)


def _pods(api: Api, namespace: str, deployments: Sequence[str]) -> Sequence[Pod]:
    selector = f"app in ({','.join(deployments)}),{SELECTOR}"
    return api.list(path_of("v1", "Pod", namespace), Pod, labelSelector=selector)


def _read(api: Api, namespace: str, pod: Pod, **query: str | int) -> str:
    """Read a log; empty for a pod that is gone, or whose container has not started (400, so InvalidInput)."""
    try:
        path = path_of("v1", "Pod", namespace, pod.metadata.name)
        return api.text(f"{path}/log", container=main_container(pod), **query)
    except (NotFound, InvalidInput):
        return ""
