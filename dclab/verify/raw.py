"""The raw data of a run, decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from dclab.errors import InvalidInput
from dclab.experiments.pods import UsageRow
from dclab.results import DemandStep, ElasticPoint, HealthLook, Loss, TimelinePoint
from dclab.user_files import read_text

__all__ = [
    "CounterRow",
    "ElasticRow",
    "MonitoringRow",
    "ProbeRow",
    "Raw",
    "ReportRow",
    "SiegeRow",
    "WaitRow",
    "WindowRow",
    "read_raw",
]

T = TypeVar("T")


class WindowRow(msgspec.Struct, frozen=True, kw_only=True):
    """One window in which a rate was measured."""

    what: str
    workers: int
    rngs: int
    hashers: int = 1
    load_balancing: str
    by: str
    attempt: int = 1
    busy: float = 0.0
    """Share of the processors' time that was used meanwhile."""
    began: float | None = None
    ended: float | None = None
    """Of a phase of the demonstration, during which the counter was not read often: the window's own ends."""


class CounterRow(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of the hash counter."""

    what: str
    t: float
    hashes: int
    attempt: int = 1


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """One report of a worker."""

    what: str
    worker: str
    t: float
    units: int
    attempt: int = 1


class ProbeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One request of the latency experiment."""

    target: str
    what: str
    workers: int
    at: float
    total_ms: float | None = None
    late_ms: float = 0.0
    connect_ms: float | None = None
    first_byte_ms: float | None = None
    status: int | None = None
    error: str | None = None
    gave_up_ms: float | None = None
    sent: bool = True


class WaitRow(msgspec.Struct, frozen=True, kw_only=True):
    """One probe beside a window of the proof."""

    target: str
    at: float
    total_ms: float | None = None


class SiegeRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the load test printed."""

    url: str
    state: str
    log: str
    exit_code: int | None = None


class MonitoringRow(msgspec.Struct, frozen=True, kw_only=True):
    """One sample of the latency graph: what Prometheus answered, or one scrape where there was none."""

    target: str
    t: float
    seconds: Annotated[str, msgspec.Meta(pattern=r"^([+-]?(\d+\.?\d*([eE][+-]?\d+)?|Inf)|NaN)$")] | None = None
    sum_seconds: float | None = None
    probes: float | None = None


class ElasticRow(msgspec.Struct, frozen=True, kw_only=True):
    """One point of a comparison of autoscalers."""

    run: str
    demand: DemandStep
    """In force when it was taken."""
    point: ElasticPoint


class Raw(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; a file that is not there is empty."""

    windows: list[WindowRow]
    counter: list[CounterRow]
    reports: list[ReportRow]
    latency: list[ProbeRow]
    proof: list[WaitRow]
    siege: list[SiegeRow]
    autoscale: list[TimelinePoint]
    hpa: list[dict[str, object]]
    elastic: list[ElasticRow]
    pods: list[UsageRow]
    monitoring: list[MonitoringRow]
    probes: list[HealthLook]
    rollout: list[HealthLook]
    losses: list[Loss]

    def of(self, window: WindowRow, rows: list[T]) -> list[T]:
        """Return the rows of a file that belong to a window."""
        key = (window.what, window.attempt)
        return [one for one in rows if (one.what, one.attempt) == key]  # type: ignore[attr-defined]


ROWS = {
    "windows": WindowRow,
    "counter": CounterRow,
    "reports": ReportRow,
    "latency": ProbeRow,
    "proof": WaitRow,
    "siege": SiegeRow,
    "autoscale": TimelinePoint,
    "hpa": dict[str, object],
    "elastic": ElasticRow,
    "pods": UsageRow,
    "monitoring": MonitoringRow,
    "probes": HealthLook,
    "rollout": HealthLook,
    "losses": Loss,
}


def read_raw(folder: Path) -> Raw:
    """Return the raw data in the folder of a run.

    Raises:
        InvalidInput: there is none, or a line of it is not what dclab writes.
    """
    if not (folder / "raw").is_dir():
        raise InvalidInput(
            f"{folder} has no raw data.", "There is no folder `raw` in it.", "Name the whole folder of a run."
        )
    return Raw(**{name: _rows(folder / "raw" / f"{name}.jsonl", kind) for name, kind in ROWS.items()})


def _rows(file: Path, kind: type[T]) -> list[T]:
    if not file.exists():
        return []
    decoder = msgspec.json.Decoder(kind)
    found: list[T] = []
    lines = read_text(file, hint="Name the whole folder of a run.").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            found.append(decoder.decode(line))
        except (msgspec.MsgspecError, RecursionError) as error:
            if number == len(lines) and not line.endswith("}"):
                break  # of a run that was cut off
            raise InvalidInput(
                f"{file} is not what dclab writes.", f"Line {number}: {error}.", "It is damaged. Name another run."
            ) from error
    return found
