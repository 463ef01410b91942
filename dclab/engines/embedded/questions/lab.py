"""Questions about a lab as a whole, and what its supervisor says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec

from dclab.engines.embedded.questions.question import Question, Waiting
from dclab.engines.embedded.wire import Settings
from dclab.lab import DeploymentState

__all__ = ["About", "AskAbout", "AskStates", "Down", "Hold", "Pid", "Port", "Ready", "ReplicaState"]

Pid = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


@dataclass(frozen=True, kw_only=True)
class ReplicaState:
    """One replica."""

    name: str
    pid: Pid | None
    """None while it waits to be restarted."""
    port: Port | None
    """Its own, behind its service; None for one that does not listen."""
    ready: bool
    restarts: int


@dataclass(frozen=True, kw_only=True)
class About:
    """What a supervisor says of itself and of its processes."""

    settings: Settings
    pid: Pid
    proxy_pid: Pid | None
    """Of the data path; None while it is being restarted."""
    data_path_trouble: str | None
    """Why it does not serve now; None while it does."""
    ports: dict[str, Port]
    """Port of every service."""
    load_balancing: str
    """The policy of every service."""
    redis: str
    """Path of the Redis-protocol server."""
    control_loop_worst_delay_seconds: float
    """By which the latest of all decisions of the autoscaler was late."""
    replicas: dict[str, tuple[ReplicaState, ...]]
    """Of every deployment."""
    autoscalers: dict[str, str]
    """The deployment that each scales, by its own name."""


class AskAbout(Question[About], frozen=True):
    """What it is made of."""

    verb: ClassVar[str] = "about"


class AskStates(Question[dict[str, DeploymentState]], frozen=True):
    """Counts and usage of every deployment, by its name."""

    verb: ClassVar[str] = "states"


class Ready(Waiting[None], frozen=True):
    """Wait until every deployment is ready."""

    verb: ClassVar[str] = "ready"


class Hold(Question[str], frozen=True):
    """Let nobody else change the lab while the connection stays open; the token of the hold is the answer."""

    verb: ClassVar[str] = "hold"
    what: Annotated[str, msgspec.Meta(max_length=100)]


class Down(Question[None], frozen=True):
    """End everything, then the supervisor itself. Supervisors of every version understand it."""

    verb: ClassVar[str] = "down"
