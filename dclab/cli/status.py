"""dclab status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dclab.cli.lab_state import ShownDeployment, deployment_states, deployment_table
from dclab.cli.result import Result
from dclab.cli.verb import LabCall, verb

__all__ = ["status"]


@dataclass(frozen=True, kw_only=True)
class Status(Result):
    """A lab as it is now. What its engine knows of it beside has a key of its own each."""

    name: str
    engine: str
    reason: str
    supervisor_pid: int | None = None
    context: str | None = None
    server: str | None = None
    namespace: str | None = None
    clock_speed: float
    deployments: Mapping[str, ShownDeployment]
    urls: Mapping[str, str]

    def text(self) -> Iterator[Any]:
        """The deployments as a table, and the address of every service."""
        clock = "" if self.clock_speed == 1 else f"; the autoscaler's clock runs ×{self.clock_speed:g}"
        cluster = f", context {self.context!r} at {self.server}" if self.context else ""
        yield f"The lab {self.name!r} runs on the {self.engine} engine{cluster}{clock}."
        yield deployment_table(self.deployments)
        yield from (f"{service}: {url}" for service, url in self.urls.items())


@verb
def status(call: LabCall) -> Status:
    """Show what runs, with its CPU and memory.

    Replicas ready and wanted, restarts, and the address of every service.

    Example: dclab status
    """
    lab = call.lab
    return Status(
        name=lab.name,
        engine=lab.engine,
        reason=call.choice.reason,
        **lab.identity(),
        clock_speed=lab.clock_speed,
        deployments=deployment_states(lab),
        urls=lab.addresses(),
    )
