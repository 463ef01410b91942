"""What an embedded lab answers: the supervisor's side of `questions`, in the same groups."""

from __future__ import annotations

import asyncio
import os

from dclab.engines.embedded import questions
from dclab.engines.embedded.container import redis_server
from dclab.engines.embedded.parts import Parts
from dclab.engines.embedded.verbs.deployments import DeploymentVerbs, counts_of, usage_of
from dclab.engines.embedded.verbs.load import LoadVerbs
from dclab.engines.embedded.verbs.metrics import MetricVerbs
from dclab.lab import DeploymentState

__all__ = ["Verbs"]


class Verbs(DeploymentVerbs, LoadVerbs, MetricVerbs):
    """The verbs of one lab; here are those on the lab as a whole. Errors travel to the client as they are."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.adding = asyncio.Lock()

    async def about(self, _: questions.AskAbout) -> questions.About:
        """Settings, pids and service ports."""
        self.parts.see()
        return questions.About(
            settings=self.parts.settings,
            pid=os.getpid(),
            proxy_pid=self.parts.services.pid,
            data_path_trouble=self.parts.services.trouble(),
            load_balancing=self.parts.services.load_balancing,
            ports=self.parts.ports,
            redis=redis_server(),
            control_loop_worst_delay_seconds=self.parts.autoscaling.worst_delay,
            replicas={
                name: tuple(
                    questions.ReplicaState(
                        name=one.name, pid=one.pid, port=one.port, ready=one.ready, restarts=one.restarts
                    )
                    for one in deployment.replicas
                )
                for name, deployment in self.parts.deployments.items()
            },
            autoscalers=self.parts.autoscaling.targets,
        )

    async def states(self, _: questions.AskStates) -> dict[str, DeploymentState]:
        """Counts and usage of every deployment."""
        self.parts.see()
        return {
            name: DeploymentState(
                counts=counts_of(one),
                usage=usage_of(self.parts, one),
                trouble=(self.parts.why(one) or None) if one.ready < one.desired else None,
            )
            for name, one in self.parts.deployments.items()
        }

    async def ready(self, asked: questions.Ready) -> None:
        """Return when every deployment has as many ready replicas as it wants."""
        await self.parts.wait(tuple(self.parts.deployments.values()), asked.timeout)

    async def down(self, _: questions.Down) -> None:
        """End everything, then the supervisor itself."""
        await self.parts.end()
