"""Logs of the lab's replicas: their last lines, and new ones as they come.

A log is followed by asking again and again, so that neither an API server that was away nor a pod that was replaced ends
it, and no connection a pod is held open.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.faults import NotFound
from dclab.engines.kube.lab import rollout
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.workloads import Pod
from dclab.errors import InvalidInput, LabLost
from dclab.lab import LogLine

__all__ = ["Log", "follow", "last_lines"]

EVERY = 0.5
"""Seconds between two looks."""

_LINE = re.compile(r"(?P<second>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?P<rest>\S*) ?(?P<text>.*)", re.DOTALL)
"""A line with the time at which the container printed it, as `timestamps=true` gives it (always in UTC)."""


class Log:
    """The log of one replica, of which each line is told once."""

    def __init__(self, replica: str) -> None:
        self.replica = replica
        self._second = ""
        """The last second in which it printed something: sinceTime is in whole seconds."""
        self._told: set[str] = set()
        """What it printed in that second."""

    @property
    def query(self) -> dict[str, str | int]:
        """What to ask for next; everything, before it has printed anything."""
        return {"timestamps": "true", **({"sinceTime": f"{self._second}Z"} if self._second else {})}

    def new_lines(self, text: str) -> Iterator[tuple[str, LogLine]]:
        """Yield the lines of an answer that were not there before, each with its time, which sorts as text."""
        for line in text.split("\n"):
            found = _LINE.fullmatch(line)
            if found is None or found["second"] < self._second or line in self._told:
                continue
            if found["second"] > self._second:
                self._second = found["second"]
                self._told.clear()
            self._told.add(line)
            yield found["second"] + found["rest"], LogLine(self.replica, found["text"].removesuffix("\r"))


def last_lines(api: Api, namespace: str, deployment: str, lines: int) -> list[LogLine]:
    """Return the last lines of every replica of a deployment."""
    return [
        LogLine(pod.metadata.name, text.removesuffix("\r"))
        for pod in _pods(api, namespace, [deployment])
        for text in _read(api, namespace, pod.metadata.name, tailLines=lines).removesuffix("\n").split("\n")
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
        found: list[tuple[str, LogLine]] = []
        for name, log in logs.items():
            limit: dict[str, str | int] = {"tailLines": lines} if first else {}
            found += log.new_lines(_read(api, namespace, name, **log.query, **limit))
        yield from (line for _, line in sorted(found, key=lambda one: one[0]))
        first = False
        sleep(EVERY)


def _pods(api: Api, namespace: str, deployments: Sequence[str]) -> Sequence[Pod]:
    selector = f"app in ({','.join(deployments)}),{SELECTOR}"
    return api.list(path_of("v1", "Pod", namespace), Pod, labelSelector=selector)


def _read(api: Api, namespace: str, pod: str, **query: str | int) -> str:
    """Read a log; empty for a pod that is gone, or whose container has not started (400, so InvalidInput)."""
    try:
        return api.text(path_of("v1", "Pod", namespace, pod) + "/log", **query)
    except (NotFound, InvalidInput):
        return ""
