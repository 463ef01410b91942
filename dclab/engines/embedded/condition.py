"""What is known of a replica: whether its checks pass, how its processes have ended, and what to say of it."""

from __future__ import annotations

import signal
import time

from dclab.engines.embedded.child import is_stopped
from dclab.engines.embedded.crashes import Crashes, liveness_back_off

__all__ = ["Condition"]

STOPPED_LOOKS = 2
"""Looks in a row, once a second, at which a replica was stopped (SIGSTOP), after which it is killed and restarted."""


class Condition:
    """That of one replica, over all its processes."""

    def __init__(self, name: str, created: float) -> None:
        """Nothing is known of one that has just been created (monotonic seconds)."""
        self.name = name
        self.passes = False
        """Whether its checks have it in its services."""
        self.since = created
        """When `passes` last changed."""
        self.crashes = Crashes()
        self.error = ""
        """How its last process ended, or why none could be started, with what it printed last."""
        self.stopped = False
        """Whether a signal has stopped its process, when it was last seen."""
        self._looks_stopped = 0
        self._unhealthy = False
        """Whether its process is being ended since its liveness probe failed."""
        self._killed_by_probe = 0
        """How often that was so."""

    def begin(self) -> None:
        """Note that a process of it is being started."""
        self._unhealthy = False

    def check(self, passes: bool) -> bool:
        """Note what its checks say now; return whether that is something new."""
        if passes:
            self.crashes.was_ready()
        if passes == self.passes:
            return False
        self.passes = passes
        self.since = time.monotonic()
        return True

    def see(self, pid: int | None) -> None:
        """See whether its process was stopped at the last look for such (`child.look_for_stopped`)."""
        self.stopped = pid is not None and is_stopped(pid)

    def look(self, pid: int | None, *, terminating: bool) -> bool:
        """See it, once a second; return whether it has been stopped for long, and is to be killed."""
        self.see(pid)
        self._looks_stopped = self._looks_stopped + 1 if self.stopped and not terminating else 0
        return self._looks_stopped >= STOPPED_LOOKS

    def fails_liveness(self) -> None:
        """Note that its liveness probe has failed, and its process is therefore ended."""
        self._unhealthy = True

    def ended(self, code: int | None, words: str) -> None:
        """Note how its process has ended, and what it said last."""
        how = _how(code)
        if self._looks_stopped >= STOPPED_LOOKS:
            how = "was stopped by a signal, not continued, and so killed"
        if self._unhealthy:
            how = "failed its liveness probe and was ended"
        self._looks_stopped, self.stopped = 0, False
        self.error = f"{how}, and said last: {words}" if words else f"{how}, and had printed nothing"

    def back_off(self, ran: float) -> float:
        """Count the end of a process after so many seconds; return the seconds to wait before the next start."""
        wait = self.crashes.add(ran)
        if self._unhealthy:
            self._killed_by_probe += 1
            wait = liveness_back_off(self._killed_by_probe)
        return wait

    def trouble(self, ready: bool) -> str:
        """Return why it is not ready, in a sentence; empty when it is, or when nothing is known against it."""
        if self.stopped:
            return f"{self.name} is stopped by a signal; unless it is continued, it is restarted within 3 s."
        if ready or not self.error:
            return ""
        again = f" ({self.crashes.in_a_row} times in a row)" if self.crashes.in_a_row > 1 else ""
        return f"{self.name} {self.error}{again}."

    @property
    def waiting(self) -> str:
        """Why it has no process while it has none, in a few words."""
        return "cannot be started" if self.error.startswith("cannot be started") else "waits to be started"


def _how(code: int | None) -> str:
    """Return how a process ended."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal
        return f"was ended by signal {-code}"
