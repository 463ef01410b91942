"""Create the demand of a profile (workers and a load test) while another thread measures."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from dclab.elasticity.profile import Step
from dclab.experiments.observer import Observer
from dclab.lab import Job, Lab, LoadSpec
from dclab.results import Caveat

__all__ = ["MovingDemand"]

MARGIN_SECONDS = 60.0
"""By which a siege is begun longer than its step, at whose end it is stopped: by itself it would end up to a second early."""


class MovingDemand:
    """Changes the demand in a thread of its own, since scaling waits for its replicas. Leave it to end the siege.

    Args:
        lab: whose workers are scaled.
        target: what a siege asks.
        first: the demand that there is already.
        name: of the run, for what is kept and told.
        observer: is told on the thread that calls.
    """

    def __init__(self, lab: Lab, target: str, first: Step, name: str, observer: Observer) -> None:
        self._lab = lab
        self._target = target
        self._step = first
        self._name = name
        self._observer = observer
        self._job: Job | None = None
        self._ended: list[tuple[Job, bool]] = []
        """Sieges that are over, and whether they ran until they were stopped."""
        self._pool = ThreadPoolExecutor(1)
        self._change: Future[None] | None = None

    def to(self, step: Step) -> None:
        """Begin to change to a step; the one before must have been reached."""
        before, self._step = self._step, step
        self._change = self._pool.submit(self._make, before, step)

    def reached(self, workers: int) -> bool:
        """Return whether the demand is the step's, now that there are so many workers.

        Raises:
            DclabError: it cannot be made.
        """
        if self._change is not None and self._change.done():
            self.wait()
        return workers == self._step.workers and (not self._step.users or self._job is not None)

    def wait(self) -> None:
        """Return when the change has been made; raise what kept it from that."""
        change, self._change = self._change, None
        if change is not None:
            change.result()
        self._tell()

    def end(self) -> None:
        """Stop whatever runs, also what was just being started."""
        self._pool.shutdown()
        self._stop()
        self._tell()

    def _make(self, before: Step, step: Step) -> None:
        if before.users and not step.users:
            self._stop()
        if step.workers != before.workers:
            self._lab.scale("worker", step.workers)
        if step.users and not before.users:
            seconds = step.seconds / self._lab.clock_speed + MARGIN_SECONDS
            self._job = self._lab.start_load(LoadSpec(target=self._target, concurrent=step.users, seconds=seconds))

    def _stop(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            running = job.status().state == "running"
            job.stop()
            self._ended.append((job, running))

    def _tell(self) -> None:
        """Keep what sieges printed, and warn of one that ended before its time."""
        while self._ended:
            job, lasted = self._ended.pop()
            log = job.log()
            self._observer.raw("elastic-siege", [{"run": self._name, "url": job.url, "log": log}])
            if not lasted:
                self._observer.caveat(
                    Caveat(
                        code="load-incomplete",
                        message=f"{self._name}: the siege of {self._target} ended before it was stopped.",
                        hint="The demand was lower than it says from then on. Its log is in raw/elastic-siege.jsonl.",
                    )
                )
