"""What runs in a lab: counts, CPU and memory of every deployment, for `status` and `watch`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from dclab.lab import Lab, Replicas, ReplicaUsage

__all__ = ["ShownDeployment", "deployment_states", "deployment_table", "lab_troubles"]


@dataclass(frozen=True, kw_only=True)
class ShownDeployment:
    """One deployment now; usage of all its replicas together, None before it was measured."""

    desired: int
    ready: int
    terminating: int
    restarts: int
    cpu_millicores: float | None
    memory_mb: float | None
    trouble: str | None = None
    """Why replicas of it are not ready, as far as that is known."""


def deployment_states(lab: Lab) -> dict[str, ShownDeployment]:
    """Every deployment's state, by its name."""
    return {name: _shown(one.counts, one.usage, one.trouble) for name, one in lab.states().items()}


def lab_troubles(lab: Lab, states: Mapping[str, ShownDeployment]) -> tuple[str, ...]:
    """Why the lab is not ready, as far as it is known: of its data path, and of each deployment that lacks replicas."""
    found = [lab.data_path_trouble()]
    found += [one.trouble for one in states.values()]
    return tuple(filter(None, found))


def _shown(counts: Replicas, usage: Sequence[ReplicaUsage], trouble: str | None) -> ShownDeployment:
    return ShownDeployment(
        desired=counts.desired,
        ready=counts.ready,
        terminating=counts.terminating,
        restarts=counts.restarts,
        cpu_millicores=sum(one.cpu_millicores for one in usage) if usage else None,
        memory_mb=sum(one.memory_mb for one in usage) if usage else None,
        trouble=trouble,
    )


def deployment_table(states: Mapping[str, ShownDeployment]) -> Table:
    """A row for each."""
    from dclab.cli.terminal_text import table

    rows = [
        (
            name,
            f"{one.ready}/{one.desired}",
            one.restarts,
            "–" if one.cpu_millicores is None else f"{one.cpu_millicores:.0f}m",
            "–" if one.memory_mb is None else f"{one.memory_mb:.0f} MB",
        )
        for name, one in states.items()
    ]
    return table("deployment", "ready", "restarts", "CPU", "memory", rows=rows)
