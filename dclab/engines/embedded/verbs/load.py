"""Verbs on load: how services balance it, and the jobs that make it."""

from __future__ import annotations

from subprocess import SubprocessError

from dclab.engines.embedded import questions, wire
from dclab.engines.embedded.jobs import start_job
from dclab.engines.embedded.parts import Parts
from dclab.errors import DclabError, InvalidInput
from dclab.lab import JobStatus

__all__ = ["LoadVerbs"]


class LoadVerbs:
    """Answers to `questions.load`."""

    parts: Parts

    async def set_load_balancing(self, asked: questions.SetLoadBalancing) -> None:
        """Set the load-balancing policy of every service."""
        if asked.policy not in wire.LOAD_BALANCING_POLICIES:
            raise InvalidInput(
                f"There is no load-balancing policy {asked.policy!r}.",
                f"There are: {', '.join(wire.LOAD_BALANCING_POLICIES)}.",
            )
        await self.parts.services.set_load_balancing(asked.policy)

    async def start_load(self, asked: questions.StartLoad) -> str:
        """Run a Job; returns its name."""
        try:
            job = await start_job(asked.workload, self.parts.host)
        except (OSError, SubprocessError) as error:
            raise DclabError("The load test could not be started.", f"{error}.", "Run `dclab doctor`.") from error
        self.parts.jobs[job.name] = job
        return job.name

    async def job_status(self, asked: questions.AskJob) -> JobStatus:
        """State of a job."""
        return self.parts.job(asked.name).status

    async def job_log(self, asked: questions.AskJobLog) -> str:
        """Everything a job printed so far."""
        return self.parts.job(asked.name).log()

    async def job_stop(self, asked: questions.StopJob) -> None:
        """End a job."""
        await self.parts.job(asked.name).stop()
