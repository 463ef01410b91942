"""One lab and no other, under its hold and its lease: asking its supervisor, and what its silence means."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from dclab.engines.embedded import lifecycle, questions, wire
from dclab.engines.embedded.ask import Gone, ask
from dclab.engines.embedded.held import Hold, Lease
from dclab.engines.embedded.look import why_gone
from dclab.engines.embedded.questions import About, Question
from dclab.errors import LabCrashed, LabEnded

__all__ = ["Tenancy"]

T = TypeVar("T")


class Tenancy:
    """A lab as this command uses it."""

    def __init__(self, folder: Path, settings: wire.Settings | None = None, lease: Lease | None = None) -> None:
        """Use the lab in a folder.

        Args:
            folder: of the lab.
            settings: that it was started with; None to ask it. They say which lab it is: another one is not used.
            lease: under which it was started, if it ends with this process.
        """
        self.folder = folder
        self.name = folder.name
        self._settings = settings
        self._lease = lease
        self._hold: Hold | None = None

    @property
    def settings(self) -> wire.Settings:
        """How it was started."""
        if self._settings is None:
            self._settings = self.about().settings
        return self._settings

    @property
    def clock_speed(self) -> float:
        """1, or how many times faster than Kubernetes' the autoscaler's clock runs."""
        return self.settings.clock_speed

    @property
    def sync_seconds(self) -> float:
        """Real seconds between two decisions of the autoscaler."""
        return self.settings.sync_seconds / self.settings.clock_speed

    def about(self) -> About:
        """What the supervisor says of itself: pids, ports, replicas."""
        return self.ask(questions.AskAbout())

    def identity(self) -> Mapping[str, Any]:
        """Identity of this lab instance, to detect one that was replaced by another with the same name."""
        return {"supervisor_pid": self.about().pid, "instance": self.settings.instance}

    def deploy(self) -> None:
        """Start the supervisor again if it has crashed, with the settings, the lease and the hold it had; idempotent.

        Raises:
            LabEnded: someone has ended the lab; nothing was started, and another lab with its name was left alone.
        """
        try:
            settings = self.settings
        except LabCrashed:  # before it was asked for the first time
            settings = wire.read_settings(self.folder)
        self._understood(lambda: lifecycle.restart(settings, self._lease))
        if self._hold:
            self._hold.keep()

    def down(self) -> None:
        """Remove the lab and everything it started; idempotent. Another lab that has taken its name is left alone."""
        lifecycle.end(self.folder, self._settings.instance if self._settings else "")
        if self._lease:
            self._lease.end()
            self._lease = None

    @contextlib.contextmanager
    def hold(self, what: str) -> Iterator[None]:
        """Let nobody else change the lab for the duration; LabHeld: another command holds it."""
        if self._hold:
            yield
            return
        self.take_hold(what)
        try:
            yield
        finally:
            self.release_hold()

    def take_hold(self, what: str) -> None:
        """Hold it until `release_hold`, or until this process ends."""
        hold = Hold(self.folder, what, self.settings.instance)
        self._understood(hold.take)
        self._hold = hold

    def release_hold(self) -> None:
        """Give the hold up."""
        hold, self._hold = self._hold, None
        if hold:
            hold.release()

    def ask(self, question: Question[T]) -> T:
        """Put a question to the supervisor of this very lab, under the hold that there is.

        Raises:
            LabEnded, LabCrashed, NotAnswering: nobody listens any more, and why.
            DclabError: as `ask.ask`.
        """
        return self._understood(lambda: ask(self.folder, question, instance=self._instance, hold=self._token))

    @property
    def _instance(self) -> str:
        return self._settings.instance if self._settings else ""

    @property
    def _token(self) -> str:
        return self._hold.token if self._hold else ""

    def _understood(self, put: Callable[[], T]) -> T:
        try:
            return put()
        except (Gone, LabEnded) as error:
            by = self._hold.ended_by() if self._hold else ""
            if by or isinstance(error, Gone):
                raise why_gone(self.folder, self._instance, by) or error from error
            raise
