"""What a question must pass before a supervisor answers it: its version, the lab that it means, its end, its holder."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Collection

from dclab import __version__
from dclab.engines import states
from dclab.engines.embedded import questions
from dclab.engines.embedded.wire import Envelope, Settings
from dclab.engines.states import Holder
from dclab.errors import LabEnded, NotSupported

__all__ = ["CHANGING", "LAST_WORDS", "Gate"]

CHANGING: Collection[str] = {
    one.verb
    for one in (
        questions.Scale,
        questions.Configure,
        questions.RollOut,
        questions.RollBack,
        questions.DeleteReplica,
        questions.SetLoadBalancing,
        questions.StartLoad,
        questions.ScrapeEvery,
        questions.ApplyAutoscaler,
        questions.RemoveAutoscaler,
    )
}
"""Verbs by which a measurement of someone else would become one of another lab."""

LAST_WORDS: Collection[str] = {
    one.verb for one in (questions.AskJob, questions.AskJobLog, questions.StopJob, questions.AskPasses, questions.Down)
}
"""Verbs that are answered while the lab is being ended: what was measured is still to be had."""


class Gate:
    """Whether the lab is being ended and by whom, and who holds it."""

    def __init__(self, settings: Settings) -> None:
        self._name = settings.name
        self._instance = settings.instance
        self.ended_by = ""
        """Who has ended the lab; empty while it runs."""
        self._holder: Holder | None = None
        self._token = ""
        self.closed = asyncio.Event()
        """Set as soon as the lab is being ended: what waits for an answer gets none."""

    def close(self, by: str) -> None:
        """Answer nothing any more, since the lab is being ended; the first who does so is the one who is named."""
        if not self.closed.is_set():
            self.ended_by = by
            self.closed.set()

    def check(self, envelope: Envelope) -> None:
        """Let a question through, or say why not.

        Raises:
            NotSupported: it comes from another version of dclab, and is not `down`.
            LabEnded: the lab is being ended, or another one is meant.
            LabHeld: it would change the lab, and someone else holds it.
        """
        down = envelope.verb == questions.Down.verb
        if envelope.version != __version__ and not down:
            raise NotSupported(
                f"This lab runs with dclab {__version__}.",
                f"It was asked by {f'dclab {envelope.version}' if envelope.version else 'an older dclab'}.",
                "Use the same version, or start the lab again: `dclab down`, then `dclab up`.",
            )
        if envelope.instance not in ("", self._instance):
            raise states.ended(self._name, f" --name {self._name}", replaced=True)
        if self.closed.is_set() and envelope.verb not in LAST_WORDS:
            raise self.ended()
        if envelope.verb in CHANGING and self._holder and envelope.hold != self._token:
            raise states.held(self._name, self._holder)

    def ended(self) -> LabEnded:
        """Return the error for clients that still wait for an answer."""
        return states.ended(self._name, f" --name {self._name}", self.ended_by)

    def take(self, what: str, pid: int) -> str:
        """Let a command hold the lab; return its token. LabHeld: another one does."""
        if self._holder:
            raise states.held(self._name, self._holder)
        self._holder = Holder(what=what, pid=pid, since=time.time())
        self._token = secrets.token_hex(8)
        return self._token

    def release(self, token: str) -> None:
        """End a hold."""
        if token == self._token:
            self._holder, self._token = None, ""
