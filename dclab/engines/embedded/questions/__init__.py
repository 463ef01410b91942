"""What an embedded lab can be asked: a class for each verb, with its arguments and the type of its answer.

The client encodes an object of it, the supervisor decodes it (`verbs` answers it): both sides read the same types.
"""

from __future__ import annotations

from dclab.engines.embedded.questions.deployments import (
    AskCpuRequest,
    AskHealth,
    AskReplicas,
    AskReports,
    AskRoom,
    AskSpent,
    AskTrouble,
    AskUsage,
    Configure,
    DeleteReplica,
    ReplicaSpent,
    RollBack,
    RollOut,
    Scale,
)
from dclab.engines.embedded.questions.lab import (
    About,
    AskAbout,
    AskStates,
    Down,
    Hold,
    Port,
    Ready,
    ReplicaState,
)
from dclab.engines.embedded.questions.load import AskJob, AskJobLog, SetLoadBalancing, StartLoad, StopJob
from dclab.engines.embedded.questions.metrics import (
    ApplyAutoscaler,
    AskAutoscaler,
    AskPasses,
    AskPrometheus,
    AskQuantities,
    AskServedMetrics,
    RemoveAutoscaler,
    ScrapeEvery,
)
from dclab.engines.embedded.questions.question import Question, answer_type

__all__ = [
    "About",
    "ApplyAutoscaler",
    "AskAbout",
    "AskAutoscaler",
    "AskCpuRequest",
    "AskHealth",
    "AskJob",
    "AskJobLog",
    "AskPasses",
    "AskPrometheus",
    "AskQuantities",
    "AskReplicas",
    "AskReports",
    "AskRoom",
    "AskServedMetrics",
    "AskSpent",
    "AskStates",
    "AskTrouble",
    "AskUsage",
    "Configure",
    "DeleteReplica",
    "Down",
    "Hold",
    "Port",
    "Question",
    "Ready",
    "RemoveAutoscaler",
    "ReplicaSpent",
    "ReplicaState",
    "RollBack",
    "RollOut",
    "Scale",
    "ScrapeEvery",
    "SetLoadBalancing",
    "StartLoad",
    "StopJob",
    "answer_type",
]
