"""Watching objects of a cluster until something holds of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from urllib3.exceptions import HTTPError

from dclab.engines.kube import faults
from dclab.engines.kube.objects import Listed, Object, Status
from dclab.engines.kube.recovery import Deadline
from dclab.engines.kube.transport import FIRST_PAUSE, Transport
from dclab.errors import NotAnswering

__all__ = ["events", "wait"]

WATCH_SECONDS = 20
"""How long a watch lasts before it is started again, so that a network that swallows it costs no more."""

T = TypeVar("T")
K = TypeVar("K", bound=Object)


def wait(
    api: Transport,
    path: str,
    kind: type[K],
    done: Callable[[Sequence[K]], T | None],
    seconds: float,
    **query: str | int,
) -> T | None:
    """List, then watch, until `done` of the objects is neither None nor False; None when time is up.

    After an outage of the API server there is more time (`Deadline`). A watch that drops is taken up where it was; one that has expired, or that the server knows nothing of, begins with
    a new list. NotAnswering: the server is away when time is up.
    """
    deadline = Deadline(api, seconds)
    while True:
        try:
            listed: Listed[K] = api.get(path, Listed[kind], **query)  # type: ignore[valid-type]
        except NotAnswering:
            if deadline.waited > seconds:
                raise
            continue
        objects: dict[str, K] = {one.metadata.name: one for one in listed.items}
        version = listed.metadata.resource_version
        if found := done(list(objects.values())):
            return found
        while (left := deadline.left()) > 0:
            try:
                length = min(WATCH_SECONDS, max(1, round(left)))
                for event, one in events(api, path, kind, version, length, query):
                    version = one.metadata.resource_version
                    if event == "DELETED":
                        objects.pop(one.metadata.name, None)
                    else:
                        objects[one.metadata.name] = one
                    if found := done(list(objects.values())):
                        return found
            except (faults.Expired, NotAnswering):
                time.sleep(FIRST_PAUSE)
                break
            except HTTPError:
                pass
            time.sleep(FIRST_PAUSE)  # of a server that ends each watch at once not too much is asked
        else:
            return None


def events(
    api: Transport, path: str, kind: type[K], version: str, seconds: int, query: Mapping[str, str | int]
) -> Iterator[tuple[str, K]]:
    """What a watch tells: ADDED, MODIFIED or DELETED, and the object; Expired at its error."""
    wanted = {**query, "watch": "true", "resourceVersion": version, "timeoutSeconds": seconds}
    answer = api.open("GET", path, wanted, read_timeout=seconds + api.answer_seconds)
    try:
        rest = b""
        for chunk in answer.stream(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in filter(None, lines):
                event = api.decode(line, _Event, path)
                if event.type == "ERROR":
                    raise faults.Expired(api.convert(event.object, Status, path).message)
                yield event.type, api.convert(event.object, kind, path)
    finally:
        answer.close()


class _Event(msgspec.Struct, frozen=True):
    """One line of a watch."""

    type: str
    object: Any = None
