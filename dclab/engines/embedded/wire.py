"""What the client and the supervisor of an embedded lab say to each other, and where.

One JSON line each way, one connection a question, over a Unix socket in the lab's private folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["LOAD_BALANCING_POLICIES", "Fault", "Question", "Settings", "socket_path"]


LOAD_BALANCING_POLICIES = ("random", "round robin", "better of two")
"""Load-balancing policies of a service: as kube-proxy does; in turn; of two random ones the one with less to do."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a lab is to be started; kept as `lab.json` in its folder."""

    name: str
    clock_speed: float = 1.0
    """1, or how many times faster than Kubernetes' the autoscaler's clock runs."""
    sync_seconds: float = 15.0
    """Between two decisions of the autoscaler, on its clock (kube-controller-manager's default)."""
    metric_resolution_seconds: float = 15.0
    """Between two usage samples, on the autoscaler's clock (metrics-server's default)."""
    webui_port: int = 0
    """Port of the web UI; 0 takes any free one."""


class Question(msgspec.Struct, frozen=True):
    """A verb of the supervisor, with its arguments by name."""

    verb: str
    arguments: dict[str, Any] = {}


class Fault(msgspec.Struct, frozen=True):
    """A DclabError on its way from the supervisor to the client."""

    code: str
    what: str
    why: str
    hint: str


def socket_path(folder: Path) -> Path:
    """The supervisor's socket."""
    return folder / "control"
