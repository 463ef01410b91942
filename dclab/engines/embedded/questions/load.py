"""Questions about load: how services balance it, and the jobs that make it."""

from __future__ import annotations

from typing import ClassVar

from dclab.engines.embedded.questions.question import Question
from dclab.lab import JobStatus
from dclab.manifests import Workload

__all__ = ["AskJob", "AskJobLog", "SetLoadBalancing", "StartLoad", "StopJob"]


class SetLoadBalancing(Question[None], frozen=True):
    """Set the load-balancing policy of every service."""

    verb: ClassVar[str] = "set_load_balancing"
    policy: str


class StartLoad(Question[str], frozen=True):
    """Run a Job; its name is the answer."""

    verb: ClassVar[str] = "start_load"
    workload: Workload


class AskJob(Question[JobStatus], frozen=True):
    """State of a job."""

    verb: ClassVar[str] = "job_status"
    name: str


class AskJobLog(Question[str], frozen=True):
    """Everything that a job printed so far."""

    verb: ClassVar[str] = "job_log"
    name: str


class StopJob(Question[None], frozen=True):
    """End a job."""

    verb: ClassVar[str] = "job_stop"
    name: str
