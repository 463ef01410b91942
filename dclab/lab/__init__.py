"""The protocol between experiments and engines: what one can ask of a running DockerCoins.

An experiment never knows which engine it has. Each verb states its errors. From any of them may come, too:

- `LabLost`: a part of the lab does not answer, or (`LabCrashed`, `NotAnswering`) what runs it does not; `deploy` brings
  it back, and a run does so;
- `LabEnded`: the lab was ended by someone (it is gone, or another one has its name): nothing brings it back, and a command
  that gets it stops at once;
- `LabHeld`, from a verb that changes the lab: another command holds it.
"""

from __future__ import annotations

from dclab.lab.counts import Counter, Quantities, Scrape, WorkerReport
from dclab.lab.deployments import (
    SERVICES,
    AutoscalerStatus,
    DeploymentState,
    HealthProbe,
    LogLine,
    Replicas,
    ReplicaUsage,
    Room,
    TemplateChange,
    UsageMeter,
)
from dclab.lab.load import Job, JobStatus, LoadSpec, ProbeSample, ProbeSpec
from dclab.lab.protocol import Lab, LabSummary
from dclab.results import ReplicaHealth

__all__ = [
    "SERVICES",
    "AutoscalerStatus",
    "Counter",
    "DeploymentState",
    "HealthProbe",
    "Job",
    "JobStatus",
    "Lab",
    "LabSummary",
    "LoadSpec",
    "LogLine",
    "ProbeSample",
    "ProbeSpec",
    "Quantities",
    "ReplicaHealth",
    "ReplicaUsage",
    "Replicas",
    "Room",
    "Scrape",
    "TemplateChange",
    "UsageMeter",
    "WorkerReport",
]
