"""A trace of an autoscaler: what it saw and did, pass by pass, one JSON object a line; and running it again.

The first line is a `Header`, each other one a `Pass`. A trace may be recorded, or written by hand: what was decided may
be left out, and of a pod all but its name and times. docs/en/reference/trace.md has every field, generated from here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from dclab.autoscaler.decide import Decision, decide
from dclab.autoscaler.history import History
from dclab.autoscaler.observation import Observation
from dclab.autoscaler.spec import EMBEDDED, AutoscalerSpec, ControllerSettings
from dclab.autoscaler.unknown_fields import unknown_field
from dclab.errors import InvalidInput
from dclab.user_files import read_text

__all__ = ["SCHEMA", "Header", "Outcome", "Pass", "followed", "json_schema", "outcome", "read", "replay", "write"]

SCHEMA = "dclab/hpa-trace/1"

SMALLEST_REQUEST = 0.001
"""Millicores; Kubernetes has none below 1, and usage over nearly nothing is beyond all numbers."""

MOST_REPLICAS = 10_000
LARGEST = 1e12
"""Of quantities (millicores) and times (seconds): beyond any that is real."""

HINT = "A run of `dclab hpa-demo` writes one as raw/hpa-trace.jsonl."

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Header:
    """The first line."""

    schema: str
    """`dclab/hpa-trace/1`."""
    kubernetes: str
    """The API server's version, or the engine that the autoscaler ran in."""
    autoscaler: dict[str, Any]
    """The HorizontalPodAutoscaler as applied."""

    @property
    def target(self) -> str | None:
        """Name of the deployment that was scaled, where the autoscaler says it."""
        at: Any = self.autoscaler
        for key in ("spec", "scaleTargetRef", "name"):
            at = at.get(key) if isinstance(at, dict) else None
        return at if isinstance(at, str) else None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the controller made of it."""

    desired: int
    """The replica count that it asked for."""
    utilization: int | None
    """The first metric as it is shown, rounded: percent of the request, or in its own unit; null is `<unknown>`."""
    conditions: dict[str, tuple[str, str]]
    """Status and reason by type."""


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One pass of the controller, at `at` (seconds, on the clock that all times of the observation are on)."""

    at: float
    """Seconds."""
    seen: Observation
    """What the controller saw."""
    outcome: Outcome | None = None
    """What it decided; null where nobody recorded it."""


def write(file: Path, header: Header, passes: Iterable[Pass]) -> None:
    """Save a trace."""
    file.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in (header, *passes)))


def read(file: Path) -> tuple[Header, list[Pass]]:
    """Load a trace; InvalidInput names the line that is wrong, and how."""
    lines = [one for one in read_text(file, hint=HINT).split("\n") if one.strip()]
    if len(lines) < 2:
        raise InvalidInput(f"{file} holds no passes.", "A trace has a header and a line for each pass.", HINT)
    header = _decoded(file, 1, lines[0], Header)
    if header.schema != SCHEMA:
        raise _wrong(file, 1, f"its schema is {header.schema!r}, and this dclab reads {SCHEMA!r}")
    passes: list[Pass] = []
    for number, line in enumerate(lines[1:], 2):
        one = _decoded(file, number, line, Pass)
        if fault := _fault(one, passes[-1] if passes else None):
            raise _wrong(file, number, fault)
        passes.append(one)
    return header, passes


def _decoded(file: Path, number: int, line: str, kind: type[T]) -> T:
    try:
        found = msgspec.json.decode(line, type=kind)
        unknown = unknown_field(json.loads(line, object_pairs_hook=_once), kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _wrong(file, number, str(error)) from error
    if unknown:
        raise _wrong(file, number, unknown)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; ValueError where a key occurs twice, of which decoders take the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for i, (key, _) in enumerate(pairs) if key in dict(pairs[:i]))
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return found


def _wrong(file: Path, number: int, fault: str) -> InvalidInput:
    return InvalidInput(
        f"{file} is not a trace that can be replayed.",
        f"Line {number}: {fault}.",
        HINT,
    )


def _fault(one: Pass, before: Pass | None) -> str | None:
    """What a pass says that cannot be."""
    if not 0 <= one.at <= LARGEST:
        return f"its time is {one.at}"
    if before and one.at <= before.at:
        return f"its time {one.at:g} is not after that of the line before"
    if not 0 <= one.seen.replicas <= MOST_REPLICAS:
        return f"{one.seen.replicas} replicas are not a possible number"
    if not 0 <= one.seen.existing_replicas <= MOST_REPLICAS:
        return f"{one.seen.status_replicas} replicas in the status are not a possible number"
    if one.outcome and not 0 <= one.outcome.desired <= MOST_REPLICAS:
        return f"{one.outcome.desired} replicas are not a possible decision"
    metrics = [*one.seen.usage.values(), *(each for pods in one.seen.pod_metrics.values() for each in pods.values())]
    numbers = [*one.seen.requests.values(), *one.seen.values.values()]
    numbers += [value for each in metrics for value in (each.value, each.at, each.window)]
    numbers += [value for pod in one.seen.pods for value in (pod.started, pod.ready_changed)]
    if any(not 0 <= value <= LARGEST for value in numbers):
        return f"a quantity or a time is negative, larger than {LARGEST:g}, or not a number"
    if any(0 < value < SMALLEST_REQUEST for value in one.seen.requests.values()):
        return f"a request is smaller than {SMALLEST_REQUEST:g} millicores"
    return None


def outcome(decision: Decision) -> Outcome:
    """A decision in a trace's terms."""
    current = decision.metrics[0].current
    return Outcome(
        desired=decision.desired,
        utilization=None if current is None else round(current),
        conditions={one.type: (one.status, one.reason) for one in decision.conditions},
    )


def followed(kubernetes: str) -> ControllerSettings:
    """Return the settings of the Kubernetes that a trace's header names, or those of dclab's own autoscaler where it names none."""
    found = re.match(r"v?(\d+)\.(\d+)", kubernetes)
    return ControllerSettings(kubernetes=(int(found[1]), int(found[2]))) if found else EMBEDDED


def replay(
    spec: AutoscalerSpec, passes: Iterable[Pass], settings: ControllerSettings | None = None
) -> Iterator[tuple[Pass, Decision]]:
    """Yield each pass as it was, and what the algorithm makes of the same observation under `spec`.

    The observations are taken as they are. What limits a decision by earlier changes of the replica count goes by those
    that the trace shows, not by decisions that had no effect in it.
    """
    history = History()
    before: Pass | None = None
    for one in passes:
        if before:
            history = _with_change(spec, history, before, one.seen.replicas)
        decision = decide(spec, history, one.seen, one.at, settings)
        history = replace(decision.history, ups=history.ups, downs=history.downs)
        before = one
        yield one, decision


def _with_change(spec: AutoscalerSpec, history: History, before: Pass, replicas: int) -> History:
    """The history with the change that followed a pass, unless someone else than the autoscaler made it."""
    had, made = before.seen.replicas, before.outcome
    if replicas == had or (made and made.desired == had):
        return history
    return history.changed(spec, had, replicas, before.at)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a line: of the first one `Header`, of each other one `Pass`."""
    (header, one), parts = msgspec.json.schema_components((Header, Pass), ref_template="#/$defs/{name}")
    for part in parts.values():
        if "properties" in part:
            part["additionalProperties"] = False
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "description": "One line of a trace: the first is a Header, each other one a Pass.",
        "anyOf": [header, one],
        "$defs": parts,
    }
