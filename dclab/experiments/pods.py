"""CPU and memory of each service in each state of the lab, from the windows that lie wholly in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from dclab.measure.mean import mean_interval
from dclab.quantity import MIB
from dclab.results import PodState, Resources, ServiceUsage

__all__ = ["UsageRow", "pod_state"]


@dataclass(frozen=True, kw_only=True)
class UsageRow:
    """One window of one replica: a line of raw/pods.jsonl."""

    workers: int
    """That ran meanwhile."""
    attempt: int = 1
    """Of several attempts at a number of workers the last one counts."""
    service: str
    replica: str
    at: float
    """Unix seconds at the end of the window."""
    window_seconds: float
    cpu_millicores: float
    memory_mb: float


Windows = Mapping[str, Mapping[str, Sequence[UsageRow]]]


def _windows(rows: Iterable[UsageRow]) -> Windows:
    """Return the windows of each replica of each service, in order of time."""
    found: dict[str, dict[str, list[UsageRow]]] = {}
    for one in sorted(rows, key=lambda row: (row.service, row.replica, row.at)):
        found.setdefault(one.service, {}).setdefault(one.replica, []).append(one)
    return found


def pod_state(
    workers: int, began: float, ended: float, rows: Sequence[UsageRow], resources: Mapping[str, Resources]
) -> PodState | None:
    """Return what the services used in a state; None where no window lies in it.

    The n-th windows of a service's replicas are added up, and the interval is that of the mean of these sums.
    """
    services = {name: _service(list(each.values()), resources.get(name)) for name, each in _windows(rows).items()}
    if not services:
        return None
    return PodState(
        workers=workers,
        began=began,
        ended=ended,
        window_seconds=fmean(one.window_seconds for one in rows),
        services=services,
    )


def _service(replicas: Sequence[Sequence[UsageRow]], resources: Resources | None) -> ServiceUsage:
    count = min(map(len, replicas))
    latest = [one[-count:] for one in replicas]
    cpu = [sum(one.cpu_millicores for one in together) for together in zip(*latest, strict=True)]
    memory = [sum(one.memory_mb for one in together) * 1e6 / MIB for together in zip(*latest, strict=True)]
    mean = mean_interval(cpu)
    return ServiceUsage(
        replicas=len(replicas),
        windows=count,
        cpu_millicores=mean.mean if mean else cpu[0],
        cpu_ci95=(mean.low, mean.high) if mean else None,
        memory_mib=fmean(memory),
        resources=resources or Resources(),
    )
